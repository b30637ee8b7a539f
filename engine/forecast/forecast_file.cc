#include "engine/forecast/forecast_file.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "engine/settings/options_json.h"
#include "storage/formats/netcdf_places.h"
#include "storage/formats/netcdf_writer.h"

namespace skipcast::engine {
namespace {

using Type = storage::NetcdfWriter::Type;
constexpr const char* kTimeUnits = "seconds since 1970-01-01 00:00:00";

// Ids of what a forecast file holds.
struct Layout {
  int number = -1, init_time = -1, lead_time = -1, valid_time = -1;
  int analog_time = -1, analog_distance = -1;
  storage::PlaceAxes places;
  std::vector<int> targets;  // the members, or in their place:
  int quantile = -1;
  struct Summary {
    int mean, spread, quantiles;
  };
  std::vector<Summary> summaries;
};

// Lead times in the largest of h, min, s that divides them: names that readers do not turn into
// time differences, as CF asks for a forecast_period in plain units of time.
struct LeadTimes {
  std::string units = "h";
  std::vector<double> values;
  std::vector<double> valid_s;
};

LeadTimes lead_times(const storage::TimeAxis& axis, int64_t origin, int64_t count) {
  LeadTimes leads;
  std::vector<int64_t> seconds;
  int64_t unit = 3600;
  for (int64_t l = 1; l <= count; ++l) {
    seconds.push_back(axis.time_at(origin + l) - axis.time_at(origin));
    leads.valid_s.push_back(static_cast<double>(axis.time_at(origin + l)));
    while (seconds.back() % unit != 0) unit = unit == 3600 ? 60 : 1;
  }
  leads.units = unit == 3600 ? "h" : unit == 60 ? "min" : "s";
  for (const int64_t each : seconds) {
    leads.values.push_back(static_cast<double>(each) / static_cast<double>(unit));
  }
  return leads;
}

void define_time(storage::NetcdfWriter& file, int id, const char* standard_name,
                 const char* long_name) {
  if (standard_name != nullptr) file.text(id, "standard_name", standard_name);
  file.text(id, "long_name", long_name);
  file.text(id, "units", kTimeUnits);
  file.text(id, "calendar", "standard");
}

void define_analogs(storage::NetcdfWriter& file, int number, int init_time, Layout& layout) {
  layout.analog_time = file.variable("analog_time", Type::kDouble, {number, init_time});
  file.missing_as_nan(layout.analog_time, Type::kDouble);
  define_time(file, layout.analog_time, nullptr,
              "last observed time of the past situation the member started from");
  layout.analog_distance = file.variable("analog_distance", Type::kFloat, {number, init_time});
  file.missing_as_nan(layout.analog_distance, Type::kFloat);
  file.text(layout.analog_distance, "long_name",
            "distance of the member's analog from the query in embedding space");
  file.text(layout.analog_distance, "units", "1");
}

// A field of a target, with `suffix` to its name and words before its long name.
struct Field {
  std::string suffix, words, cell_methods;
};

int define_field(storage::NetcdfWriter& file, const storage::Variable& variable, const Field& field,
                 const std::vector<int>& dimensions, const Layout& layout) {
  const int id =
      file.variable(storage::cf_name(variable.name) + field.suffix, Type::kFloat, dimensions);
  file.missing_as_nan(id, Type::kFloat);
  const std::string& name = variable.long_name.empty() ? variable.name : variable.long_name;
  file.text(id, "long_name", field.words + name);
  file.text(id, "units", variable.units.empty() ? "1" : variable.units);
  const std::string& places = layout.places.coordinates;
  file.text(id, "coordinates", places.empty() ? "valid_time" : "valid_time " + places);
  if (!field.cell_methods.empty()) file.text(id, "cell_methods", field.cell_methods);
  return id;
}

void define_target(storage::NetcdfWriter& file, const storage::Variable& variable,
                   const std::vector<int>& dimensions, Layout& layout) {
  const int id = define_field(file, variable, {}, dimensions, layout);
  if (layout.analog_time >= 0) {
    file.text(id, "ancillary_variables", "analog_time analog_distance");
  }
  layout.targets.push_back(id);
}

// `dimensions` without the member's; the last one defined is the quantile's.
void define_summary(storage::NetcdfWriter& file, const storage::Variable& variable,
                    const std::vector<int>& dimensions, int quantile, Layout& layout) {
  std::vector<int> ranked = {quantile};
  ranked.insert(ranked.end(), dimensions.begin(), dimensions.end());
  const auto field = [&](const Field& what, const std::vector<int>& shape) {
    return define_field(file, variable, what, shape, layout);
  };
  layout.summaries.push_back(
      {field({"_mean", "ensemble mean of ", "number: mean"}, dimensions),
       field({"_spread", "standard deviation of the ensemble's ", "number: standard_deviation"},
             dimensions),
       field({"_quantile", "quantiles of the ensemble's ", ""}, ranked)});
}

int define_quantiles(storage::NetcdfWriter& file, const EnsembleStatistics& statistics,
                     Layout& layout) {
  const auto levels = static_cast<int64_t>(statistics.levels.size());
  const int dimension = file.dimension("quantile", levels);
  layout.quantile = file.variable("quantile", Type::kDouble, {dimension});
  file.text(layout.quantile, "long_name", "share of the ensemble that is below");
  file.text(layout.quantile, "units", "1");
  return dimension;
}

Layout define_layout(storage::NetcdfWriter& file, const Forecaster& forecaster,
                     const Forecast& forecast, const LeadTimes& leads) {
  Layout layout;
  const storage::Schema& schema = forecaster.store().schema();
  const int number = file.dimension("number", forecast.members.size(0));
  const int init_time = file.dimension("init_time", 1);
  const int lead_time = file.dimension("lead_time", forecast.members.size(1));
  layout.number = file.variable("number", Type::kInt, {number});
  file.text(layout.number, "standard_name", "realization");
  file.text(layout.number, "long_name", "ensemble member");
  file.text(layout.number, "units", "1");
  layout.init_time = file.variable("init_time", Type::kDouble, {init_time});
  define_time(file, layout.init_time, "forecast_reference_time", "last observed time");
  layout.lead_time = file.variable("lead_time", Type::kDouble, {lead_time});
  file.text(layout.lead_time, "standard_name", "forecast_period");
  file.text(layout.lead_time, "long_name", "time since the last observation");
  file.text(layout.lead_time, "units", leads.units);
  layout.valid_time = file.variable("valid_time", Type::kDouble, {init_time, lead_time});
  define_time(file, layout.valid_time, "time", "time the forecast is valid for");
  layout.places = storage::define_places(file, schema.places);
  if (!forecast.analogs.empty()) define_analogs(file, number, init_time, layout);
  std::vector<int> dimensions = {init_time, lead_time};
  dimensions.insert(dimensions.end(), layout.places.dimensions.begin(),
                    layout.places.dimensions.end());
  const int quantile =
      forecast.statistics ? define_quantiles(file, *forecast.statistics, layout) : -1;
  if (!forecast.statistics) dimensions.insert(dimensions.begin(), number);
  for (const std::string& name : forecaster.model().task().variables) {
    const storage::Variable& variable = schema.variables[schema.variable_index(name)];
    if (forecast.statistics) {
      define_summary(file, variable, dimensions, quantile, layout);
    } else {
      define_target(file, variable, dimensions, layout);
    }
  }
  return layout;
}

std::string now_or(int64_t written_at_s) {
  if (written_at_s != 0) return storage::format_time(written_at_s);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return storage::format_time(std::chrono::duration_cast<std::chrono::seconds>(now).count());
}

void define_origin(storage::NetcdfWriter& file, const Forecaster& forecaster,
                   const ForecastFileOptions& options) {
  const int global = storage::NetcdfWriter::kGlobal;
  const Model& model = forecaster.model();
  const std::string& title = forecaster.store().schema().title;
  file.text(global, "Conventions", "CF-1.8");
  file.text(global, "title", "Ensemble forecast" + (title.empty() ? "" : ": " + title));
  file.text(global, "source", "skipcast: ensemble of a conditional diffusion model");
  file.text(global, "history", now_or(options.written_at_s) + ": " + options.command);
  file.text(global, "task", model.task().name);
  file.text(global, "task_configuration", to_json(model.task()));
  file.text(global, "archive_id", forecaster.store().store_id());
  file.text(global, "model_fingerprint", model.fingerprint());
}

void define_run(storage::NetcdfWriter& file, const Forecast& forecast,
                const ForecastOptions& options) {
  const int global = storage::NetcdfWriter::kGlobal;
  const StartOptions& start = options.start;
  file.text(global, "setting", options_json(options).dump());  // every knob, to be read back
  file.text(global, "start", word(start.kind));
  file.number(global, "entry_sigma", forecast.entry_sigma);
  file.text(global, "solver", options.solver);
  if (options.noise_amount) file.number(global, "noise_amount", *options.noise_amount);
  if (options.noise_scale) file.number(global, "noise_scale", *options.noise_scale);
  if (options.exit_tolerance > 0) file.number(global, "exit_tolerance", options.exit_tolerance);
  file.integer(global, "steps", static_cast<int32_t>(options.steps));
  file.text(global, "spacing", options.depth.sigmas.empty() ? word(options.spacing) : "listed");
  file.integer(global, "nfe", static_cast<int32_t>(forecast.nfe));
  file.number(global, "nfe_mean", forecast.nfe_mean);
  file.number(global, "nfe_shared", forecast.nfe_shared);
  file.text(global, "seed", fmt::format("{}", options.seed));
  file.text(global, "archive_mode", word(options.archive));
  if (!forecast.analogs.empty()) {
    file.text(global, "alignment", word(start.alignment));
    file.text(global, "alignment_decay_tau", fmt::format("{:g}", start.decay_tau));
    file.text(global, "search", forecast.plan.method);
    file.number(global, "search_rows_allowed", static_cast<double>(forecast.plan.allowed));
  }
  if (!forecast.encoder_fingerprint.empty()) {
    file.text(global, "key", word(start.key));
    if (start.key == KeyKind::kMixed) file.number(global, "key_mix", start.key_mix);
    file.text(global, "encoder_fingerprint", forecast.encoder_fingerprint);
  }
  std::string notes;
  for (const std::string& note : forecast.notes) notes += (notes.empty() ? "" : "; ") + note;
  if (!notes.empty()) file.text(global, "comment", notes);
}

void put_analogs(storage::NetcdfWriter& file, const Layout& layout, const storage::TimeAxis& axis,
                 const Forecast& forecast) {
  if (layout.analog_time < 0) return;
  std::vector<double> times;
  std::vector<float> distances;
  for (const retrieval::Neighbour& analog : forecast.analogs) {
    times.push_back(static_cast<double>(axis.time_at(analog.origin)));
    distances.push_back(analog.distance);
  }
  file.put(layout.analog_time, std::span<const double>(times));
  file.put(layout.analog_distance, std::span<const float>(distances));
}

void put_tensor(storage::NetcdfWriter& file, int id, const at::Tensor& tensor) {
  const at::Tensor values = tensor.contiguous();
  file.put(id, std::span<const float>(values.const_data_ptr<float>(),
                                      static_cast<size_t>(values.numel())));
}

void put_statistics(storage::NetcdfWriter& file, const Layout& layout,
                    const EnsembleStatistics& statistics) {
  file.put(layout.quantile, std::span<const double>(statistics.levels));
  for (size_t i = 0; i < layout.summaries.size(); ++i) {
    const auto v = static_cast<int64_t>(i);
    put_tensor(file, layout.summaries[i].mean, statistics.mean.select(1, v));
    put_tensor(file, layout.summaries[i].spread, statistics.spread.select(1, v));
    put_tensor(file, layout.summaries[i].quantiles, statistics.quantiles.select(2, v));
  }
}

void put_values(storage::NetcdfWriter& file, const Layout& layout, const Forecaster& forecaster,
                const Forecast& forecast, const LeadTimes& leads) {
  const storage::Schema& schema = forecaster.store().schema();
  std::vector<int32_t> numbers;
  for (int64_t m = 0; m < forecast.members.size(0); ++m) {
    numbers.push_back(static_cast<int32_t>(m));
  }
  const auto init = static_cast<double>(schema.axis.time_at(forecast.origin));
  file.put(layout.number, std::span<const int32_t>(numbers));
  file.put(layout.init_time, std::span<const double>(&init, 1));
  file.put(layout.lead_time, std::span<const double>(leads.values));
  file.put(layout.valid_time, std::span<const double>(leads.valid_s));
  storage::put_places(file, schema.places, layout.places);
  put_analogs(file, layout, schema.axis, forecast);
  for (size_t v = 0; v < layout.targets.size(); ++v) {
    put_tensor(file, layout.targets[v], forecast.members.select(2, static_cast<int64_t>(v)));
  }
  if (forecast.statistics) put_statistics(file, layout, *forecast.statistics);
}

}  // namespace

Status write_forecast(const std::string& path, const Forecaster& forecaster,
                      const Forecast& forecast, const ForecastFileOptions& options) {
  const LeadTimes leads =
      lead_times(forecaster.store().schema().axis, forecast.origin, forecast.members.size(1));
  storage::NetcdfWriter file(path);
  const Layout layout = define_layout(file, forecaster, forecast, leads);
  define_origin(file, forecaster, options);
  define_run(file, forecast, options.options);
  file.end_definitions();
  put_values(file, layout, forecaster, forecast, leads);
  return file.finish();
}

}  // namespace skipcast::engine
