// skipcast inspect: what is in an archive. Reads every state once to count what is missing.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "engine/archive/archive_check.h"
#include "engine/data/task.h"
#include "engine/models/model.h"
#include "storage/upkeep/series_summary.h"
#include "tools/commands/cli.h"
#include "tools/terminal/progress_bar.h"

namespace skipcast::tools {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int64_t kBarFromValues = int64_t{32} << 20;  // smaller archives are read at once

// [{"file", "bytes"}].
json sizes_of(const std::vector<std::string>& paths) {
  json list = json::array();
  for (const std::string& path : paths) {
    std::error_code gone;
    list.push_back(
        {{"file", fs::path(path).filename().string()}, {"bytes", fs::file_size(path, gone)}});
  }
  return list;
}

std::string step_text(const storage::TimeAxis& axis) {
  if (axis.step_months > 0) return fmt::format("{} month(s)", axis.step_months);
  std::string text = axis.step_s % 3600 == 0 ? fmt::format("{} h", axis.step_s / 3600)
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

// Copies of a model, by kind: their fingerprint, or why they cannot be used.
json copies_of(const engine::Model& model) {
  json copies = json::object();
  for (const engine::CopyKind& kind : engine::copy_kinds()) {
    const auto copy = model.copy(kind.name);
    if (copy.status().code() == Code::kNotFound) continue;
    copies[kind.name] =
        copy.ok() ? (*copy)->info.fingerprint : "unusable: " + copy.status().message();
  }
  return copies;
}

// A model by task: its fingerprint, or why it cannot be used.
json models_of(const storage::SeriesStore& store) {
  json list = json::array();
  for (const std::string& task : engine::task_names(store)) {
    const auto model = engine::Model::load(store, task);
    if (model.ok()) {
      list.push_back({{"task", task},
                      {"state", "trained"},
                      {"fingerprint", (*model)->fingerprint()},
                      {"networks", (*model)->networks()},
                      {"parameters", (*model)->parameters()},
                      {"cross_fitted", (*model)->can(engine::kCrossFitted)},
                      {"described_places", (*model)->task().network.described_places},
                      {"copies", copies_of(**model)}});
    } else if (model.status().code() == Code::kNotFound) {
      list.push_back({{"task", task}, {"state", "not trained"}});
    } else {
      list.push_back({{"task", task}, {"state", "unusable"}, {"why", model.status().message()}});
    }
  }
  return list;
}

json gap_json(const storage::Schema& schema, const storage::Gap& gap) {
  if (gap.states == 0) return nullptr;
  json value = {{"from", storage::format_time(schema.axis.time_at(gap.first))},
                {"states", gap.states}};
  const auto place = static_cast<size_t>(gap.place);
  if (gap.place >= 0 && place < schema.places.names.size()) {
    value["place"] = schema.places.names[place];
  }
  return value;
}

json variables_json(const storage::Schema& schema, const storage::SeriesSummary& summary) {
  json list = json::array();
  for (size_t v = 0; v < schema.variables.size(); ++v) {
    const storage::Variable& variable = schema.variables[v];
    const storage::VariableSummary& facts = summary.variables[v];
    list.push_back({{"name", variable.name},
                    {"units", variable.units},
                    {"long_name", variable.long_name},
                    {"missing_share", facts.missing_share},
                    {"min", facts.min},
                    {"mean", facts.mean},
                    {"max", facts.max},
                    {"longest_gap", gap_json(schema, facts.longest_place_gap)}});
  }
  return list;
}

json sizes_json(const storage::ArchiveSizes& sizes) {
  return {{"states", sizes.database_bytes},
          {"index", sizes.index_bytes},
          {"models", sizes.models_bytes},
          {"policies", sizes.policies_bytes},
          {"total", sizes.total_bytes()}};
}

Result<json> describe(const storage::SeriesStore& store, const Progress& progress) {
  const storage::Schema& schema = store.schema();
  SKIPCAST_TRY(const storage::SeriesSummary summary, storage::summarise(store, progress));
  SKIPCAST_TRY(const storage::ArchiveSizes sizes, storage::archive_sizes(store.path()));
  json result = {{"archive", store.path()},
                 {"title", schema.title},
                 {"id", store.store_id()},
                 {"states", summary.states},
                 {"blocks", store.blocks().size()},
                 {"step", step_text(schema.axis)},
                 {"places", places_text(schema.places)},
                 {"place_count", schema.places.count()},
                 {"missing_share", summary.missing_share},
                 {"longest_gap", gap_json(schema, summary.longest_gap)},
                 {"variables", variables_json(schema, summary)},
                 {"models", models_of(store)},
                 {"indexes", sizes_of(engine::files_in(store.path(), "index", ""))},
                 {"policies", sizes_of(engine::files_in(store.path(), "policies", ".json"))},
                 {"bytes", sizes_json(sizes)}};
  if (summary.states > 0) {
    result["first"] = storage::format_time(summary.first_time_s);
    result["last"] = storage::format_time(summary.last_time_s);
  }
  return result;
}

std::string gap_text(const json& gap) {
  if (gap.is_null()) return "none";
  std::string text = fmt::format("{} states from {}", gap["states"].get<int64_t>(),
                                 gap["from"].get<std::string>());
  if (gap.contains("place")) text += " at " + gap["place"].get<std::string>();
  return text;
}

void print_files(const char* topic, const json& files, const char* none) {
  if (files.empty()) fmt::print("{:<10}{}\n", topic, none);
  for (const json& file : files) {
    fmt::print("{:<10}{} ({})\n", topic, file["file"].get<std::string>(),
               bytes_text(file["bytes"].get<int64_t>()));
  }
}

void print_variable(const json& variable) {
  const std::string long_name = variable["long_name"].get<std::string>();
  fmt::print("variable  {} [{}]{}: {:.4g} to {:.4g}, mean {:.4g}; {:.2f} % missing",
             variable["name"].get<std::string>(), variable["units"].get<std::string>(),
             long_name.empty() ? "" : " " + long_name, variable["min"].get<double>(),
             variable["max"].get<double>(), variable["mean"].get<double>(),
             100 * variable["missing_share"].get<double>());
  const json& gap = variable["longest_gap"];
  fmt::print("{}\n", gap.is_null() ? "" : ", longest gap " + gap_text(gap));
}

void print_model(const json& model) {
  const std::string state = model["state"].get<std::string>();
  fmt::print("task      {}: {}", model["task"].get<std::string>(), state);
  if (state == "trained") {
    const auto networks = model["networks"].get<int64_t>();
    fmt::print(", model {} with {} parameters{}{}{}", model["fingerprint"].get<std::string>(),
               model["parameters"].get<int64_t>(),
               networks > 1 ? fmt::format(" in {} networks", networks) : "",
               model["cross_fitted"].get<bool>() ? ", cross-fitted" : "",
               model["described_places"].get<bool>() ? ", places described" : "");
  }
  fmt::print("{}\n", state == "unusable" ? ": " + model["why"].get<std::string>() : "");
  if (!model.contains("copies")) return;
  for (const auto& [role, fingerprint] : model["copies"].items()) {
    fmt::print("          {} network {}\n", role, fingerprint.get<std::string>());
  }
}

void print(const json& value) {
  const auto text = [&value](const char* key) { return value.value(key, std::string("-")); };
  fmt::print("archive   {}  {}\n", text("archive"), text("title"));
  fmt::print("span      {} to {}, every {}: {} states in {} blocks\n", text("first"), text("last"),
             text("step"), value["states"].get<int64_t>(), value["blocks"].get<int64_t>());
  fmt::print("places    {}\n", text("places"));
  for (const json& variable : value["variables"]) print_variable(variable);
  fmt::print("missing   {:.2f} % of all values; longest run of wholly empty states: {}\n",
             100 * value["missing_share"].get<double>(), gap_text(value["longest_gap"]));
  for (const json& model : value["models"]) print_model(model);
  print_files("index", value["indexes"], "none yet: built by the first forecast from analogs");
  print_files("policy", value["policies"], "none yet: skipcast tune makes one");
  const json& bytes = value["bytes"];
  fmt::print("sizes     states {}, index {}, models {}, policies {}\n", bytes_text(bytes["states"]),
             bytes_text(bytes["index"]), bytes_text(bytes["models"]),
             bytes_text(bytes["policies"]));
}

Status run_inspect(const std::string& archive, const Invocation& invocation) {
  SKIPCAST_TRY(const auto store, open_archive(archive, storage::OpenMode::kReadOnly));
  ProgressBar bar(console_progress());
  const bool large = store->size() * store->schema().state_values() > kBarFromValues;
  SKIPCAST_TRY(const json value, describe(*store, large ? bar.callback() : Progress()));
  bar.finish();
  if (invocation.json) {
    print_json(value);
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
