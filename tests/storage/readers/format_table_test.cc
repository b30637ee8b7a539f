// labels: unit
// Which format a file is taken for.
#include <doctest/doctest.h>

#include <fstream>

#include "storage/readers/open_formats.h"
#include "tests/support/skip.h"

using namespace skipcast::storage;
using skipcast::tests::TempDir;

namespace {

std::string_view taken_for(const TempDir& folder, const std::string& name,
                           const std::string& bytes) {
  const std::string path = folder.file(name);
  std::ofstream(path, std::ios::binary) << bytes;
  return format_of(path).name;
}

}  // namespace

TEST_CASE("Formats: content rules over the name, the name over the default") {
  const TempDir folder;
  CHECK(taken_for(folder, "a.csv", "CDF\x01") == "netcdf");
  CHECK(taken_for(folder, "b", "\x89HDF\r\n") == "netcdf");
  CHECK(taken_for(folder, "c.nc", "PK\x03\x04") == "npz");
  CHECK(taken_for(folder, "d.txt", "\x93NUMPY\x01") == "npz");
  CHECK(taken_for(folder, "e.nc4", "") == "netcdf");
  CHECK(taken_for(folder, "f.npy", "x") == "npz");
  CHECK(taken_for(folder, "g.dat", "time,a\n") == "csv");
}

TEST_CASE("Formats: a recipe's names, npy among them, and no others") {
  CHECK(find_format("npy") == find_format("npz"));
  CHECK(find_format("csv")->name == "csv");
  CHECK(find_format("grib") == nullptr);
  CHECK(format_names() == "csv, npz, netcdf");
}
