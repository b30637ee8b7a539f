// Every forecast an evaluation scored beside what was observed, as NetCDF, so that anyone can
// recompute the scores with other tools:
//   forecast(query, number, lead_time, place), observation(query, lead_time, place), physical
//   units, NaN = not observed; with several targets forecast_<name>, observation_<name>;
//   init_time(query); attributes crps_fair, crps, energy_score, energy_score_fair, rmse, mae of
//   each forecast variable and, over all targets, of the file. A grid's cells lie in a row, with
//   lat and lon. Scores as engine/scores/scores.h defines them.
// Not thread-safe (netcdf-c).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/forecast/forecaster.h"
#include "engine/scores/scores.h"
#include "storage/formats/netcdf_writer.h"

namespace skipcast::engine {

class EvaluationFile {
 public:
  // Errors appear at finish(). `forecaster` must outlive it.
  EvaluationFile(const std::string& path, const Forecaster& forecaster, int64_t members,
                 const std::string& candidate);
  // Forecast and truth of the next query, both physical.
  void add(const Forecast& forecast, const at::Tensor& observed);
  // Writes the scores and gives the file its name. kIo / kNoSpace name it.
  Status finish(const ScoreTable& scores);

 private:
  const Forecaster& forecaster_;
  storage::NetcdfWriter file_;
  int64_t queries_ = 0;
  int init_time_ = -1;
  std::vector<int> forecasts_, observations_;
};

}  // namespace skipcast::engine
