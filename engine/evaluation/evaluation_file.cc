#include "engine/evaluation/evaluation_file.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "storage/formats/netcdf_places.h"

namespace skipcast::engine {
namespace {

using Type = storage::NetcdfWriter::Type;

std::span<const float> values_of(const at::Tensor& tensor) {
  return {tensor.const_data_ptr<float>(), static_cast<size_t>(tensor.numel())};
}

void put_scores(storage::NetcdfWriter& file, int variable, const Scores& scores) {
  file.number(variable, "crps_fair", scores.crps_fair);
  file.number(variable, "crps", scores.crps);
  file.number(variable, "energy_score", scores.energy);
  file.number(variable, "energy_score_fair", scores.energy_fair);
  file.number(variable, "rmse", scores.rmse);
  file.number(variable, "mae", scores.mae);
}

}  // namespace

EvaluationFile::EvaluationFile(const std::string& path, const Forecaster& forecaster,
                               int64_t members, const std::string& candidate)
    : forecaster_(forecaster), file_(path) {
  const storage::Schema& schema = forecaster.store().schema();
  const Task& task = forecaster.model().task();
  const int query = file_.dimension("query", 0);
  const int number = file_.dimension("number", members);
  const int lead_time = file_.dimension("lead_time", task.spec.future_states);
  const storage::Places places = storage::as_graph(schema.places);
  const storage::PlaceAxes axes = storage::define_places(file_, places);
  init_time_ = file_.variable("init_time", Type::kDouble, {query});
  file_.text(init_time_, "standard_name", "forecast_reference_time");
  file_.text(init_time_, "units", "seconds since 1970-01-01 00:00:00");
  file_.text(init_time_, "calendar", "standard");
  const bool several = task.variables.size() > 1;
  for (const std::string& name : task.variables) {
    const storage::Variable& variable = schema.variables[schema.variable_index(name)];
    const std::string suffix = several ? "_" + storage::cf_name(name) : "";
    forecasts_.push_back(file_.variable("forecast" + suffix, Type::kFloat,
                                        {query, number, lead_time, axes.dimensions[0]}));
    observations_.push_back(file_.variable("observation" + suffix, Type::kFloat,
                                           {query, lead_time, axes.dimensions[0]}));
    for (const int id : {forecasts_.back(), observations_.back()}) {
      file_.missing_as_nan(id, Type::kFloat);
      file_.text(id, "long_name", variable.long_name.empty() ? name : variable.long_name);
      file_.text(id, "units", variable.units.empty() ? "1" : variable.units);
      if (!axes.coordinates.empty()) file_.text(id, "coordinates", axes.coordinates);
    }
  }
  const int global = storage::NetcdfWriter::kGlobal;
  file_.text(global, "Conventions", "CF-1.8");
  file_.text(global, "title", "Forecasts scored: " + candidate);
  file_.text(global, "task", task.name);
  file_.text(global, "archive_id", forecaster.store().store_id());
  file_.text(global, "model_fingerprint", forecaster.model().fingerprint());
  file_.end_definitions();
  storage::put_places(file_, places, axes);
}

void EvaluationFile::add(const Forecast& forecast, const at::Tensor& observed) {
  const int64_t states = observed.size(0), places = observed.size(2);
  const std::vector<int64_t> all = {forecast.members.size(0), states, places};
  const std::vector<int64_t> one = {states, places};
  for (size_t v = 0; v < forecasts_.size(); ++v) {
    const auto variable = static_cast<int64_t>(v);
    file_.put_slab(forecasts_[v], queries_, all,
                   values_of(forecast.members.select(2, variable).contiguous()));
    file_.put_slab(observations_[v], queries_, one,
                   values_of(observed.select(1, variable).contiguous()));
  }
  const storage::TimeAxis& axis = forecaster_.store().schema().axis;
  file_.put_at(init_time_, queries_, static_cast<double>(axis.time_at(forecast.origin)));
  ++queries_;
}

Status EvaluationFile::finish(const ScoreTable& scores) {
  for (size_t v = 0; v < forecasts_.size(); ++v) {
    put_scores(file_, forecasts_[v], scores.overall(static_cast<int64_t>(v)));
  }
  put_scores(file_, storage::NetcdfWriter::kGlobal, scores.overall());
  return file_.finish();
}

}  // namespace skipcast::engine
