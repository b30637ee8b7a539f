// labels: python
// Forecast files as other people's programs see them: xarray without warnings, and a CF checker.
// Needs a Python with xarray, netCDF4 and compliance_checker (tools/setup makes one).
#include <doctest/doctest.h>

#include <string>

#include "engine/forecast/forecast_file.h"
#include "tests/support/forecast_scene.h"
#include "tests/support/python.h"
#include "tests/support/skip.h"

namespace skipcast::tests {
namespace {

constexpr const char* kOpen = R"(
import sys, warnings
import numpy, xarray
warnings.simplefilter("error")
f = xarray.open_dataset(sys.argv[1])
assert f.a.dims[:3] == ("number", "init_time", "lead_time"), f.a.dims
assert str(f.init_time.dtype).startswith("datetime64"), f.init_time.dtype
assert str(f.valid_time.dtype).startswith("datetime64")
assert f.lead_time.dtype == numpy.float64 and f.lead_time.attrs["units"] == "h"
assert f.valid_time.values[0, 2] - f.init_time.values[0] == numpy.timedelta64(3, "h")
assert numpy.isfinite(f.a.values).all() and f.a.shape[0] == 5
if "place" in f.a.dims:
    assert list(f.place_name.values.astype(str)) == ["Tiantan", "Aotizhongxin", "\u00c9toile"]
    assert (f.analog_time.values[:, 0] < f.init_time.values[0]).all()
print(f)
)";

TEST_CASE("ForecastFile: xarray opens graph and grid without a warning") {
  const std::string python = python_with("xarray, netCDF4");
  if (python.empty()) return skip("no Python with xarray and netCDF4");
  const TempDir folder;
  for (const storage::Schema& schema : {named_graph(), small_grid()}) {
    const std::string path = folder.file("f.nc");
    const ForecastScene scene(schema);
    const engine::ForecastFileOptions options = {.command = "test", .options = scene.options};
    REQUIRE(write_forecast(path, *scene.forecaster, scene.forecast, options).ok());
    const PythonRun run = run_python(python, folder, kOpen, path);
    CHECK_MESSAGE(run.exit_code == 0, run.output);
  }
}

constexpr const char* kCheck = R"(
import sys
from compliance_checker.runner import ComplianceChecker, CheckSuite
CheckSuite.load_all_available_checkers()
passed, errors = ComplianceChecker.run_checker(sys.argv[1], ["cf:1.8"], 0, "strict",
                                               output_filename=sys.argv[1] + ".txt")
text = open(sys.argv[1] + ".txt").read()
print(text)
sys.exit(0 if not errors and "Errors" not in text else 1)
)";

TEST_CASE("ForecastFile: the CF checker finds no error in graph and grid") {
  const std::string python = python_with("compliance_checker");
  if (python.empty()) return skip("no Python with compliance_checker");
  const TempDir folder;
  for (const storage::Schema& schema : {named_graph(), small_grid()}) {
    const std::string path = folder.file("f.nc");
    const ForecastScene scene(schema);
    const engine::ForecastFileOptions options = {.command = "test", .options = scene.options};
    REQUIRE(write_forecast(path, *scene.forecaster, scene.forecast, options).ok());
    const PythonRun run = run_python(python, folder, kCheck, path);
    CHECK_MESSAGE(run.exit_code == 0, run.output);
  }
}

}  // namespace
}  // namespace skipcast::tests
