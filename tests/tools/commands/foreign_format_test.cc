// labels: unit slow
// NumPy and NetCDF files that cannot be taken, as a user of the program meets them.
#include <doctest/doctest.h>

#include <string>

#include "tests/support/refusal.h"
#include "tests/support/skip.h"
#include "tests/support/tiny_city.h"

using namespace skipcast::tests;

namespace {

// A .npy file: version 1.0 header of 64-byte multiples, then the bytes.
std::string npy(const std::string& type, const std::string& shape, const std::string& bytes) {
  std::string header =
      "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }";
  while ((10 + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::string text("\x93NUMPY\x01\x00", 8);
  text += static_cast<char>(header.size() % 256);
  text += static_cast<char>(header.size() / 256);
  return text + header + bytes;
}

const char* const kArrayRecipe = R"({"title": "array", "format": "npz",
 "time": {"start": "2020-01-01T00", "step": "1 h"},
 "places": {"names": ["a", "b", "c"]},
 "variables": [{"name": "x", "units": "1"}]})";

ProgramRun ingest_array(const TempDir& folder, const std::string& npy_bytes) {
  const TinyCity tiny(folder.path());
  write_file(folder.file("array.json"), kArrayRecipe);
  write_file(folder.file("x.npy"), npy_bytes);
  return tiny.skipcast({"ingest", "a.skc", "--recipe", "array.json", "x.npy"});
}

}  // namespace

TEST_CASE("Bad input: a good array is taken, so that the refusals below mean something") {
  const TempDir folder;
  const ProgramRun run = ingest_array(folder, npy("<f4", "(2, 3)", std::string(24, '\0')));
  CHECK_MESSAGE(run.exit_code == 0, run.err);
}

TEST_CASE("Bad input: an array of the wrong shape names shape and file") {
  const TempDir folder;
  const ProgramRun run = ingest_array(folder, npy("<f4", "(2, 4)", std::string(32, '\0')));
  CHECK(not_refused(run, 1, {"x.npy", "4"}) == "");
}

TEST_CASE("Bad input: an array of objects is refused") {
  const TempDir folder;
  const ProgramRun run = ingest_array(folder, npy("|O", "(2, 3)", std::string(24, '\0')));
  CHECK(not_refused(run, 1, {"x.npy", "object"}) == "");
}

TEST_CASE("Bad input: an array shorter than its header says") {
  const TempDir folder;
  const ProgramRun run = ingest_array(folder, npy("<f4", "(2, 3)", std::string(10, '\0')));
  CHECK(not_refused(run, 1, {"x.npy"}) == "");
}

TEST_CASE("Bad input: a NetCDF file without a time axis") {
  const TempDir folder;
  const TinyCity tiny(folder.path());
  write_file(folder.file("x.cdl"),
             "netcdf x { dimensions: lat = 2; lon = 2; variables: float air(lat, lon); "
             "air:units = \"K\"; data: air = 1, 2, 3, 4; }");
  const ProgramRun made = run_program({"ncgen", "-o", folder.file("x.nc"), folder.file("x.cdl")});
  if (made.exit_code != 0) return skip("no ncgen here");
  CHECK(not_refused(tiny.skipcast({"ingest", "a.skc", "x.nc"}), 1, {"x.nc", "time"}) == "");
}

TEST_CASE("Bad input: a file that is not what its name says") {
  const TempDir folder;
  const TinyCity tiny(folder.path());
  write_file(folder.file("x.nc"), "this is no NetCDF file");
  CHECK(not_refused(tiny.skipcast({"ingest", "a.skc", "x.nc"}), 1, {"x.nc"}) == "");
}
