// labels: unit
#include <doctest/doctest.h>

#include <cmath>

#include "storage/formats/npy_array.h"
#include "tests/storage/readers/foreign_files.h"

using namespace skipcast;
using namespace skipcast::tests;

namespace {

const char* const kSpeedRecipe = R"({"time": {"start": "2012-03-01", "step": "5 min"},
  "variables": [{"name": "speed", "missing": [0.0]}],
  "places": {"array": "ids"}, "adjacency": {"array": "adj"}})";

struct SpeedFile {
  TempDir dir;
  std::string recipe = write_text(dir.file("r.json"), kSpeedRecipe);
  std::map<std::string, std::string> arrays = {
      {"speed", npy<float>("<f4", "(3, 2)", {1.5F, 0, 3, 4, NAN, 6})},
      {"ids", npy_texts({"773", "767542"}, 6)},
      {"adj", npy<float>("<f4", "(2, 2)", {1, 0.25F, 0, 1})}};
  ReadStates read() { return read_states({write_npz(dir.file("s.npz"), arrays)}, recipe); }
};

// One array of [2 states, 2 places] without names.
ReadStates read_array(const std::string& bytes, const std::string& more = "") {
  TempDir dir;
  const std::string recipe =
      write_text(dir.file("r.json"), R"({"time": {"start": "2012-03-01", "step": "1 h"},
                 "variables": [{"name": "v")" +
                                         more + R"(}]})");
  return read_states({write_npz(dir.file("a.npz"), {{"v", bytes}})}, recipe);
}

}  // namespace

TEST_CASE("NPZ: states, names, adjacency and missing markers from arrays") {
  SpeedFile file;
  const ReadStates read = file.read();
  REQUIRE(read.status.ok());
  CHECK(read.states == 3);
  CHECK(read.schema.axis.step_s == 300);
  CHECK(read.schema.places.names == std::vector<std::string>{"773", "767542"});
  CHECK(read.schema.places.adjacency == std::vector<float>{1, 0.25F, 0, 1});
  CHECK(read.at(0, 0, 0) == 1.5F);
  CHECK(std::isnan(read.at(0, 0, 1)));
  CHECK(std::isnan(read.at(2, 0, 0)));
  CHECK(read.at(2, 0, 1) == 6.0F);
}

TEST_CASE("NPZ: a missing marker is compared in the array's own type") {
  TempDir dir;
  const std::string recipe =
      write_text(dir.file("r.json"), R"({"time": {"start": "2016-01-01", "step": "1 h"},
    "variables": [{"name": "v", "source": "v", "missing": [-99.9]}]})");
  const auto read = [&](const std::string& bytes) {
    return read_states({write_npz(dir.file("a.npz"), {{"v", bytes}})}, recipe);
  };
  for (const ReadStates& states : {read(npy<float>("<f4", "(2, 2)", {1.5F, -99.9F, 2.5F, 3.5F})),
                                   read(npy<double>("<f8", "(2, 2)", {1.5, -99.9, 2.5, 3.5}))}) {
    REQUIRE(states.status.ok());
    CHECK(states.at(0, 0, 0) == 1.5F);
    CHECK(std::isnan(states.at(0, 0, 1)));
  }
}

TEST_CASE("NPZ: every number type, byte order and scale") {
  const auto both = [](const ReadStates& read) {
    REQUIRE(read.status.ok());
    CHECK(read.at(0, 0, 1) == 2.0F);
    CHECK(read.at(1, 0, 0) == 3.0F);
  };
  both(read_array(npy<double>("<f8", "(2, 2)", {1, 2, 3, 4})));
  both(read_array(npy<int8_t>("|i1", "(2, 2)", {1, 2, 3, 4})));
  both(read_array(npy<uint8_t>("|u1", "(2, 2)", {1, 2, 3, 4})));
  both(read_array(npy<int16_t>("<i2", "(2, 2)", {1, 2, 3, 4})));
  both(read_array(npy<uint16_t>("<u2", "(2, 2)", {1, 2, 3, 4})));
  both(read_array(npy<int32_t>("<i4", "(2, 2)", {1, 2, 3, 4})));
  both(read_array(npy<uint32_t>("<u4", "(2, 2)", {1, 2, 3, 4})));
  both(read_array(npy<int64_t>("<i8", "(2, 2)", {1, 2, 3, 4})));
  both(read_array(npy<uint64_t>("<u8", "(2, 2)", {1, 2, 3, 4})));
  both(read_array(npy<uint16_t>(">u2", "(2, 2)", {256, 512, 768, 1024})));
  both(read_array(npy<uint16_t>("<u2", "(2, 2)", {100, 200, 300, 400}), R"(, "scale": 0.01)"));
  both(read_array(npy<int16_t>("<i2", "(2, 2)", {-1, 0, 1, 2}), R"(, "offset": 2)"));
}

TEST_CASE("NPZ: variables as slices of one array, times from an array of dates") {
  TempDir dir;
  const std::string recipe = write_text(dir.file("r.json"), R"({"format": "npz",
    "time": {"array": "t"}, "gap_states_max": 2,
    "variables": [{"name": "speed", "source": "data", "index": 2},
                  {"name": "flow", "source": "data", "index": 0}]})");
  std::vector<float> data;
  for (int k = 0; k < 3 * 2 * 3; ++k) data.push_back(static_cast<float>(k));
  const std::string file =
      write_npz(dir.file("d.npz"),
                {{"data", npy("<f4", "(3, 2, 3)", data)},
                 {"t", npy<int64_t>("<M8[s]", "(3,)", {1330560000, 1330560300, 1330560900})}});
  const ReadStates read = read_states({file}, recipe);
  REQUIRE(read.status.ok());
  CHECK(read.schema.axis.start_s == 1330560000);
  CHECK(read.schema.axis.step_s == 300);
  REQUIRE(read.states == 4);
  CHECK(read.at(0, 0, 0) == 2.0F);
  CHECK(read.at(1, 0, 1) == 11.0F);
  CHECK(read.at(1, 1, 1) == 9.0F);
  CHECK(std::isnan(read.at(2, 0, 0)));
  CHECK(read.at(3, 1, 0) == 12.0F);
}

TEST_CASE("NPZ: a grid with descending latitude is turned") {
  TempDir dir;
  const std::string recipe = write_text(dir.file("r.json"), R"({
    "time": {"array": "time", "units": "hours since 2013-01-01"},
    "places": {"grid": true, "lat_array": "lat", "lon_array": "lon"},
    "variables": [{"name": "air", "source": "centi", "scale": 0.01, "units": "K"}]})");
  const std::string file =
      write_npz(dir.file("g.npz"), {{"centi", npy<uint16_t>("<u2", "(2, 2, 3)",
                                                            {100, 200, 300, 400, 500, 600,  //
                                                             700, 800, 900, 1000, 1100, 1200})},
                                    {"time", npy<int64_t>("<i8", "(2,)", {6, 12})},
                                    {"lat", npy<float>("<f4", "(2,)", {50, 40})},
                                    {"lon", npy<float>("<f4", "(3,)", {1, 2, 3})}});
  const ReadStates read = read_states({file}, recipe);
  REQUIRE(read.status.ok());
  CHECK(read.schema.places.kind == storage::PlacesKind::kGrid);
  CHECK(read.schema.places.lat == std::vector<double>{40, 50});
  CHECK(read.at(0, 0, 0) == 4.0F);
  CHECK(read.at(0, 0, 5) == 3.0F);
  CHECK(read.at(1, 0, 2) == 12.0F);
}

TEST_CASE("NPY: a single array file needs no member name") {
  TempDir dir;
  const std::string recipe = write_text(dir.file("r.json"), R"({
    "time": {"start": "2012-03-01", "step": "1 h"}, "variables": [{"name": "v"}]})");
  const std::string file = write_text(dir.file("a.npy"), npy<double>("<f8", "(2, 1)", {1, 2}));
  const ReadStates read = read_states({file}, recipe);
  REQUIRE(read.status.ok());
  CHECK(read.at(1, 0, 0) == 2.0F);
}

TEST_CASE("NPZ: SciPy's sparse adjacency in both orders") {
  TempDir dir;
  const std::string recipe = write_text(dir.file("r.json"), R"({
    "time": {"start": "2012-03-01", "step": "1 h"}, "variables": [{"name": "v"}],
    "adjacency": {"file": "sparse.npz"}})");
  const std::string data =
      write_npz(dir.file("a.npz"), {{"v", npy<float>("<f4", "(1, 2)", {1, 2})}});
  const auto read = [&](const std::string& format, int32_t row) {
    write_npz(dir.file("sparse.npz"), {{"format", npy_bytes("'|S3'", "()", format)},
                                       {"shape", npy<int64_t>("<i8", "(2,)", {2, 2})},
                                       {"indptr", npy<int32_t>("<i4", "(3,)", {0, 1, 1})},
                                       {"indices", npy<int32_t>("<i4", "(1,)", {row})},
                                       {"data", npy<double>("<f8", "(1,)", {0.5})}});
    return read_states({data}, recipe);
  };
  const ReadStates csr = read("csr", 1);
  REQUIRE(csr.status.ok());
  CHECK(csr.schema.places.adjacency == std::vector<float>{0, 0.5F, 0, 0});
  CHECK(read("csc", 1).schema.places.adjacency == std::vector<float>{0, 0, 0.5F, 0});
  check_failure(read("csr", 2).status, Code::kBadInput, {"sparse.npz"});
}

TEST_CASE("Bad NPZ: object and other types are refused with the remedy") {
  check_failure(read_array(npy<int64_t>("|O", "(2, 2)", {1, 2, 3, 4})).status, Code::kBadInput,
                {"a.npz", "'v'", "object", "astype"});
  check_failure(read_array(npy_bytes("[('a', '<f4'), ('b', '<f4')]", "(2, 2)", "0123")).status,
                Code::kBadInput, {"a.npz", "'v'", "structured"});
  check_failure(read_array(npy<int64_t>("<c8", "(2, 2)", {1, 2, 3, 4})).status, Code::kBadInput,
                {"'v'", "'<c8'", "float32"});
  check_failure(read_array(npy_texts({"a", "b"}, 1)).status, Code::kBadInput, {"'v'", "shape [2]"});
}

TEST_CASE("Bad NPZ: wrong shapes name the shape and what is expected") {
  check_failure(read_array(npy<float>("<f4", "(4,)", {1, 2, 3, 4})).status, Code::kBadInput,
                {"'v'", "[4]", "[time, place]", "dimensions"});
  check_failure(read_array(npy<float>("<f4", "(0, 2)", {})).status, Code::kBadInput, {"[0, 2]"});
  check_failure(
      read_array(npy_bytes("'<f4'", "(2, 2)", raw_bytes<float>({1, 2, 3, 4}), true)).status,
      Code::kBadInput, {"'v'", "first axis", "ascontiguousarray"});
  check_failure(read_array(npy<float>("<f4", "(2, 3)", {1, 2, 3, 4})).status, Code::kBadInput,
                {"'v'", "16 bytes", "[2, 3]", "24"});
  check_failure(
      read_array(npy<float>("<f4", "(9223372036854775807, 9223372036854775807)", {1})).status,
      Code::kBadInput, {"'v'", "too large"});
  SpeedFile file;
  file.arrays["adj"] = npy<float>("<f4", "(2, 3)", {1, 2, 3, 4, 5, 6});
  check_failure(file.read().status, Code::kBadInput, {"'adj'", "[2, 3]", "2 places"});
  SpeedFile other;
  other.arrays["ids"] = npy_texts({"a", "b", "c"}, 1);
  check_failure(other.read().status, Code::kBadInput, {"'speed'", "2 places", "3"});
}

TEST_CASE("Bad NPZ: NaN in the adjacency names row and column") {
  SpeedFile file;
  file.arrays["adj"] = npy<float>("<f4", "(2, 2)", {1, 0, NAN, 1});
  check_failure(file.read().status, Code::kBadInput,
                {"s.npz", "'adj'", "row 2, column 1", "write 0"});
}

TEST_CASE("Bad NPZ: missing arrays and recipes, infinite values, damaged files") {
  SpeedFile file;
  file.arrays.erase("speed");
  check_failure(file.read().status, Code::kNotFound, {"s.npz", "'speed'", "'adj', 'ids'"});
  file.arrays["speed"] = npy<float>("<f4", "(2, 2)", {1, 2, INFINITY, 4});
  check_failure(file.read().status, Code::kBadInput,
                {"'speed'", "time index 1", "element 0", "infinite"});
  const std::string path = file.dir.file("s.npz");
  check_failure(read_states({path}).status, Code::kBadInput, {"s.npz", "--recipe"});
  const std::string bytes = read_text(path);
  write_text(path, bytes.substr(0, bytes.size() / 2));
  check_failure(read_states({path}, file.recipe).status, Code::kBadInput, {"s.npz", "cut short"});
  std::string flipped = bytes;
  const size_t data = flipped.find("NUMPY", flipped.find("speed.npy"));
  if (data != std::string::npos) flipped[data + 130] ^= 1;  // stored, not deflated: a value's bit
  write_text(path, flipped);
  CHECK_FALSE(read_states({path}, file.recipe).status.ok());
  write_text(path, "PK is not a zip");
  check_failure(read_states({path}, file.recipe).status, Code::kBadInput, {"s.npz"});
}

TEST_CASE("NPY header: written by hand, read strictly") {
  const auto header = [](const std::string& text) { return storage::parse_npy_header(text); };
  const auto good = header("{'descr': '<f4', 'fortran_order': False, 'shape': (35064, 12, 11), }");
  REQUIRE(good.ok());
  CHECK(good->shape == std::vector<int64_t>{35064, 12, 11});
  CHECK(good->count() == 35064 * 132);
  CHECK(header("{'descr': '<f4', 'fortran_order': False, 'shape': (), }")->count() == 1);
  CHECK(header("{'shape': (3,), 'descr': '<M8[ns]', 'fortran_order': True}")->type.unit_s == 1e-9);
  for (const char* text :
       {"", "{}", "{'descr': '<f4'}", "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (x,)}", "{'descr': '<f4",
        "{'descr': '<f2', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<M8[Y]', 'fortran_order': False, 'shape': (1,)}"}) {
    INFO(text);
    CHECK_FALSE(header(text).ok());
  }
}
