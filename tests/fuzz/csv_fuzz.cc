// CSV tables. The input: one byte picks a recipe, the rest is the file. Plain and gzip, wide, long
// and transposed.
#include <zlib.h>

#include "storage/files/file_io.h"
#include "storage/readers/open_formats.h"
#include "storage/readers/recipe.h"
#include "tests/fuzz/states.h"
#include "tests/fuzz/target.h"

namespace skipcast::fuzz {
namespace {

using namespace skipcast::storage;

constexpr int64_t kStatesMax = 400;

const char* const kRecipes[] = {
    "",  // a wide table explains itself
    R"({"layout": "long", "places": {"column": "s"}, "gap_states_max": 50,
        "time": {"columns": ["year", "month", "day", "hour"], "step": "1 h"},
        "variables": [{"name": "PM", "missing": [-9], "scale": 0.5},
                      {"name": "n", "source": "wd", "map": {"N": 1, "S": -1}}]})",
    R"({"layout": "transposed", "places": {"first_column": true}, "separator": ";",
        "time": {"start": "2016-01-01", "step": "1 h"}, "variables": [{"name": "v"}]})",
    R"({"time": {"column": "t", "units": "hours since 2013-01-01"}, "gap_states_max": 50,
        "variables": [{"name": "v", "source": "{place}_v"}], "missing": ["x"]})",
    R"({"time": {"column": "t", "format": "%d.%m.%Y %H:%M", "start": "2016-01-04",
        "step": "6 h"}, "gap_states_max": 50, "variables": [{"name": "v"}],
        "sessions": {"states": 4, "weekdays_only": true}})",
    R"({"layout": "long", "header": false, "separator": "\t", "places": {"column": "2"},
        "time": {"column": "1", "utc_offset_hours": 8}, "gap_states_max": 50,
        "variables": [{"name": "v", "source": "3"}]})"};

const Recipe& recipe_of(size_t kind) {
  static const std::vector<Recipe> recipes = [] {
    std::vector<Recipe> parsed(1);
    for (size_t k = 1; k < std::size(kRecipes); ++k) {
      parsed.push_back(parse_recipe(kRecipes[k], "r.json").value());
      parsed.back().path = scratch_folder() + "/r.json";
    }
    return parsed;
  }();
  return recipes[kind % recipes.size()];
}

std::string gzip(const std::string& text) {
  const std::string path = scratch_file("seed.gz", "");
  gzFile file = gzopen(path.c_str(), "wb");
  SKIPCAST_CHECK(gzwrite(file, text.data(), static_cast<unsigned>(text.size())) > 0);
  SKIPCAST_CHECK(gzclose(file) == Z_OK);
  return storage::read_file(path, 1 << 20).value();
}

}  // namespace

void check_input(std::string_view input) {
  Pieces pieces(input);
  const Recipe& recipe = recipe_of(pieces.number<uint8_t>());
  const Sources sources = {{scratch_file("t.csv", pieces.rest())}, recipe, {}};
  const auto open = [&] { return find_format("csv")->open(sources); };
  check_reader(open, "/skipcast-", kStatesMax);
}

std::vector<std::string> seed_inputs() {
  const std::string wide =
      "time,a,\"b, \"\"c\"\"\"\n2016-01-10,1.5,-2e3\n2016-01-11,,NA\r\n2016-01-14,7,8\n";
  const std::string rows =
      "year,month,day,hour,PM,wd,s\n2016,2,28,0,3.5,N,a\n2016,2,28,0,-9,S,b\n"
      "2016,2,28,1,4,N,a\n2016,2,28,3,5,S,b\n";
  return {std::string(1, '\0') + wide,
          std::string(1, '\0') + gzip(wide),
          "\x01" + rows,
          "\x01" + gzip(rows),
          "\x02x;1;2;3\ny;4;5;6\nz;7;8;9\n",
          "\x03t,a_v,b_v\n0,1,2\n1,3,x\n2.0,4,5\n",
          "\x04t,a\n04.01.2016 00:00,1\n04.01.2016 06:00,2\n05.01.2016 00:00,3\n",
          "\x05"
          "2016-01-01T00\ta\t1\n2016-01-01T00\tb\t2\n2016-01-01T01\ta\t3\n"};
}

}  // namespace skipcast::fuzz
