// Forecasts as CF-1.8 NetCDF: dimensions number (standard_name realization), init_time, lead_time,
// and place or lat/lon; opens in ncdump and xarray without warnings. The analogs' dates and
// distances, entry sigma, NFE, seed, command, configuration and fingerprints are inside.
// NetCDF-4 through netcdf-c; written to a temporary name and renamed.
#pragma once

#include <string>
#include <vector>

#include "engine/forecaster.h"

namespace skipcast::engine {

struct ForecastFileOptions {
  std::string command;   // the command line, for the history attribute
  ForecastOptions options;
};

// kIo / kNoSpace name the file. Payload bits depend on the forecast alone (no clock inside the
// variables; history carries the time).
Status write_forecast(const std::string& path, const Forecaster& forecaster,
                      const Forecast& forecast, const ForecastFileOptions& options);

}  // namespace skipcast::engine
