// The picture of one forecast: fan charts of some places (graph), or maps of mean and spread at
// some lead times (grid).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/forecast/forecaster.h"

namespace skipcast::tools {

struct PlotWish {
  std::string path;                 // .png
  std::string variable;             // a target; empty = the first
  std::vector<std::string> places;  // graph: names; empty = the first few
  std::vector<int64_t> lead_times;  // grid: 1..T_out; empty = first, middle and last
};

// kUsage names the variable, place or lead time that is not there; else draw()'s errors.
Status plot_forecast(const engine::Forecaster& forecaster, const engine::Forecast& forecast,
                     const PlotWish& wish);

}  // namespace skipcast::tools
