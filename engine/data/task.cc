#include "engine/data/task.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/data/planned_options.h"
#include "engine/data/task_fields.h"
#include "storage/files/file_io.h"

namespace skipcast::engine {
namespace {

using Json = nlohmann::json;

constexpr int64_t kTaskBytesMax = 1 << 20;
constexpr NumberRange kFraction = {0, 1};
const std::vector<std::string> kBases(std::begin(retrieval::kBaseWords),
                                      std::end(retrieval::kBaseWords));
const std::vector<std::string> kTransforms = {"none", "log", "square_root"};
const std::vector<std::string> kCalendars = {"hour_of_day", "day_of_week", "day_of_year",
                                             "slot_of_day"};

void read_kind(TaskFields& fields, NetworkOptions& network) {
  std::vector<std::string> names;
  for (const NetworkKind& kind : network_kinds()) names.emplace_back(kind.name);
  const auto now = std::find(names.begin(), names.end(), network.kind);
  int index = static_cast<int>(now - names.begin());
  fields.choice("kind", names, index);
  network.kind = names[static_cast<size_t>(index)];
}

// "network": "grid" is short for {"kind": "grid"}.
Status read_network_word(const Json& word, Task& task) {
  const Json object = {{"kind", word}};
  TaskFields fields(object, fmt::format("task {}, \"network\"", task.name));
  read_kind(fields, task.network);
  return fields.finish();
}

void read_network(TaskFields& fields, NetworkOptions& network) {
  read_kind(fields, network);
  fields.count("width", network.width, {8, 4096});
  fields.count("context_blocks", network.context_blocks, {0, 64});
  fields.count("blocks", network.blocks, {1, 64});
  fields.count("heads", network.heads, {1, 64});
  fields.count("mlp_ratio", network.mlp_ratio, {1, 16});
  fields.count("inducing", network.inducing, {0, 4096});
  fields.flag("adjacency", network.adjacency);
  fields.flag("described_places", network.described_places);
  fields.flag("raw_values", network.raw_values);
  fields.flag("cyclic", network.cyclic);
  fields.number("dropout", network.dropout, {0, 0.9});
  fields.number("input_dropout", network.input_dropout, {0, 0.9});
  if (network.width % 8 != 0) fields.fail("width", "is not a multiple of 8");
  if (network.width % network.heads != 0) fields.fail("heads", "does not divide \"width\"");
}

void read_training(TaskFields& fields, TrainingOptions& training) {
  fields.number("minutes", training.minutes, {0, 1e6});
  fields.count("steps_max", training.steps_max, {1, 1e12});
  fields.count("networks", training.networks, {1, 64});
  fields.count("batch", training.batch, {1, 65536});
  fields.count("sigma_draws", training.sigma_draws, {1, 1024});
  fields.number("learning_rate", training.learning_rate, {0, 10});
  fields.count("warmup_steps", training.warmup_steps, {0, 1e9});
  fields.number("weight_decay", training.weight_decay, {0, 10});
  fields.number("gradient_clip", training.gradient_clip, {1e-6, 1e9});
  fields.number("ema_decay", training.ema_decay, kFraction);
  fields.number("sigma_log_mean", training.sigma_log_mean, {-10, 10});
  fields.number("sigma_log_std", training.sigma_log_std, {0.01, 10});
  fields.number("context_noise", training.context_noise, {0, 10});
  fields.count("validations", training.validations, {1, 10000});
  fields.count("validation_windows", training.validation_windows, {1, 1e6});
  int64_t seed = static_cast<int64_t>(training.seed);
  fields.count("seed", seed, {0, 9e15});
  training.seed = static_cast<uint64_t>(seed);
}

void read_schedule(TaskFields& fields, samplers::ScheduleOptions& schedule) {
  fields.number("sigma_min", schedule.sigma_min, {1e-6, 1e3});
  fields.number("sigma_max", schedule.sigma_max, {1e-6, 1e6});
  fields.number("rho", schedule.rho, {1, 100});
  if (schedule.sigma_min > schedule.sigma_max) fields.fail("sigma_min", "exceeds \"sigma_max\"");
}

void read_split(TaskFields& fields, std::array<double, 3>& split) {
  const Json* value = fields.take("split");
  if (!value) return;
  if (!value->is_array() || value->size() != 3) {
    return fields.fail("split", "is not a list of three numbers (training, validation, test)");
  }
  double sum = 0;
  for (size_t i = 0; i < 3; ++i) {
    const Json& part = (*value)[i];
    if (!part.is_number() || !(part.get<double>() >= 0)) {
      return fields.fail("split", "holds something that is not a number from 0 up");
    }
    sum += split[i] = part.get<double>();
  }
  if (std::abs(sum - 1) > 1e-6) fields.fail("split", fmt::format("adds up to {}, not 1", sum));
  if (split[0] <= 0) fields.fail("split", "leaves nothing to train on");
}

void check_names(TaskFields& fields, Task& task) {
  if (task.name.empty()) fields.fail("name", "is missing");
  const auto safe = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
  };
  if (!std::all_of(task.name.begin(), task.name.end(), safe) || task.name.starts_with('.')) {
    fields.fail("name", "may hold letters, digits, '-', '_' and '.' only (it names files)");
  }
  if (task.variables.empty()) fields.fail("variables", "is missing or empty");
  if (task.context_variables.empty()) task.context_variables = task.variables;
  const bool starts =
      task.context_variables.size() >= task.variables.size() &&
      std::equal(task.variables.begin(), task.variables.end(), task.context_variables.begin());
  if (!starts) fields.fail("context_variables", "does not start with the \"variables\"");
  std::vector<std::string> sorted = task.context_variables;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
    fields.fail("context_variables", "names a variable twice");
  }
  for (const std::string& name : task.square_root) {
    const auto& names = task.context_variables;
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    fields.fail("square_root",
                fmt::format("names \"{}\", which is no context variable", name.substr(0, 80)));
  }
  for (const auto& [name, transform] : task.transform) {
    const auto& names = task.context_variables;
    const auto& roots = task.square_root;
    if (std::find(names.begin(), names.end(), name) == names.end() ||
        std::find(roots.begin(), roots.end(), name) != roots.end()) {
      fields.fail("transform", fmt::format("names \"{}\", which is no context variable, or has "
                                           "its square root taken",
                                           name.substr(0, 80)));
    }
  }
  for (const std::string& word : task.calendar) {
    if (std::find(kCalendars.begin(), kCalendars.end(), word) != kCalendars.end()) continue;
    fields.fail("calendar", fmt::format("knows no \"{}\"; known are: {}", word.substr(0, 80),
                                        fmt::join(kCalendars, ", ")));
  }
}

void read_transform(TaskFields& fields, Task& task) {
  std::map<std::string, int> chosen;
  fields.choices("transform", kTransforms, chosen);
  for (const auto& [name, index] : chosen) {
    task.transform[name] = static_cast<retrieval::Transform>(index);
  }
}

// What is left to the data.
Task::Automatic automatic_of(const Json& object) {
  const auto lacks = [&object](const char* key) { return !object.contains(key); };
  const bool base = lacks("base") && lacks("base_smoothing");
  return {.base = base,
          .transform = base && lacks("square_root") && lacks("transform"),
          .calendar = lacks("calendar")};
}

using ReadPart = void (*)(TaskFields&, Task&);

// Reads the object under `key` with its own strict keys.
Status read_part(TaskFields& fields, const char* key, Task& task, ReadPart read) {
  const Json* value = fields.take(key);
  if (!value) return {};
  if (value->is_string() && std::string_view(key) == "network") {
    return read_network_word(*value, task);
  }
  TaskFields part(*value, fmt::format("task {}, \"{}\"", task.name, key));
  read(part, task);
  return part.finish();
}

Result<Task> read_task(const Json& object, storage::PlacesKind places) {
  Task task;
  if (object.is_object() && object.contains("name") && object["name"].is_string()) {
    task.name = object["name"].get<std::string>().substr(0, 80);
  }
  TaskFields fields(object, "task " + (task.name.empty() ? "without a name" : task.name));
  fields.text("name", task.name);
  fields.texts("variables", task.variables);
  fields.texts("context_variables", task.context_variables);
  fields.count("context_states", task.spec.context_states, {1, 1e5});
  fields.count("future_states", task.spec.future_states, {1, 1e5});
  read_split(fields, task.split);
  fields.texts("calendar", task.calendar);
  int base = static_cast<int>(task.base);
  fields.choice("base", kBases, base);
  task.base = static_cast<retrieval::Base>(base);
  fields.count("base_smoothing", task.base_smoothing, {0, 1000});
  fields.texts("square_root", task.square_root);
  read_transform(fields, task);
  if (object.is_object()) task.automatic = automatic_of(object);
  fields.flag("residual", task.residual);
  fields.count("evaluate_stride", task.evaluate_stride, {1, 1e9});
  fields.number("sigma_data", task.sigma_data, {1e-3, 1e3});
  check_names(fields, task);
  if (task.spec.context_states < 1) fields.fail("context_states", "is missing");
  if (task.spec.future_states < 1) fields.fail("future_states", "is missing");
  task.network.kind = places == storage::PlacesKind::kGrid ? kGridNet : kGraphNet;
  SKIPCAST_TRY_OK(read_part(fields, "schedule", task, [](TaskFields& part, Task& out) {
    read_schedule(part, out.schedule);
  }));
  SKIPCAST_TRY_OK(read_part(fields, "network", task,
                            [](TaskFields& part, Task& out) { read_network(part, out.network); }));
  SKIPCAST_TRY_OK(read_part(fields, "training", task, [](TaskFields& part, Task& out) {
    read_training(part, out.training);
  }));
  SKIPCAST_TRY_OK(fields.finish());
  for (const PlannedOption& option : planned_options()) {
    const Json& part = object.value(option.section, Json());
    if (!part.is_object() || !part.contains(option.key)) task.unset.emplace_back(option.key);
  }
  const NetworkKind& kind = network_kind(task.network.kind);
  if (kind.grids_only && places == storage::PlacesKind::kGraph) {
    return bad_input(
        fmt::format("task {}: network \"{}\" needs places on a grid", task.name, kind.name));
  }
  if (task.network.described_places && !kind.described_places) {
    return bad_input(
        fmt::format("task {}: the network \"{}\" has no described places: a grid has its cells",
                    task.name, kind.name));
  }
  return task;
}

// The archive's task objects; CONFIG.json is checksummed, so a failure here is a wrong recipe.
Result<Json> archive_tasks(const storage::SeriesStore& store) {
  Json tasks = Json::parse(store.schema().tasks_json, nullptr, false);
  if (!tasks.is_array()) return bad_input(store.path() + ": the task list is not a JSON array");
  return tasks;
}

Result<Task> check_variables(const storage::SeriesStore& store, Task task) {
  for (const std::string& name : task.context_variables) {
    if (store.schema().variable_index(name) >= 0) continue;
    std::vector<std::string> names;
    for (const auto& variable : store.schema().variables) names.push_back(variable.name);
    return not_found(fmt::format("task {}: {} has no variable \"{}\"; it has: {}", task.name,
                                 store.path(), name, fmt::join(names, ", ")));
  }
  return task;
}

}  // namespace

Result<Task> task_from_json(std::string_view text, storage::PlacesKind places) {
  const Json object = Json::parse(text, nullptr, false);
  if (object.is_discarded()) return bad_input("the task is not valid JSON");
  return read_task(object, places);
}

std::string to_json(const Task& task) {
  const NetworkOptions& n = task.network;
  const TrainingOptions& t = task.training;
  Json object = {{"name", task.name},
                 {"variables", task.variables},
                 {"context_variables", task.context_variables},
                 {"context_states", task.spec.context_states},
                 {"future_states", task.spec.future_states},
                 {"split", task.split},
                 {"calendar", task.calendar},
                 {"base", kBases[static_cast<size_t>(task.base)]},
                 {"base_smoothing", task.base_smoothing},
                 {"square_root", task.square_root},
                 {"residual", task.residual},
                 {"evaluate_stride", task.evaluate_stride},
                 {"sigma_data", task.sigma_data},
                 {"schedule",
                  {{"sigma_min", task.schedule.sigma_min},
                   {"sigma_max", task.schedule.sigma_max},
                   {"rho", task.schedule.rho}}},
                 {"network",
                  {{"kind", n.kind},
                   {"width", n.width},
                   {"context_blocks", n.context_blocks},
                   {"blocks", n.blocks},
                   {"heads", n.heads},
                   {"mlp_ratio", n.mlp_ratio},
                   {"inducing", n.inducing},
                   {"adjacency", n.adjacency},
                   {"dropout", n.dropout},
                   {"input_dropout", n.input_dropout}}},
                 {"training",
                  {{"minutes", t.minutes},
                   {"steps_max", t.steps_max},
                   {"batch", t.batch},
                   {"sigma_draws", t.sigma_draws},
                   {"learning_rate", t.learning_rate},
                   {"warmup_steps", t.warmup_steps},
                   {"weight_decay", t.weight_decay},
                   {"gradient_clip", t.gradient_clip},
                   {"ema_decay", t.ema_decay},
                   {"sigma_log_mean", t.sigma_log_mean},
                   {"sigma_log_std", t.sigma_log_std},
                   {"context_noise", t.context_noise},
                   {"validations", t.validations},
                   {"validation_windows", t.validation_windows},
                   {"seed", t.seed}}}};
  // Where it is as it always was, older files stay the same, and readable.
  if (n.described_places) object["network"]["described_places"] = true;
  if (n.raw_values) object["network"]["raw_values"] = true;
  if (n.cyclic) object["network"]["cyclic"] = true;
  if (t.networks > 1) object["training"]["networks"] = t.networks;
  for (const auto& [name, transform] : task.transform) {
    object["transform"][name] = kTransforms[static_cast<size_t>(transform)];
  }
  for (const PlannedOption& option : planned_options()) {
    if (is_unset(task, option.key)) object[option.section].erase(option.key);
  }
  return object.dump(1);
}

Result<Task> find_task(const storage::SeriesStore& store, const std::string& name) {
  const storage::PlacesKind places = store.schema().places.kind;
  if (name.ends_with(".json")) {
    SKIPCAST_TRY(const std::string text, storage::read_file(name, kTaskBytesMax));
    const Json object = Json::parse(text, nullptr, false);
    if (object.is_discarded()) return bad_input(name + " is not valid JSON");
    SKIPCAST_TRY(Task task, read_task(object, places));
    return check_variables(store, std::move(task));
  }
  SKIPCAST_TRY(const Json tasks, archive_tasks(store));
  for (const Json& object : tasks) {
    if (!object.is_object() || object.value("name", Json()) != name) continue;
    SKIPCAST_TRY(Task task, read_task(object, places));
    return check_variables(store, std::move(task));
  }
  return not_found(fmt::format("{} has no task \"{}\"; it has: {}. A task may also be a .json file",
                               store.path(), name, fmt::join(task_names(store), ", ")));
}

std::vector<std::string> task_names(const storage::SeriesStore& store) {
  std::vector<std::string> names;
  const Result<Json> tasks = archive_tasks(store);
  if (!tasks.ok()) return names;
  for (const Json& object : *tasks) {
    if (!object.is_object() || !object.contains("name") || !object["name"].is_string()) continue;
    names.push_back(object["name"].get<std::string>());
  }
  return names;
}

std::vector<int32_t> variable_numbers(const storage::SeriesStore& store, const Task& task) {
  std::vector<int32_t> numbers;
  for (const std::string& name : task.context_variables) {
    const int64_t number = store.schema().variable_index(name);
    SKIPCAST_CHECK(number >= 0);
    numbers.push_back(static_cast<int32_t>(number));
  }
  return numbers;
}

retrieval::NormalizerOptions normalizer_options(const storage::SeriesStore& store, const Task& task,
                                                const Split& split) {
  retrieval::NormalizerOptions options{
      variable_numbers(store, task), task.base, split.train_end, task.base_smoothing, {}};
  for (const std::string& name : task.square_root) {
    options.square_root.push_back(static_cast<int32_t>(store.schema().variable_index(name)));
  }
  for (const auto& [name, transform] : task.transform) {
    options.transforms[static_cast<int32_t>(store.schema().variable_index(name))] = transform;
  }
  return options;
}

Split split_of(const Task& task, int64_t states) {
  // The margin keeps 0.7 + 0.1 of 1000 at 800.
  const auto boundary = [states](double fraction) {
    return std::min(states, static_cast<int64_t>(fraction * static_cast<double>(states) + 1e-6));
  };
  return {states, boundary(task.split[0]), boundary(task.split[0] + task.split[1])};
}

std::vector<int64_t> part_origins(const storage::TimeAxis& axis, const Task& task,
                                  const Split& split, Part part) {
  const auto origins = [&](int64_t begin, int64_t end) {
    const int64_t first = std::max<int64_t>(0, begin - task.spec.context_states);
    return storage::window_origins(axis, task.spec, first, end - 1);
  };
  switch (part) {
    case Part::kTrain:
      return origins(0, split.train_end);
    case Part::kValidation:
      return origins(split.train_end, split.validation_end);
    case Part::kTest:
      return origins(split.validation_end, split.states);
  }
  SKIPCAST_CHECK(false);
}

}  // namespace skipcast::engine
