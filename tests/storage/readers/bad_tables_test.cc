// labels: unit
#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>

#include "tests/storage/readers/foreign_files.h"

using namespace skipcast;
using namespace skipcast::tests;

namespace {

// Reads one CSV by a recipe that holds these keys besides one variable.
ReadStates read_csv(const std::string& keys, const std::string& text) {
  TempDir dir;
  const std::string recipe =
      write_text(dir.file("r.json"), R"({"variables": [{"name": "v"}], )" + keys + "}");
  return read_states({write_text(dir.file("a.csv"), text)}, recipe);
}

// Reads an npz of these arrays by a recipe that holds these keys besides a start and a step.
ReadStates read_npz(const std::string& keys, const std::map<std::string, std::string>& arrays) {
  TempDir dir;
  const std::string recipe = write_text(
      dir.file("r.json"), R"({"time": {"start": "2013-01-01", "step": "1 h"}, )" + keys + "}");
  return read_states({write_npz(dir.file("a.npz"), arrays)}, recipe);
}

const char* const kOneVariable = R"("variables": [{"name": "v"}])";

std::string floats(const std::string& shape, int count) {
  std::vector<float> values;
  for (int k = 0; k < count; ++k) values.push_back(static_cast<float>(k));
  return npy("<f4", shape, values);
}

}  // namespace

TEST_CASE("Bad wide CSV: columns and patterns that the recipe gets wrong") {
  const char* const text = "time,p,q\n2016-01-01,1,2\n2016-01-02,3,4\n";
  check_failure(read_csv(R"("places": {"names": ["a"], "columns": ["p", "q"]})", text).status,
                Code::kBadInput, {"r.json", "\"places\"", "different lengths"});
  check_failure(read_csv(R"("separator": ";")", text).status, Code::kBadInput,
                {"a.csv, line 1", "no time column"});
  check_failure(read_csv(R"("time": {"column": "t"})", text).status, Code::kBadInput,
                {"a.csv, line 1", "no column 't'", "time, p, q", "separator really ','"});
  check_failure(read_csv(R"("separator": "\t", "time": {"column": "t"})", text).status,
                Code::kBadInput, {"no column 't'", "separator really a tab"});
  check_failure(read_csv(R"("time": {"column": "time"})", "time\n2016-01-01\n").status,
                Code::kBadInput, {"a.csv", "no places", "recipe"});
  const ReadStates named =
      read_csv(R"("places": {"names": ["a", "b"], "columns": ["q", "p"]})", text);
  REQUIRE(named.status.ok());
  CHECK(named.schema.places.names == std::vector<std::string>{"a", "b"});
  CHECK(named.at(0, 0, 0) == 2.0F);
}

TEST_CASE("Bad wide CSV: sources without a place stand for a single column") {
  TempDir dir;
  const std::string recipe =
      write_text(dir.file("r.json"), R"({"variables": [{"name": "v", "source": "load"}]})");
  const auto read = [&](const std::string& text) {
    return read_states({write_text(dir.file("a.csv"), text)}, recipe);
  };
  const ReadStates good = read("time,other,load\n2016-01-01,1,2\n2016-01-02,3,4\n");
  REQUIRE(good.status.ok());
  CHECK(good.schema.places.names == std::vector<std::string>{"place_001"});
  CHECK(good.at(1, 0, 0) == 4.0F);
  check_failure(read("time,other\n2016-01-01,1\n2016-01-02,3\n").status, Code::kBadInput,
                {"a.csv", "no places"});
}

TEST_CASE("Bad CSV: more files than can be merged, unknown --var without a recipe") {
  TempDir dir;
  const std::string file = write_text(dir.file("a.csv"), "time,p\n2016-01-01,1\n2016-01-02,2\n");
  check_failure(read_states(std::vector<std::string>(513, file)).status, Code::kBadInput,
                {"513 files", "512", "--append"});
  check_failure(read_states({file}, "", {"speed"}).status, Code::kBadInput,
                {"a.csv", "unknown variable 'speed'", "'value'"});
  CHECK(read_states({file}, "", {"value"}).status.ok());
  check_failure(read_states({}).status, Code::kUsage, {"no input files"});
}

TEST_CASE("Bad CSV: times by units and in parts, and years that no calendar has") {
  const std::string units = R"("time": {"column": "t", "units": "days since 2016-01-01"})";
  check_failure(read_csv(units, "t,p\n1,1\nx,2\n").status, Code::kBadInput,
                {"a.csv, line 3, column 't'", "'x'", "days since"});
  check_failure(read_csv(units, "t,p\n1,1\n9000000,2\n").status, Code::kBadInput,
                {"a.csv, line 3, column 't'", "9000000 is not a time"});
  check_failure(
      read_csv(R"("time": {"column": "t", "units": "days since now"})", "t,p\n1,1\n").status,
      Code::kBadInput, {"a.csv, line 2, column 't'", "days since now"});
  const std::string parts = R"("time": {"columns": ["y", "m", "d"]})";
  check_failure(read_csv(parts, "y,m,d,p\n2016,1,1.5,1\n").status, Code::kBadInput,
                {"a.csv, line 2, column 'd'", "'1.5'", "1 to 31"});
  check_failure(read_csv(parts, "y,m,p\n2016,1,1\n").status, Code::kBadInput,
                {"a.csv, line 1", "no column 'd'"});
  check_failure(read_csv(R"("time": {"columns": ["y", "m", "d", "d", "d", "d", "d"]})", "").status,
                Code::kBadInput, {"r.json", "\"time.columns\"", "6 parts"});
}

TEST_CASE("Bad long CSV: without a place column, or with one that is not there") {
  const char* const text = "time,v\n2016-01-01,1\n";
  check_failure(read_csv(R"("layout": "long")", text).status, Code::kBadInput,
                {"r.json", "long table", "\"places\"", "\"column\""});
  check_failure(read_csv(R"("layout": "long", "places": {"column": "site"})", text).status,
                Code::kBadInput, {"a.csv, line 1", "no column 'site'", "time, v"});
  check_failure(
      read_csv(R"("layout": "long", "places": {"column": "site"})", "time,site,w\n2016-01-01,a,1\n")
          .status,
      Code::kBadInput, {"a.csv, line 1", "no column 'v'", "time, site, w"});
}

TEST_CASE("Bad transposed CSV: first columns and sessions that do not fit") {
  TempDir dir;
  const auto read = [&](const std::string& keys, const std::string& text) {
    const std::string recipe = write_text(dir.file("r.json"), R"({"layout": "transposed",
      "time": {"start": "2016-01-01", "step": "10 min"}, )" + keys +
                                                                  "}");
    return read_states(
        {write_text(dir.file("a.csv"), text), write_text(dir.file("b.csv"), "q,5,6\np,7,8\n")},
        recipe);
  };
  const std::string first = R"("variables": [{"name": "v", "file": "a.csv"}],
                               "places": {"first_column": true})";
  check_failure(read(first, "p;1;2\n").status, Code::kBadInput,
                {"a.csv, line 1", "no values", "separator"});
  const std::string both = R"("variables": [{"name": "v", "file": "a.csv"},
      {"name": "w", "file": "b.csv"}], "places": {"first_column": true})";
  check_failure(read(both, "p,1,2\nq,3,4\n").status, Code::kBadInput,
                {"b.csv", "other places", "a.csv", "order"});
  CHECK(read(both, "q,1,2\np,3,4\n").at(0, 1, 1) == 7.0F);
  check_failure(read(R"("places": {"names": ["x"]}, "variables": [{"name": "v", "file": "a.csv"}])",
                     "1,2\n3,4\n")
                    .status,
                Code::kBadInput, {"a.csv", "2 rows", "names 1 places", "\"places\""});
  check_failure(
      read(R"("sessions": {"states": 200}, "variables": [{"name": "v", "file": "a.*"}])", "1,2\n")
          .status,
      Code::kBadInput, {"r.json", "200 states of 600 s do not fit in a day"});
  check_failure(read(R"("comment": "nothing to read")", "1,2\n").status, Code::kBadInput,
                {"r.json", "\"variables\""});
}

TEST_CASE("Bad transposed CSV: a temporary folder that is not there is named") {
  const char* const before = std::getenv("TMPDIR");
  const std::string kept = before ? before : "";
  const std::string recipe = R"("layout": "transposed", "time": {"start": "2016-01-01",
                                "step": "1 h"})";
  TempDir dir;
  const std::string path =
      write_text(dir.file("r.json"), R"({"variables": [{"name": "v"}], )" + recipe + "}");
  const std::string file = write_text(dir.file("a.csv"), "1,2\n");
  REQUIRE(setenv("TMPDIR", dir.file("gone").c_str(), 1) == 0);
  const Status status = read_states({file}, path).status;
  before ? setenv("TMPDIR", kept.c_str(), 1) : unsetenv("TMPDIR");
  check_failure(status, Code::kIo, {"temporary", "TMPDIR"});
  CHECK(read_states({file}, path).states == 2);
}

TEST_CASE("NPZ: dimensions in any order after time, a single place, an index along variables") {
  const ReadStates read = read_npz(
      R"("dimensions": ["time", "variable", "place"], "variables": [
         {"name": "v", "source": "x", "index": 1}])",
      {{"x", floats("(1, 2, 3)", 6)}});
  REQUIRE(read.status.ok());
  CHECK(read.at(0, 0, 0) == 3.0F);
  CHECK(read.at(0, 0, 2) == 5.0F);
  const ReadStates single = read_npz(R"("dimensions": ["time"], "variables": [{"name": "v"}])",
                                     {{"v", floats("(4,)", 4)}});
  REQUIRE(single.status.ok());
  CHECK(single.states == 4);
  CHECK(single.at(3, 0, 0) == 3.0F);
  const ReadStates turned = read_npz(
      R"("dimensions": ["time", "lon", "lat"], "places": {"grid": true, "lat": [2, 1],
         "lon": [5, 6, 7]}, "variables": [{"name": "v"}])",
      {{"v", floats("(1, 3, 2)", 6)}});
  REQUIRE(turned.status.ok());
  CHECK(turned.schema.places.lat == std::vector<double>{1, 2});
  CHECK(turned.at(0, 0, 0) == 1.0F);  // lat 1, lon 5
  CHECK(turned.at(0, 0, 5) == 4.0F);  // lat 2, lon 7
}

TEST_CASE("Bad NPZ: dimensions that are unknown, doubled, without time or half a grid") {
  const auto status_of = [](const std::string& dimensions, const std::string& more = "") {
    return read_npz(R"("variables": [{"name": "v"}], "dimensions": )" + dimensions + more,
                    {{"v", floats("(2, 3, 4)", 24)}})
        .status;
  };
  check_failure(status_of(R"(["time", "place", "level"])"), Code::kBadInput,
                {"a.npz, array 'v'", "not 'level'"});
  check_failure(status_of(R"(["time", "place", "place"])"), Code::kBadInput,
                {"a.npz, array 'v'", "'place' twice"});
  check_failure(status_of(R"(["time", "place", "time"])"), Code::kBadInput, {"'time' twice"});
  check_failure(status_of(R"(["place", "time", "variable"])"), Code::kBadInput,
                {"'v'", "time must be the first axis", "moveaxis"});
  check_failure(status_of(R"(["time", "place", "lat"])"), Code::kBadInput,
                {"'v'", "either place, or lat and lon"});
  check_failure(status_of(R"(["time", "variable", "lat"])"), Code::kBadInput,
                {"'v'", "either place, or lat and lon"});
  check_failure(status_of(R"(["time", "lat", "lon"])"), Code::kBadInput,
                {"'v'", "\"places\"", "\"grid\": true", "lat_array"});
  check_failure(status_of(R"(["time", "lat", "lon"], "places": {"grid": true, "lat": [1, 2],
                              "lon": [1, 2, 3, 4]})"),
                Code::kBadInput, {"'v'", "12 places (3 x 4)", "r.json", "lists 8"});
}

TEST_CASE("Bad NPZ: an index where it is missing, and beyond the variables") {
  const auto status_of = [](const std::string& variable) {
    return read_npz(
               R"("dimensions": ["time", "place", "variable"], "variables": [)" + variable + "]",
               {{"x", floats("(2, 3, 4)", 24)}})
        .status;
  };
  CHECK(status_of(R"({"name": "v", "source": "x", "index": 3})").ok());
  check_failure(status_of(R"({"name": "v", "source": "x"})"), Code::kBadInput,
                {"a.npz, array 'x'", "'v' needs an \"index\" below 4"});
  check_failure(status_of(R"({"name": "v", "source": "x", "index": 4})"), Code::kBadInput,
                {"'v' needs an \"index\" below 4"});
  check_failure(read_npz(R"("dimensions": ["time", "place"], "variables": [
                           {"name": "v", "index": 1}])",
                         {{"v", floats("(2, 3)", 6)}})
                    .status,
                Code::kBadInput, {"'v' needs an \"index\" below 1"});
}

TEST_CASE("Bad NPZ: arrays of different lengths, times and places") {
  const std::string two = R"("variables": [{"name": "v"}, {"name": "w"}])";
  check_failure(read_npz(two, {{"v", floats("(2, 3)", 6)}, {"w", floats("(3, 3)", 9)}}).status,
                Code::kBadInput, {"array 'w': 3 times and 3 places", "array 'v' has 2 and 3"});
  check_failure(read_npz(two, {{"v", floats("(2, 3)", 6)}, {"w", floats("(2, 2)", 4)}}).status,
                Code::kBadInput, {"array 'w': 2 times and 2 places", "need the same"});
  TempDir dir;
  const auto timed = [&](const std::string& time, const std::string& times) {
    const std::string recipe =
        write_text(dir.file("r.json"), R"({"variables": [{"name": "v"}], "time": )" + time + "}");
    const std::map<std::string, std::string> arrays = {{"v", floats("(2, 1)", 2)}, {"t", times}};
    return read_states({write_npz(dir.file("a.npz"), arrays)}, recipe).status;
  };
  const std::string array = R"({"array": "t"})";
  check_failure(timed(array, npy<int64_t>("<i8", "(3,)", {1, 2, 3})), Code::kBadInput,
                {"a.npz, array 't'", "3 times for 2 states"});
  check_failure(timed(array, npy<int64_t>("<M8[s]", "(2,)", {0, INT64_MIN})), Code::kBadInput,
                {"a.npz, array 't', index 1", "not a time"});
  check_failure(timed(array, npy<int64_t>("<i8", "(2, 1)", {1, 2})), Code::kBadInput,
                {"array 't'", "[2, 1]", "list of numbers"});
  check_failure(timed(array, npy_texts({"a", "b"}, 1)), Code::kBadInput,
                {"array 't'", "texts where numbers are needed"});
  check_failure(
      timed(R"({"array": "t", "units": "ages since"})", npy<int64_t>("<i8", "(2,)", {1, 2})),
      Code::kBadInput, {"r.json", "ages since"});
  check_failure(timed(R"({"array": "t", "step": "1 h"})",
                      npy<int64_t>("<M8[s]", "(2,)", {1330563600, 1330560000})),
                Code::kBadInput, {"a.npz", "time index 1", "backwards"});
  const std::string longest = npy_bytes("'<f8'", "(16777216,)", "");  // as many as are allowed
  check_failure(timed(array, longest), Code::kBadInput, {"array 't'", "needs 134217728"});
  const std::string dates = npy<int64_t>("<M8[s]", "(2,)", {1330560000, 1330563600});
  CHECK(timed(array, dates).ok());
  check_failure(timed(R"({"array": "t", "units": "minutes since 2000-01-01"})", dates),
                Code::kBadInput, {"a.npz, array 't'", "dates", "\"units\"", "remove"});
  check_failure(timed(R"({"step": "1 h"})", floats("(2,)", 2)), Code::kBadInput,
                {"r.json", "\"start\"", "\"array\""});
  check_failure(read_npz(R"("title": "none")", {{"v", floats("(2, 1)", 2)}}).status,
                Code::kBadInput, {"r.json", "\"variables\""});
}

TEST_CASE("NPZ: names in any script and byte order, numbers as names, bytes") {
  const auto names_of = [](const std::string& ids) {
    return read_npz(std::string(kOneVariable) + R"(, "places": {"array": "ids"})",
                    {{"v", floats("(1, 2)", 2)}, {"ids", ids}})
        .schema.places.names;
  };
  using Names = std::vector<std::string>;
  CHECK(names_of(npy<uint32_t>("<U2", "(2,)", {0xE9, 0x1F600, 0x4E2D, 0})) == Names{"é😀", "中"});
  CHECK(names_of(npy_bytes("'>U1'", "(2,)", std::string("\0\0\0a\0\0\0b", 8))) == Names{"a", "b"});
  CHECK(names_of(npy_bytes("'|S3'", "(2,)", std::string("ab\0cde", 6))) == Names{"ab", "cde"});
  CHECK(names_of(npy<double>("<f8", "(2,)", {1.5, 773})) == Names{"1.5", "773"});
}

TEST_CASE("Bad NPY: headers of other versions and foreign bytes") {
  TempDir dir;
  const std::string recipe = write_text(dir.file("r.json"), R"({"variables": [{"name": "v"}],
    "time": {"start": "2013-01-01", "step": "1 h"}})");
  const auto read = [&](const std::string& bytes) {
    return read_states({write_text(dir.file("a.npy"), bytes)}, recipe);
  };
  std::string second = floats("(2, 1)", 2);
  second[6] = 2;  // version 2: four bytes of length
  second.insert(10, 2, '\0');
  CHECK(read(second).at(1, 0, 0) == 1.0F);
  for (const std::string& bytes :
       {std::string("\x93NUM"), std::string("a text of some length"),
        std::string("\x93NUMPY\x02\0\xFF\xFF\xFF\xFF", 12), floats("(2, 1)", 2).substr(0, 40)}) {
    check_failure(read(bytes).status, Code::kBadInput, {"a.npy", "not an npy array"});
  }
  check_failure(read(floats("(2, 1)", 2) + "x").status, Code::kBadInput,
                {"a.npy", "9 bytes", "[2, 1]", "needs 8"});
  check_failure(read(npy_bytes("'<U0'", "(2, 1)", "")).status, Code::kBadInput,
                {"a.npy", "empty texts"});
}
