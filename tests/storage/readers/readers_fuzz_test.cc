// labels: fuzz
// Seeded mutations of valid inputs through every parser: no crash, no hang, and every refusal is
// a sentence that names the file. SKIPCAST_FUZZ_SEED and SKIPCAST_FUZZ_ROUNDS change the run.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "storage/formats/cf_time.h"
#include "storage/formats/npy_array.h"
#include "storage/readers/recipe.h"
#include "tests/storage/readers/foreign_files.h"
#include "tests/storage/readers/netcdf_writer.h"
#include "tests/support/mutate.h"

using namespace skipcast;
using namespace skipcast::tests;

namespace {

int64_t setting(const char* name, int64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::atoll(text) : otherwise;
}

void check_sentence(const Status& status, const std::string& file) {
  INFO(status.message());
  const bool known = status.code() == Code::kBadInput || status.code() == Code::kNotFound;
  CHECK(known);
  CHECK(status.message().size() > 20);
  if (!file.empty()) CHECK(status.message().find(file) != std::string::npos);
  const std::string& text = status.message();
  CHECK(std::all_of(text.begin(), text.end(), [](unsigned char c) { return c >= 32; }));
}

struct Counts {
  int64_t accepted = 0, refused = 0;
};

// Reads mutations of `name` (bytes) with the recipe; the other files stay as they are.
Counts fuzz_file(const std::string& name, const std::string& bytes, const std::string& recipe,
                 int64_t rounds) {
  const auto seed = static_cast<uint64_t>(setting("SKIPCAST_FUZZ_SEED", 1));
  rounds = setting("SKIPCAST_FUZZ_ROUNDS", rounds);
  MESSAGE(name << ": seed " << seed << ", " << rounds << " rounds");
  TempDir dir;
  const std::string recipe_path = recipe.empty() ? "" : write_text(dir.file("recipe.json"), recipe);
  REQUIRE(read_states({write_text(dir.file(name), bytes)}, recipe_path).status.ok());
  Counts counts;
  Dice dice(seed);
  for (int64_t round = 0; round < rounds; ++round) {
    const std::string file = write_text(dir.file(name), mutate(bytes, dice));
    const ReadStates read = read_states({file}, recipe_path);
    CHECK(std::none_of(read.values.begin(), read.values.end(),
                       [](float x) { return std::isinf(x); }));
    if (!read.status.ok()) check_sentence(read.status, "/skipcast-");
    ++(read.status.ok() ? counts.accepted : counts.refused);
  }
  CHECK(counts.refused > rounds / 10);
  return counts;
}

// One of the usual texts, or a mutation of it.
std::string spoiled(const std::string& usual, Dice& dice) {
  return dice.below(3) == 0 ? mutate(usual, dice) : usual;
}

double odd_number(Dice& dice) {
  static const std::vector<double> kOdd = {0, 1, -1, 6, 1e300, -1e300, 0.5, NAN, INFINITY, 32767};
  return kOdd[dice.below(kOdd.size())];
}

std::vector<double> odd_numbers(size_t count, Dice& dice) {
  std::vector<double> numbers;
  for (size_t k = 0; k < count; ++k) {
    numbers.push_back(dice.below(10) == 0 ? odd_number(dice) : static_cast<double>(6 * k));
  }
  return numbers;
}

// A NetCDF file that is whole as bytes but strange in what it says: netcdf-c itself may abort on
// damaged bytes, which is why only the ingest process ever opens one.
std::string write_strange_netcdf(const std::string& path, Dice& dice) {
  const size_t states = dice.below(5), stations = 1 + dice.below(3), text = 1 + dice.below(4);
  const bool netcdf4 = states == 0 || dice.below(2) == 0;  // 0 states: an unlimited dimension
  NcWriter out(path, netcdf4 ? NC_NETCDF4 : NC_CLASSIC_MODEL);
  const int time = out.dim("time", states),
            place = out.dim(dice.below(4) == 0 ? "lat" : "station", stations);
  const int length = out.dim("length", text);
  const int times = out.var("time", dice.below(2) == 0 ? NC_INT : NC_DOUBLE, {time});
  const int lat = out.var("lat", NC_FLOAT, {dice.below(4) == 0 ? time : place});
  const int names = out.var("names", NC_CHAR, {place, length});
  const std::vector<int> dims =
      dice.below(2) == 0 ? std::vector<int>{time, place} : std::vector<int>{place, time};
  const int value = out.var("v", NC_SHORT, dims);
  out.text(times, "units", spoiled("hours since 2013-01-01 00:00", dice));
  out.text(times, "calendar", spoiled("standard", dice));
  if (dice.below(2) == 0) out.text(lat, "units", spoiled("degrees_north", dice));
  if (dice.below(2) == 0) out.text(names, "cf_role", spoiled("timeseries_id", dice));
  if (dice.below(2) == 0) out.text(value, "coordinates", spoiled("names lat", dice));
  if (dice.below(3) == 0) out.text(value, "scale_factor", "one");
  if (dice.below(3) == 0) out.number(value, "add_offset", NC_DOUBLE, odd_numbers(2, dice));
  if (dice.below(3) == 0) out.number(value, "scale_factor", NC_DOUBLE, {odd_number(dice)});
  if (dice.below(3) == 0) out.number(value, "valid_range", NC_DOUBLE, odd_numbers(2, dice));
  if (dice.below(3) == 0) out.number(value, "missing_value", NC_DOUBLE, odd_numbers(3, dice));
  if (states > 0) out.put(times, odd_numbers(states, dice));
  if (stations > 0)
    out.put_chars(names, spoiled(std::string(stations * text, 'n'), dice) +
                             std::string(stations * text, 'm'));
  return out.close();
}

std::string wide_table() {
  std::string text = "time,a,\"b, c\"\n";
  for (int day = 10; day < 22; ++day) text += "2016-01-" + std::to_string(day) + ",1.5,-2e3\n";
  return text;
}

}  // namespace

TEST_CASE("Fuzz: wide, long and transposed CSV") {
  fuzz_file("w.csv", wide_table(), "", 6000);
  std::string rows = "year,month,day,hour,PM,wd,station\n";
  for (int hour = 0; hour < 6; ++hour) {
    for (const char* place : {"a", "b"}) {
      rows += "2016,2,28," + std::to_string(hour) + ",3.5,N," + place + "\n";
    }
  }
  fuzz_file("l.csv", rows, R"({"layout": "long", "places": {"column": "station"},
    "time": {"columns": ["year", "month", "day", "hour"]}, "gap_states_max": 100,
    "variables": [{"name": "PM"}, {"name": "n", "source": "wd", "map": {"N": 1}}]})",
            6000);
  fuzz_file("t.csv", "x,1,2,3\ny,4,5,6\nz,7,8,9\n", R"({"layout": "transposed",
    "places": {"first_column": true}, "time": {"start": "2016-01-01", "step": "1 h"},
    "variables": [{"name": "v"}]})",
            6000);
}

TEST_CASE("Fuzz: gzip") {
  TempDir dir;
  const std::string bytes = read_text(write_gzip(dir.file("w.csv.gz"), wide_table()));
  fuzz_file("w.csv.gz", bytes, "", 6000);
}

TEST_CASE("Fuzz: NPZ and NPY") {
  TempDir dir;
  const std::string recipe = R"({"time": {"array": "t"}, "places": {"array": "ids"},
    "variables": [{"name": "v"}], "adjacency": {"array": "adj"}, "gap_states_max": 100})";
  const std::string npz = read_text(
      write_npz(dir.file("a.npz"), {{"v", npy<float>("<f4", "(3, 2)", {1, 2, 3, 4, 5, 6})},
                                    {"ids", npy_texts({"a", "b"}, 4)},
                                    {"t", npy<int64_t>("<i8", "(3,)", {0, 60, 120})},
                                    {"adj", npy<double>("<f8", "(2, 2)", {0, 1, 1, 0})}}));
  fuzz_file("a.npz", npz, recipe, 6000);
  fuzz_file("a.npy", npy<int16_t>("<i2", "(3, 2)", {1, 2, 3, 4, 5, 6}), R"({
    "time": {"start": "2016-01-01", "step": "1 h"}, "variables": [{"name": "v"}]})",
            6000);
}

TEST_CASE("Fuzz: NetCDF files that say strange things") {
  TempDir dir;
  Dice dice(static_cast<uint64_t>(setting("SKIPCAST_FUZZ_SEED", 1)));
  Counts counts;
  for (int64_t round = setting("SKIPCAST_FUZZ_ROUNDS", 500); round > 0; --round) {
    const ReadStates read = read_states({write_strange_netcdf(dir.file("s.nc"), dice)});
    CHECK(std::none_of(read.values.begin(), read.values.end(),
                       [](float x) { return std::isinf(x); }));
    if (!read.status.ok()) check_sentence(read.status, "s.nc");
    ++(read.status.ok() ? counts.accepted : counts.refused);
  }
  MESSAGE(counts.accepted << " accepted, " << counts.refused << " refused");
  CHECK(counts.accepted > 0);
  CHECK(counts.refused > 0);
}

TEST_CASE("Fuzz: recipes") {
  const std::string text = R"({"title": "T", "format": "csv", "layout": "long", "files": ["a*"],
    "time": {"columns": ["year", "month"], "step": "10 min", "utc_offset_hours": 8},
    "places": {"column": "s", "names": ["a", "b"], "lat": [1, 2], "lon": [3, 4]},
    "variables": [{"name": "v", "units": "K", "log": true, "scale": 0.1, "missing": ["x", -9],
                   "map": {"N": 0.5, "S": -1}, "index": 2, "codec": "zstd"}],
    "adjacency": {"file": "m.npz", "array": "adj"}, "gap_states_max": 7, "missing": ["NA"],
    "tasks": [{"name": "t", "split": [0.6, 0.2, 0.2]}]})";
  REQUIRE(storage::parse_recipe(text, "r.json").ok());
  Dice dice(static_cast<uint64_t>(setting("SKIPCAST_FUZZ_SEED", 1)));
  for (int64_t round = setting("SKIPCAST_FUZZ_ROUNDS", 20000); round > 0; --round) {
    const auto recipe = storage::parse_recipe(mutate(text, dice), "r.json");
    if (!recipe.ok()) check_sentence(recipe.status(), "r.json");
    if (recipe.ok()) (void)storage::schema_of(*recipe);
  }
}

TEST_CASE("Fuzz: headers and time units") {
  Dice dice(static_cast<uint64_t>(setting("SKIPCAST_FUZZ_SEED", 1)));
  const std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (350, 12, 11), }";
  const std::string units = "hours since 2013-01-01 00:30:00 +08:00";
  for (int64_t round = setting("SKIPCAST_FUZZ_ROUNDS", 50000); round > 0; --round) {
    const auto parsed = storage::parse_npy_header(mutate(header, dice));
    if (parsed.ok()) CHECK(parsed->count() >= 0);
    const auto time = storage::CfTime::parse(mutate(units, dice), "standard");
    if (!time.ok()) check_sentence(time.status(), "");
    if (time.ok()) (void)time->to_seconds(static_cast<double>(dice.below(1U << 30)) - 5e8);
  }
}
