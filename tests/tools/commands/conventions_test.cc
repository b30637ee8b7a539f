// labels: unit slow
// Forecast files opened by other people's programs: ncdump, xarray with warnings as errors, and a
// checker of the CF conventions; scores recomputed by independent packages.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/refusal.h"
#include "tests/support/skip.h"
#include "tests/support/trained_city.h"

using namespace skipcast::tests;

namespace {

// The Python of tools/setup's environment, or "".
std::string python() {
  const char* cache = std::getenv("SKIPCAST_CACHE");
  const char* home = std::getenv("HOME");
  const std::string folder =
      cache != nullptr ? cache : std::string(home != nullptr ? home : "") + "/.cache/skipcast";
  const std::string path = folder + "/venv/bin/python";
  return std::filesystem::exists(path) ? path : "";
}

bool has_module(const std::string& name) {
  return !python().empty() && run_program({python(), "-c", "import " + name}).exit_code == 0;
}

// Made once for this file, with the forecast f.nc.
const TrainedCity& city() {
  static const TrainedCity made;
  static const ProgramRun run =
      made.forecast({"--at", "2020-02-25T12", "--members", "8", "--out", "f.nc"});
  REQUIRE_MESSAGE(run.exit_code == 0, run.err);
  return made;
}

const char* const kReadWithXarray = R"(
import sys, warnings
warnings.simplefilter("error")
import numpy as np, xarray as xr
with xr.open_dataset(sys.argv[1]) as f:
    names = [n for n in f.data_vars if {"number", "lead_time"} <= set(f[n].dims)]
    assert names, f
    values = f[names[0]].values
    assert np.isfinite(values).all()
    assert f.sizes["number"] == 8 and f.sizes["lead_time"] == 6, f.sizes
    assert f[names[0]].attrs["units"] == "ug m-3", f[names[0]].attrs
    assert str(f["init_time"].values.ravel()[0]).startswith("2020-02-25T12"), f["init_time"]
    assert f["number"].attrs["standard_name"] == "realization"
    f.load()
)";

}  // namespace

TEST_CASE("Conventions: ncdump reads a forecast file without a word of complaint") {
  const ProgramRun run = run_program({"ncdump", "-h", city().folder.file("f.nc")});
  if (run.exit_code == 127) return skip("no ncdump here");
  CHECK(run.exit_code == 0);
  CHECK(run.err == "");
  for (const char* word : {"number", "lead_time", "CF-1.8", "entry_sigma", "seed"}) {
    CHECK_MESSAGE(run.out.find(word) != std::string::npos, word);
  }
}

TEST_CASE("Conventions: xarray opens a forecast file with warnings turned into errors") {
  if (!has_module("xarray, netCDF4")) return skip("no Python with xarray here (tools/setup)");
  const ProgramRun run = run_program({python(), "-c", kReadWithXarray, city().folder.file("f.nc")});
  CHECK_MESSAGE(run.exit_code == 0, run.err);
}

TEST_CASE("Conventions: the compliance checker finds no error") {
  if (!has_module("compliance_checker")) return skip("no compliance-checker here (tools/setup)");
  const std::string checker =
      (std::filesystem::path(python()).parent_path() / "compliance-checker").string();
  const ProgramRun run =
      run_program({checker, "--test=cf:1.8", "--criteria=lenient", city().folder.file("f.nc")});
  CHECK_MESSAGE(run.exit_code == 0, run.out);
}

TEST_CASE("Scores: independent packages compute the same from the saved forecasts") {
  if (!has_module("scores, scoringrules")) return skip("no scores package here (tools/setup)");
  const char* root = std::getenv("SKIPCAST_SOURCE_DIR");
  if (root == nullptr) return skip("run by ctest only: SKIPCAST_SOURCE_DIR is not set");
  const ProgramRun run = city().tiny.skipcast(
      {"evaluate", "city.skc", "--task", "tiny-6", "--windows", "12", "--members", "6",
       "--no-reference", "--starts", "analog", "--save", "s.nc"});
  REQUIRE_MESSAGE(run.exit_code == 0, run.err);
  const ProgramRun check =
      run_program({python(), "-W", "ignore", std::string(root) + "/tools/check_scores.py",
                   city().folder.file("s.nc")});
  CHECK_MESSAGE(check.exit_code == 0, (check.out + check.err));
  CHECK(check.out.find("crps_fair") != std::string::npos);
}
