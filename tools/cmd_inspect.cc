// skipcast inspect: what is in an archive. Reads every state once to count what is missing.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>

#include "engine/model.h"
#include "engine/task.h"
#include "tools/cli.h"
#include "tools/progress_bar.h"

namespace skipcast::tools {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int64_t kValuesAtOnce = int64_t{4} << 20;
constexpr size_t kGapsShown = 5;

struct Coverage {
  std::vector<int64_t> missing;                      // a variable
  std::vector<std::pair<int64_t, int64_t>> gaps;     // states without any value: first, count
};

void count_state(const std::vector<float>& values, int64_t at, const storage::Schema& schema,
                 int64_t state, Coverage& coverage) {
  const int64_t places = schema.places.count();
  int64_t present = 0;
  for (size_t v = 0; v < schema.variables.size(); ++v) {
    const auto* begin = values.data() + at + static_cast<int64_t>(v) * places;
    const int64_t here =
        std::count_if(begin, begin + places, [](float value) { return !std::isnan(value); });
    coverage.missing[v] += places - here;
    present += here;
  }
  if (present > 0) return;
  auto& gaps = coverage.gaps;
  const bool goes_on = !gaps.empty() && gaps.back().first + gaps.back().second == state;
  if (goes_on) ++gaps.back().second;
  if (!goes_on) gaps.push_back({state, 1});
}

Result<Coverage> scan(const storage::SeriesStore& store, const Progress& progress) {
  const storage::Schema& schema = store.schema();
  Coverage coverage{.missing = std::vector<int64_t>(schema.variables.size())};
  std::vector<int32_t> all(schema.variables.size());
  std::iota(all.begin(), all.end(), 0);
  const int64_t step = std::max<int64_t>(1, kValuesAtOnce / std::max<int64_t>(1, schema.state_values()));
  for (int64_t first = 0; first < store.size(); first += step) {
    const int64_t count = std::min(step, store.size() - first);
    std::vector<float> values(static_cast<size_t>(count * schema.state_values()));
    SKIPCAST_TRY_OK(store.read(first, count, all, values));
    for (int64_t i = 0; i < count; ++i) {
      count_state(values, i * schema.state_values(), schema, first + i, coverage);
    }
    const double done = static_cast<double>(first + count) / static_cast<double>(store.size());
    if (!tell(progress, {done, "inspect", ""})) return Status{Code::kInterrupted, "stopped"};
  }
  return coverage;
}

int64_t bytes_under(const fs::path& folder) {
  std::error_code error;
  int64_t bytes = 0;
  if (fs::is_regular_file(folder, error)) return static_cast<int64_t>(fs::file_size(folder, error));
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code ignored;
    if (it->is_regular_file(ignored)) bytes += static_cast<int64_t>(it->file_size(ignored));
  }
  return bytes;
}

// Files of a subfolder with this ending, sorted: [{"file", "bytes"}].
json files_in(const std::string& archive, const char* folder, const std::string& ending) {
  std::vector<fs::path> paths;
  std::error_code error;
  for (fs::directory_iterator it(fs::path(archive) / folder, error), end; !error && it != end;
       it.increment(error)) {
    if (it->path().string().ends_with(ending)) paths.push_back(it->path());
  }
  std::sort(paths.begin(), paths.end());
  json list = json::array();
  for (const fs::path& path : paths) {
    list.push_back({{"file", path.filename().string()}, {"bytes", bytes_under(path)}});
  }
  return list;
}

std::string step_text(const storage::TimeAxis& axis) {
  if (axis.step_months > 0) return fmt::format("{} month(s)", axis.step_months);
  std::string text = axis.step_s % 3600 == 0  ? fmt::format("{} h", axis.step_s / 3600)
                     : axis.step_s % 60 == 0 ? fmt::format("{} min", axis.step_s / 60)
                                             : fmt::format("{} s", axis.step_s);
  if (axis.session_states > 0) {
    text += fmt::format(", days of {} states{}", axis.session_states,
                        axis.weekdays_only ? ", weekdays only" : "");
  }
  return text;
}

std::string places_text(const storage::Places& places) {
  if (places.kind == storage::PlacesKind::kGrid) {
    return fmt::format("grid of {} x {} cells, latitude {:g} to {:g}, longitude {:g} to {:g}",
                       places.lat.size(), places.lon.size(), places.lat.front(), places.lat.back(),
                       places.lon.front(), places.lon.back());
  }
  std::string text = fmt::format("graph of {} nodes{}: ", places.count(),
                                 places.adjacency.empty() ? "" : " with adjacency");
  for (size_t i = 0; i < std::min<size_t>(4, places.names.size()); ++i) {
    text += (i == 0 ? "" : ", ") + places.names[i];
  }
  return text + (places.names.size() > 4 ? ", ..." : "");
}

// A model by task: its fingerprint, or why it cannot be used.
json models_of(const storage::SeriesStore& store) {
  json list = json::array();
  for (const std::string& task : engine::task_names(store)) {
    const auto model = engine::Model::load(store, task);
    if (model.ok()) {
      list.push_back({{"task", task}, {"state", "trained"},
                      {"fingerprint", (*model)->fingerprint()},
                      {"parameters", (*model)->parameters()}});
    } else if (model.status().code() == Code::kNotFound) {
      list.push_back({{"task", task}, {"state", "not trained"}});
    } else {
      list.push_back({{"task", task}, {"state", "unusable"}, {"why", model.status().message()}});
    }
  }
  return list;
}

json describe(const storage::SeriesStore& store, const Coverage& coverage) {
  const storage::Schema& schema = store.schema();
  const double values = static_cast<double>(store.size() * schema.places.count());
  json result = {{"archive", store.path()}, {"title", schema.title}, {"id", store.store_id()},
                 {"states", store.size()}, {"blocks", store.blocks().size()},
                 {"step", step_text(schema.axis)}, {"places", places_text(schema.places)},
                 {"place_count", schema.places.count()}};
  if (store.size() > 0) {
    result["first"] = storage::format_time(schema.axis.time_at(0));
    result["last"] = storage::format_time(schema.axis.time_at(store.size() - 1));
  }
  for (size_t v = 0; v < schema.variables.size(); ++v) {
    const storage::Variable& variable = schema.variables[v];
    result["variables"].push_back({{"name", variable.name}, {"units", variable.units},
        {"long_name", variable.long_name},
        {"missing_share", values > 0 ? static_cast<double>(coverage.missing[v]) / values : 0}});
  }
  result["gaps"] = json::array();
  for (const auto& [first, count] : coverage.gaps) {
    result["gaps"].push_back({{"from", storage::format_time(schema.axis.time_at(first))},
                              {"states", count}});
  }
  result["models"] = models_of(store);
  result["indexes"] = files_in(store.path(), "index", "");
  result["policies"] = files_in(store.path(), "policies", ".json");
  for (const char* part : {"db", "index", "models", "policies"}) {
    result["bytes"][part] = bytes_under(fs::path(store.path()) / part);
  }
  return result;
}

void print_files(const char* topic, const json& files, const char* none) {
  if (files.empty()) fmt::print("{:<10}{}\n", topic, none);
  for (const json& file : files) {
    fmt::print("{:<10}{} ({})\n", topic, file["file"].get<std::string>(),
               bytes_text(file["bytes"].get<int64_t>()));
  }
}

void print_gaps(const json& gaps) {
  if (gaps.empty()) {
    fmt::print("gaps      none: every state has a value\n");
    return;
  }
  fmt::print("gaps      {} runs of states without any value", gaps.size());
  for (size_t i = 0; i < std::min(kGapsShown, gaps.size()); ++i) {
    fmt::print("{}{} ({})", i == 0 ? ": " : ", ", gaps[i]["from"].get<std::string>(),
               gaps[i]["states"].get<int64_t>());
  }
  fmt::print("{}\n", gaps.size() > kGapsShown ? ", ..." : "");
}

void print(const json& value) {
  const auto text = [&value](const char* key) { return value.value(key, std::string("-")); };
  fmt::print("archive   {}  {}\n", text("archive"), text("title"));
  fmt::print("span      {} to {}, every {}: {} states in {} blocks\n", text("first"), text("last"),
             text("step"), value["states"].get<int64_t>(), value["blocks"].get<int64_t>());
  fmt::print("places    {}\n", text("places"));
  for (const json& variable : value["variables"]) {
    const std::string long_name = variable["long_name"].get<std::string>();
    fmt::print("variable  {} [{}], {:.2f} % missing{}\n", variable["name"].get<std::string>(),
               variable["units"].get<std::string>(), 100 * variable["missing_share"].get<double>(),
               long_name.empty() ? "" : ": " + long_name);
  }
  print_gaps(value["gaps"]);
  for (const json& model : value["models"]) {
    const std::string state = model["state"].get<std::string>();
    fmt::print("task      {}: {}", model["task"].get<std::string>(), state);
    if (state == "trained") {
      fmt::print(", model {} with {} parameters", model["fingerprint"].get<std::string>(),
                 model["parameters"].get<int64_t>());
    }
    fmt::print("{}\n", state == "unusable" ? ": " + model["why"].get<std::string>() : "");
  }
  print_files("index", value["indexes"], "none yet: built by the first forecast from analogs");
  print_files("policy", value["policies"], "none yet: skipcast tune makes one");
  const json& bytes = value["bytes"];
  fmt::print("sizes     states {}, index {}, models {}, policies {}\n",
             bytes_text(bytes["db"]), bytes_text(bytes["index"]), bytes_text(bytes["models"]),
             bytes_text(bytes["policies"]));
}

Status run_inspect(const std::string& archive, const Invocation& invocation) {
  SKIPCAST_TRY(const auto store, open_archive(archive, storage::OpenMode::kReadOnly));
  ProgressBar bar(console_progress());
  const bool large = store->size() * store->schema().state_values() > 8 * kValuesAtOnce;
  SKIPCAST_TRY(const Coverage coverage, scan(*store, large ? bar.callback() : Progress()));
  bar.finish();
  const json value = describe(*store, coverage);
  if (invocation.json) {
    fmt::print("{}\n", value.dump(2, ' ', false, json::error_handler_t::replace));
  } else {
    print(value);
  }
  return {};
}

}  // namespace

void add_inspect(CLI::App& program, Invocation& invocation) {
  auto archive = std::make_shared<std::string>();
  CLI::App* command = program.add_subcommand("inspect", "What is in an archive");
  command->add_option("ARCHIVE", *archive, "the archive's folder")->required();
  add_json_flag(*command, invocation);
  command->callback([archive, &invocation] {
    invocation.run = [archive, &invocation] { return run_inspect(*archive, invocation); };
  });
}

}  // namespace skipcast::tools
