// labels: unit
// Peak memory of the readers does not grow with the file: each read runs in a child process, whose
// peak resident set is compared with what it had when the reading began.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <netcdf.h>

#include <fstream>

#include "storage/readers/state_reader.h"
#include "tests/storage/readers/foreign_files.h"
#include "tests/support/peak_growth.h"
#include "tests/support/skip.h"

using namespace skipcast;
using namespace skipcast::tests;

namespace {

// MiB by which the peak rises while all states are read; -1 when the reading failed.
int64_t reading_growth_mib(const std::string& file, const std::string& recipe, int64_t states) {
  return peak_growth_mib([&] {
    int64_t count = 0;
    auto reader = storage::open_states({file}, recipe, {});
    while (reader.ok()) {
      auto block = (*reader)->next(256);
      if (!block.ok() || !*block) break;
      count += (*block)->states;
    }
    return count == states;
  });
}

void check_growth(int64_t growth, int64_t mib_max) {
  MESSAGE("growth " << growth << " MiB");
  CHECK(growth >= 0);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  skip(fmt::format("a sanitizer keeps freed memory, so {} MiB cannot be held", mib_max));
#else
  CHECK(growth < mib_max);
#endif
}

}  // namespace

TEST_CASE("Memory: a wide CSV of 60 MiB is read in less than 16") {
  TempDir dir;
  std::ofstream file(dir.file("w.csv"));
  std::string row;
  for (int k = 0; k < 250; ++k) row += ",123.456";
  file << "time";
  for (int k = 0; k < 250; ++k) file << ",p" << k;
  for (int64_t s = 0; s < 30000; ++s) file << '\n' << storage::format_time(s * 3600) << row;
  file.close();
  const int64_t growth = reading_growth_mib(dir.file("w.csv"), "", 30000);
  check_growth(growth, 16);
}

TEST_CASE("Memory: a transposed CSV of 40 MiB is read in less than 32") {
  TempDir dir;
  const std::string recipe = write_text(dir.file("r.json"), R"({"layout": "transposed",
    "time": {"start": "2016-01-01", "step": "1 min"}, "variables": [{"name": "v"}]})");
  std::ofstream file(dir.file("t.csv"));
  std::string cells;
  for (int k = 0; k < 1000; ++k) cells += "123.456,";
  for (int place = 0; place < 10; ++place) {
    for (int k = 0; k < 500; ++k) file << cells;
    file << "1\n";
  }
  file.close();
  const int64_t growth = reading_growth_mib(dir.file("t.csv"), recipe, 500001);
  check_growth(growth, 32);
}

TEST_CASE("Memory: an NPY of 80 MiB is read in less than 16") {
  TempDir dir;
  const std::string recipe = write_text(dir.file("r.json"), R"({
    "time": {"start": "2016-01-01", "step": "1 min"}, "variables": [{"name": "v"}]})");
  const std::vector<float> values(20'000'000, 1.5F);
  write_text(dir.file("a.npy"), npy("<f4", "(20000, 1000)", values));
  const int64_t growth = reading_growth_mib(dir.file("a.npy"), recipe, 20000);
  check_growth(growth, 16);
}

TEST_CASE("Memory: a NetCDF file of 80 MiB is read in less than 48") {
  TempDir dir;
  int id = -1, time = -1, place = -1, times = -1, data = -1;
  REQUIRE(nc_create(dir.file("a.nc").c_str(), NC_CLOBBER | NC_NETCDF4, &id) == NC_NOERR);
  nc_def_dim(id, "time", NC_UNLIMITED, &time);
  nc_def_dim(id, "place", 1000, &place);
  const int dims[] = {time, place};
  nc_def_var(id, "time", NC_INT, 1, &time, &times);
  nc_def_var(id, "v", NC_FLOAT, 2, dims, &data);
  nc_put_att_text(id, times, "units", 24, "minutes since 2016-01-01");
  nc_enddef(id);
  std::vector<float> values(1000 * 1000, 2.5F);
  std::vector<int> stamps(1000);
  for (size_t first = 0; first < 20000; first += 1000) {
    for (size_t k = 0; k < 1000; ++k) stamps[k] = static_cast<int>(first + k);
    const size_t start[] = {first, 0}, count[] = {1000, 1000};
    REQUIRE(nc_put_vara_int(id, times, start, count, stamps.data()) == NC_NOERR);
    REQUIRE(nc_put_vara_float(id, data, start, count, values.data()) == NC_NOERR);
  }
  REQUIRE(nc_close(id) == NC_NOERR);
  const int64_t growth = reading_growth_mib(dir.file("a.nc"), "", 20000);
  check_growth(growth, 48);
}
