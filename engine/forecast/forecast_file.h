// Forecasts as CF-1.8 NetCDF: dimensions number (standard_name realization), init_time, lead_time,
// and place or lat/lon; opens in ncdump and xarray without warnings. The analogs' dates and
// distances, entry sigma, NFE, seed, command, configuration and fingerprints are inside.
// NetCDF-4 through netcdf-c; written to a temporary name and renamed. Not thread-safe: netcdf-c
// allows one file at once in a process.
//
// Variables: one per target (number, init_time, lead_time, place | lat, lon), named by cf_name();
// number, init_time, lead_time, valid_time(init_time, lead_time), place_name or lat and lon;
// analog_time, analog_distance (number, init_time) when members have analogs, NaN where blind.
// A forecast with statistics: in place of each target <name>_mean, <name>_spread (init_time,
// lead_time, ..) and <name>_quantile (quantile, init_time, lead_time, ..), and quantile.
// Times are double seconds since 1970-01-01 (CF-1.8 has no 64-bit integers).
#pragma once

#include <cstdint>
#include <string>

#include "engine/forecast/forecaster.h"

namespace skipcast::engine {

struct ForecastFileOptions {
  std::string command;       // the command line, for the history attribute
  ForecastOptions options;   // that made the forecast
  int64_t written_at_s = 0;  // UTC, for the history attribute; 0 = now
};

// kIo / kNoSpace name the file. Payload bits depend on the forecast alone (no clock inside the
// variables; history carries the time).
Status write_forecast(const std::string& path, const Forecaster& forecaster,
                      const Forecast& forecast, const ForecastFileOptions& options);

}  // namespace skipcast::engine
