// A small city with coordinates and awkward names, trained and tuned a little.
#pragma once

#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/support/skip.h"
#include "tests/support/tiny_city.h"

namespace skipcast::tests {

inline constexpr const char* kAwkwardPlace = "<b>&'Bay";
inline constexpr const char* kAwkwardTitle = "Tiny </script><i> & city";

inline std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

inline std::string file_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The archive city.skc, ingested only.
struct AwkwardCity {
  AwkwardCity() : tiny(folder.path()) {
    const std::string rows = replaced(city_rows(0, kCityStates), "Harbour", kAwkwardPlace);
    write_file(folder.file("city.csv"), city_csv(rows));
    std::string recipe =
        replaced(city_recipe(), "Harbour\"]",
                 std::string(kAwkwardPlace) +
                     R"("], "lat": [40.1, 39.9, 40], "lon": [116.1, 116.4, 116.7])");
    recipe = replaced(recipe, "Tiny city", kAwkwardTitle);
    write_file(folder.file("recipe.json"), recipe);
    run({"ingest", "city.skc", "--recipe", "recipe.json", "city.csv"});
  }

  // Runs the program, which must succeed.
  ProgramRun run(const std::vector<std::string>& words) const {
    ProgramRun done = tiny.skipcast(words);
    REQUIRE_MESSAGE(done.exit_code == 0, done.err);
    return done;
  }
  std::string page(const std::string& name) const { return file_text(folder.file(name)); }

  TempDir folder;
  TinyCity tiny;
};

// The same, trained and tuned, with report.html.
struct ReportCity : AwkwardCity {
  ReportCity() {
    run({"train", "city.skc", "--task", "tiny-6", "--threads", "1"});
    run({"tune", "city.skc", "--task", "tiny-6", "--threads", "1", "--windows", "6", "--members",
         "3", "--max-nfe", "2", "--minutes", "0.02"});
    reported = run({"report", "city.skc", "--out", "report.html", "--windows", "12", "--members",
                    "6", "--threads", "1", "--json"});
  }

  ProgramRun reported;
};

}  // namespace skipcast::tests
