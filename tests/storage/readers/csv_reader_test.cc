// labels: unit
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>

#include "tests/storage/readers/foreign_files.h"

using namespace skipcast;
using namespace skipcast::tests;

namespace {

// A long table of two stations, hourly, with the time in four columns.
const char* const kLongRecipe = R"({
  "format": "csv", "layout": "long",
  "time": {"columns": ["year", "month", "day", "hour"], "step": "1 h"},
  "places": {"column": "station"},
  "variables": [
    {"name": "PM", "units": "ug m-3", "log": true},
    {"name": "from_east", "source": "wd", "map": {"N": 0, "E": 1, "W": -1}},
    {"name": "from_north", "source": "wd", "map": {"N": 1, "E": 0, "W": 0}}],
  "missing": ["NA"], "gap_states_max": 3, "tasks": [{"name": "t", "x": [1, 2]}]
})";

std::string long_rows(const std::string& station, const std::string& rows) {
  std::string out = "\"year\",\"month\",\"day\",\"hour\",\"PM\",\"wd\",\"station\"\r\n";
  for (size_t at = 0; at < rows.size();) {
    const size_t end = rows.find('\n', at);
    out += rows.substr(at, end - at) + ",\"" + station + "\"\r\n";
    at = end + 1;
  }
  return out;
}

struct LongFiles {
  TempDir dir;
  std::string recipe = write_text(dir.file("recipe.json"), kLongRecipe);
  ReadStates read(const std::vector<std::pair<std::string, std::string>>& stations) {
    std::vector<std::string> files;
    for (const auto& [name, rows] : stations) {
      files.push_back(write_text(dir.file(name + ".csv"), long_rows(name, rows)));
    }
    return read_states(files, recipe);
  }
};

ReadStates read_wide(const std::string& text) {
  TempDir dir;
  return read_states({write_text(dir.file("wide.csv"), text)});
}

}  // namespace

TEST_CASE("Wide CSV: needs no recipe, finds separator, step and places") {
  const ReadStates read = read_wide(
      "\xEF\xBB\xBFtime;north;\"south; old\"\r\n"
      "2016-01-01T00:00;1;-2.5\r\n\r\n2016-01-01T00:30;;NaN\r\n2016-01-01T01:00; +3e2 ;0.1\r\n");
  REQUIRE(read.status.ok());
  CHECK(read.states == 3);
  CHECK(read.schema.axis.step_s == 1800);
  CHECK(read.schema.axis.start_s == 1451606400);
  CHECK(read.schema.places.names == std::vector<std::string>{"north", "south; old"});
  CHECK(read.schema.variables[0].name == "value");
  CHECK(read.at(0, 0, 1) == -2.5F);
  CHECK(std::isnan(read.at(1, 0, 0)));
  CHECK(std::isnan(read.at(1, 0, 1)));
  CHECK(read.at(2, 0, 0) == 300.0F);
  CHECK(read.at(2, 0, 1) == 0.1F);
}

TEST_CASE("Wide CSV: missing times become NaN states and are counted") {
  const ReadStates read = read_wide("t,a\n20160101T00,1\n20160101T01,2\n20160101T05,3\n");
  REQUIRE(read.status.ok());
  CHECK(read.states == 6);
  CHECK(read.gaps == 3);
  CHECK(std::isnan(read.at(4, 0, 0)));
  CHECK(read.at(5, 0, 0) == 3.0F);
}

TEST_CASE("Wide CSV: the smallest step of the first states counts, not the first") {
  const ReadStates read = read_wide("t,a\n2016-01-01,1\n2016-01-04,2\n2016-01-05,3\n");
  REQUIRE(read.status.ok());
  CHECK(read.schema.axis.step_s == 86400);
  CHECK(read.states == 5);
}

TEST_CASE("Wide CSV: firsts of months make calendar months, other steps of 28 to 32 days do not") {
  const ReadStates months =
      read_wide("t,a\n2016-01-01,1\n2016-02-01,2\n2016-03-01,3\n2016-05-01,5\n");
  REQUIRE(months.status.ok());
  CHECK(months.schema.axis.step_months == 1);
  CHECK(months.schema.axis.start_s == 1451606400);
  CHECK(months.states == 5);
  CHECK(std::isnan(months.at(3, 0, 0)));
  const ReadStates weeks = read_wide("t,a\n2016-01-15,1\n2016-02-12,2\n2016-03-11,3\n");
  REQUIRE(weeks.status.ok());
  CHECK(weeks.schema.axis.step_s == 28 * 86400);
  const ReadStates thirty = read_wide("t,a\n2001-03-31,1\n2001-04-30,2\n2001-05-30,3\n");
  REQUIRE(thirty.status.ok());
  CHECK(thirty.schema.axis.step_s == 30 * 86400);
  CHECK(thirty.schema.axis.start_s == 985996800);
  check_failure(read_wide("t,a\n2016-01-15,1\n2016-02-15,2\n2016-03-16,3\n").status,
                Code::kBadInput, {"line 3", "\"1 month\""});
}

TEST_CASE("Wide CSV: a recipe gives every variable its columns and files") {
  TempDir dir;
  const std::string recipe = write_text(dir.file("r.json"), R"({
    "places": {"columns": ["B", "A"]},
    "variables": [{"name": "flow", "source": "{place}_flow", "file": "f*.csv", "scale": 10},
                  {"name": "speed", "source": "v_{place}", "file": "s*.csv",
                    "missing": [0.0, "x"]}]})");
  const std::string flow =
      write_text(dir.file("f.csv"), "date,A_flow,B_flow\n2016-01-01,1,2\n2016-01-02,3,4\n");
  const std::string speed =
      write_text(dir.file("s.csv"), "v_A,date,v_B\n0.0,2016-01-01,7\n8,2016-01-02,x\n");
  const ReadStates read = read_states({speed, flow}, recipe);
  REQUIRE(read.status.ok());
  CHECK(read.schema.places.names == std::vector<std::string>{"B", "A"});
  CHECK(read.at(0, 0, 0) == 20.0F);
  CHECK(read.at(1, 0, 1) == 30.0F);
  CHECK(read.at(0, 1, 0) == 7.0F);
  CHECK(std::isnan(read.at(0, 1, 1)));
  CHECK(std::isnan(read.at(1, 1, 0)));
  const ReadStates chosen = read_states({flow}, recipe, {"flow"});
  REQUIRE(chosen.status.ok());
  CHECK(chosen.schema.variables.size() == 1);
  check_failure(read_states({flow}, recipe).status, Code::kBadInput,
                {"'speed'", "s*.csv", "--var"});
  check_failure(read_states({flow}, recipe, {"depth"}).status, Code::kBadInput,
                {"r.json", "unknown variable 'depth'", "flow, speed"});
}

TEST_CASE("Wide CSV: rows without times follow start and step, headers may be absent") {
  TempDir dir;
  const std::string recipe = write_text(dir.file("r.json"), R"({"header": false,
    "time": {"start": "2016-01-01T06", "step": "5 min"}, "variables": [{"name": "v"}]})");
  const ReadStates read = read_states({write_text(dir.file("a.csv"), "1,2\n3,4\n")}, recipe);
  REQUIRE(read.status.ok());
  CHECK(read.schema.places.names == std::vector<std::string>{"1", "2"});
  CHECK(read.states == 2);
  CHECK(read.at(1, 0, 0) == 3.0F);
}

TEST_CASE("Wide CSV: other time formats, units and zones") {
  TempDir dir;
  const auto read = [&](const std::string& time, const std::string& rows) {
    const std::string recipe =
        write_text(dir.file("r.json"),
                   R"({"time": {"column": "t", )" + time + R"(}, "variables": [{"name": "v"}]})");
    return read_states({write_text(dir.file("a.csv"), "t,p\n" + rows)}, recipe);
  };
  const ReadStates german =
      read(R"("format": "%d.%m.%Y %H:%M")", "01.02.2016 03:00,1\n01.02.2016 04:00,2\n");
  REQUIRE(german.status.ok());
  CHECK(german.schema.axis.start_s == 1454295600);
  const ReadStates counted = read(R"("units": "hours since 2016-02-01 01:00")", "2,1\n3,2\n");
  REQUIRE(counted.status.ok());
  CHECK(counted.schema.axis.start_s == 1454295600);
  const ReadStates shifted = read(R"("utc_offset_hours": 8)", "2016-02-01T11,1\n2016-02-01T12,2\n");
  REQUIRE(shifted.status.ok());
  CHECK(shifted.schema.axis.start_s == 1454295600);
  check_failure(read(R"("format": "%d.%m.%Y")", "1.2.2016,1\nsoon,2\n").status, Code::kBadInput,
                {"line 3", "'soon'", "%d.%m.%Y"});
}

TEST_CASE("Long CSV: merges files by time, places from the column, categories to numbers") {
  LongFiles files;
  const ReadStates read =
      files.read({{"Dongsi", "2016,1,1,0,4,N\n2016,1,1,1,NA,E\n2016,1,1,3,6,W\n"},
                  {"Aoti", "2016,1,1,1,7,NA\n2016,1,1,2,8,N\n"}});
  REQUIRE(read.status.ok());
  CHECK(read.schema.places.names == std::vector<std::string>{"Dongsi", "Aoti"});
  CHECK(read.schema.variables[0].log_transform);
  CHECK(read.schema.tasks_json == R"([{"name":"t","x":[1,2]}])");
  CHECK(read.schema.gap_states_max == 3);
  REQUIRE(read.states == 4);
  CHECK(read.at(0, 0, 0) == 4.0F);
  CHECK(std::isnan(read.at(0, 0, 1)));
  CHECK(std::isnan(read.at(1, 0, 0)));
  CHECK(read.at(1, 1, 0) == 1.0F);
  CHECK(read.at(1, 2, 0) == 0.0F);
  CHECK(read.at(1, 0, 1) == 7.0F);
  CHECK(std::isnan(read.at(1, 1, 1)));
  CHECK(read.at(2, 2, 1) == 1.0F);
  CHECK(read.at(3, 1, 0) == -1.0F);
}

TEST_CASE("Long CSV: one file with all places, and hour 24") {
  TempDir dir;
  const std::string recipe = write_text(dir.file("r.json"), kLongRecipe);
  const std::string text =
      "year,month,day,hour,PM,wd,station\n2015,12,31,23,1,N,a\n2015,12,31,23,2,N,b\n"
      "2015,12,31,24,3,N,b\n";
  const ReadStates read = read_states({write_text(dir.file("all.csv"), text)}, recipe);
  REQUIRE(read.status.ok());
  CHECK(read.states == 2);
  CHECK(read.at(0, 0, 1) == 2.0F);
  CHECK(read.at(1, 0, 1) == 3.0F);
  CHECK(std::isnan(read.at(1, 0, 0)));
}

TEST_CASE("Gzip: reads like plain; cut short or damaged names file and line") {
  TempDir dir;
  std::string text = "time,a\n";
  for (int k = 0; k < 20000; ++k) {
    text += storage::format_time(int64_t{k} * 3600) + "," + std::to_string(k * 7919 % 10007) + "\n";
  }
  const std::string path = write_gzip(dir.file("a.csv.gz"), text);
  CHECK(read_states({path}).states == 20000);
  const std::string bytes = read_text(path);
  write_text(dir.file("cut.csv.gz"), bytes.substr(0, bytes.size() / 2));
  const ReadStates cut = read_states({dir.file("cut.csv.gz")});
  check_failure(cut.status, Code::kBadInput, {"cut.csv.gz, after line", "cut short", "again"});
  CHECK(cut.states > 100);
  std::string damaged = bytes;
  damaged[damaged.size() / 2] = static_cast<char>(~damaged[damaged.size() / 2]);
  write_text(dir.file("bad.csv.gz"), damaged);
  const ReadStates bad = read_states({dir.file("bad.csv.gz")});
  CHECK(bad.status.code() == Code::kBadInput);
  CHECK(bad.status.message().find("bad.csv.gz") != std::string::npos);
}

TEST_CASE("Bad CSV: an unparsable number names file, line, column and remedy") {
  const ReadStates read = read_wide("time,a,b\n2016-01-01,1,2\n2016-01-02,1,3x\n");
  check_failure(read.status, Code::kBadInput,
                {"wide.csv, line 3, column 'b'", "'3x' is not a number", "\"missing\""});
  check_failure(read_wide("time,a\n2016-01-01,1\n2016-01-02,inf\n").status, Code::kBadInput,
                {"line 3, column 'a'", "infinite"});
  check_failure(read_wide("time,a\n2016-01-01,1\n2016-01-02,1e39\n").status, Code::kBadInput,
                {"line 3, column 'a'", "32-bit"});
}

TEST_CASE("Bad CSV: states before the fault are handed out first") {
  std::string text = "time,a\n";
  for (int day = 10; day < 28; ++day) text += "2016-01-" + std::to_string(day) + ",1\n";
  const ReadStates read = read_wide(text + "2016-01-28,oops\n");
  CHECK(read.status.code() == Code::kBadInput);
  CHECK(read.states == 18);  // also within the look-ahead that finds the step
  TempDir dir;
  const std::string recipe =
      write_text(dir.file("r.json"), R"({"time": {"step": "1 d"}, "variables": [{"name": "v"}]})");
  const ReadStates known =
      read_states({write_text(dir.file("a.csv"), text + "2016-01-28,oops\n")}, recipe);
  check_failure(known.status, Code::kBadInput, {"a.csv, line 20", "'oops'"});
  CHECK(known.states == 18);
}

TEST_CASE("Bad CSV: time backwards, twice, off the grid, unreadable, not there") {
  check_failure(read_wide("time,a\n2016-01-02,1\n2016-01-01,1\n").status, Code::kBadInput,
                {"wide.csv, line 3", "backwards", "2016-01-02", "2016-01-01", "sort"});
  check_failure(read_wide("time,a\n2016-01-01,1\n2016-01-02,1\n2016-01-02,1\n").status,
                Code::kBadInput, {"line 4", "twice", "2016-01-02", "remove"});
  check_failure(
      read_wide("time,a\n2016-01-01T00,1\n2016-01-01T01,1\n2016-01-01T02,1\n2016-01-01T03:20,1\n")
          .status,
      Code::kBadInput, {"wide.csv, line", "nearest", "\"step\""});
  check_failure(read_wide("time,a\n2016-01-01,1\nyesterday,1\n").status, Code::kBadInput,
                {"line 3, column 'time'", "yesterday"});
  check_failure(read_wide("a,b\n1,2\n3,4\n").status, Code::kBadInput,
                {"wide.csv, line 1", "no time column", "recipe"});
  check_failure(read_wide("time,a\n2016-01-01,1\n").status, Code::kBadInput, {"step", "recipe"});
}

TEST_CASE("Bad CSV: a gap longer than allowed names both ends and the setting") {
  LongFiles files;
  const ReadStates read = files.read({{"a", "2016,1,1,0,4,N\n2016,1,1,5,1,N\n"}});
  check_failure(read.status, Code::kBadInput,
                {"a.csv, line 3", "4 states", "2016-01-01T00", "2016-01-01T05", "3 allowed",
                 "gap_states_max"});
  CHECK(read.states == 1);
}

TEST_CASE("Bad CSV: long tables report places, categories, dates and repeated rows") {
  LongFiles files;
  check_failure(files.read({{"a", "2016,1,1,0,4,NNX\n"}}).status, Code::kBadInput,
                {"a.csv, line 2, column 'wd'", "'NNX'", "\"map\""});
  check_failure(files.read({{"a", "2016,2,30,0,4,N\n"}}).status, Code::kBadInput,
                {"a.csv, line 2", "no day 30"});
  check_failure(files.read({{"a", "2016,13,1,0,4,N\n"}}).status, Code::kBadInput,
                {"line 2, column 'month'", "'13'"});
  check_failure(files.read({{"a", "2016,1,1,0,4,N\n2016,1,1,0,5,N\n"}}).status, Code::kBadInput,
                {"a.csv, line 3", "twice", "'a'"});
  TempDir dir;
  std::string listed = kLongRecipe;
  listed.replace(listed.find("{\"column\": \"station\"}"), 21,
                 "{\"column\": \"station\", \"names\": [\"b\"]}");
  const std::string recipe = write_text(dir.file("r.json"), listed);
  const std::string file = write_text(dir.file("a.csv"), long_rows("a", "2016,1,1,0,4,N\n"));
  check_failure(read_states({file}, recipe).status, Code::kBadInput,
                {"a.csv, line 2, column 'station'", "'a'", "\"places\""});
}

TEST_CASE("Bad CSV: files that are no tables") {
  TempDir dir;
  check_failure(read_states({dir.file("none.csv")}).status, Code::kNotFound,
                {"none.csv", "no such"});
  check_failure(read_wide("").status, Code::kBadInput, {"wide.csv", "empty"});
  check_failure(read_wide("time,a\n").status, Code::kBadInput, {"wide.csv", "no states"});
  check_failure(read_wide("time,a\n2016-01-01,1,2\n").status, Code::kBadInput,
                {"line 2", "3 cells", "has 2"});
  check_failure(read_wide("time,a\n2016-01-01,\"1\n2016-01-02,1\n").status, Code::kBadInput,
                {"line 2", "quote"});
  check_failure(read_wide("time,a,a\n2016-01-01,1,2\n").status, Code::kBadInput,
                {"line 1", "'a'", "twice"});
  check_failure(read_wide("time," + std::string(2 << 20, 'x') + "\n").status, Code::kBadInput,
                {"line 1", "1 MiB"});
  check_failure(read_states({dir.path()}).status, Code::kBadInput,
                {dir.path(), "folder", "recipe"});
}

TEST_CASE("Adjacency: read beside the data; NaN and other shapes name row and column") {
  TempDir dir;
  const std::string recipe = write_text(dir.file("r.json"), R"({
    "adjacency": {"file": "adj.csv"}, "variables": [{"name": "v"}]})");
  const std::string data =
      write_text(dir.file("a.csv"), "time,p,q\n2016-01-01,1,2\n2016-01-02,3,4\n");
  const auto with = [&](const std::string& matrix) {
    write_text(dir.file("adj.csv"), matrix);
    return read_states({data}, recipe);
  };
  const ReadStates good = with("0,0.5\n1,0\n");
  REQUIRE(good.status.ok());
  CHECK(good.schema.places.adjacency == std::vector<float>{0, 0.5F, 1, 0});
  check_failure(with("0,1\nnan,0\n").status, Code::kBadInput, {"adj.csv, line 2, column 1", "0"});
  check_failure(with("0,-1\n1,0\n").status, Code::kBadInput, {"adj.csv, line 1, column 2", "-1"});
  check_failure(with("0,1\n").status, Code::kBadInput, {"adj.csv", "1 rows", "2 places"});
  check_failure(with("0,1,0\n").status, Code::kBadInput,
                {"adj.csv, line 1", "3 columns", "2 places"});
  std::filesystem::remove(dir.file("adj.csv"));
  check_failure(read_states({data}, recipe).status, Code::kNotFound, {"r.json", "'adj.csv'"});
}
