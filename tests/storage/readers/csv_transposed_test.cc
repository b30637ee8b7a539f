// labels: unit
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>

#include "tests/storage/readers/foreign_files.h"

using namespace skipcast;
using namespace skipcast::tests;

namespace {

const char* const kRecipe = R"({
  "format": "csv", "layout": "transposed", "files": ["in.csv", "out.csv.gz"],
  "time": {"start": "2016-02-26T05:00", "step": "10 min"},
  "sessions": {"states": 3, "weekdays_only": true},
  "variables": [{"name": "in", "file": "in.csv"},
                {"name": "out", "file": "out.*", "missing": [-1]}],
  "adjacency": {"file": "adj.csv"}})";

struct Tables {
  TempDir dir;
  std::string recipe = write_text(dir.file("r.json"), kRecipe);
  Tables() { write_text(dir.file("adj.csv"), "0,1\n1,0\n"); }
  ReadStates read(const std::string& in, const std::string& out) {
    return read_states(
        {write_text(dir.file("in.csv"), in), write_gzip(dir.file("out.csv.gz"), out)}, recipe);
  }
};

}  // namespace

TEST_CASE("Transposed CSV: a row per place, sessions on weekdays, a file per variable") {
  Tables tables;
  const ReadStates read =
      tables.read("1,2,3,4,5,6,7\n11,12,13,14,15,16,17\n", "-1,2,3,4,5,6,7\n1,1,1,1,1,1,-1\n");
  REQUIRE(read.status.ok());
  CHECK(read.states == 7);
  CHECK(read.schema.axis.session_states == 3);
  CHECK(read.schema.axis.time_at(3) == read.schema.axis.start_s + 3 * 86400);  // Friday, Monday
  CHECK(read.schema.places.names == std::vector<std::string>{"place_001", "place_002"});
  CHECK(read.schema.places.adjacency.size() == 4);
  CHECK(read.at(0, 0, 1) == 11.0F);
  CHECK(read.at(6, 0, 0) == 7.0F);
  CHECK(std::isnan(read.at(0, 1, 0)));
  CHECK(std::isnan(read.at(6, 1, 1)));
  CHECK(read.at(5, 1, 0) == 6.0F);
}

TEST_CASE("Transposed CSV: a folder stands for the recipe's files") {
  Tables tables;
  tables.read("1,2\n3,4\n", "5,6\n7,8\n");
  const ReadStates read = read_states({tables.dir.path()}, tables.recipe);
  REQUIRE(read.status.ok());
  CHECK(read.at(1, 1, 1) == 8.0F);
  std::filesystem::remove(tables.dir.file("in.csv"));
  std::filesystem::remove(tables.dir.file("out.csv.gz"));
  check_failure(read_states({tables.dir.path()}, tables.recipe).status, Code::kNotFound,
                {tables.dir.path(), "in.csv"});
}

TEST_CASE("Transposed CSV: names in the first column, a header to skip") {
  TempDir dir;
  const std::string recipe = write_text(dir.file("r.json"), R"({"layout": "transposed",
    "header": true, "places": {"first_column": true}, "variables": [{"name": "v"}],
    "time": {"start": "2016-01-01", "step": "1 month"}})");
  const ReadStates read =
      read_states({write_text(dir.file("a.csv"), "id,jan,feb\nx,1,2\ny,3,4\n")}, recipe);
  REQUIRE(read.status.ok());
  CHECK(read.schema.places.names == std::vector<std::string>{"x", "y"});
  CHECK(read.schema.axis.step_months == 1);
  CHECK(read.at(1, 0, 0) == 2.0F);
}

TEST_CASE("Transposed CSV: bad cells and shapes name file, line and column") {
  Tables tables;
  check_failure(tables.read("1,2\n3,x\n", "5,6\n7,8\n").status, Code::kBadInput,
                {"in.csv, line 2, column 2", "'x'"});
  check_failure(tables.read("1,2\n3\n", "5,6\n7,8\n").status, Code::kBadInput,
                {"in.csv, line 2", "1 values", "have 2"});
  check_failure(tables.read("1,2\n3,4\n", "5,6\n7,8\n9,10\n").status, Code::kBadInput,
                {"out.csv.gz", "3 places x 2 times", "in.csv has 2 x 2"});
  check_failure(tables.read("", "5,6\n").status, Code::kBadInput, {"in.csv", "empty"});
  check_failure(tables.read("1,2\n3,4\n4,5\n", "1,2\n3,4\n4,5\n").status, Code::kBadInput,
                {"adj.csv", "3 places"});
  check_failure(read_states({tables.dir.file("in.csv")}, tables.recipe).status, Code::kBadInput,
                {"r.json", "'out'", "0 are given"});
}
