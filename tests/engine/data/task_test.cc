// Tasks: every key is read, every fault is a sentence, and the split never mixes its parts.
#include "engine/data/task.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/data/planned_options.h"
#include "tests/support/memory_store.h"
#include "tests/support/skip.h"
#include "tests/support/torch_doctest.h"

namespace {

using namespace skipcast::engine;
using nlohmann::json;
using skipcast::Code;
using skipcast::storage::PlacesKind;
using skipcast::tests::memory_schema;
using skipcast::tests::MemoryStore;

json minimal() {
  return {{"name", "t"}, {"variables", {"a"}}, {"context_states", 4}, {"future_states", 2}};
}

Task read(const json& object, PlacesKind places = PlacesKind::kGraph) {
  auto task = task_from_json(object.dump(), places);
  REQUIRE_MESSAGE(task.ok(), task.status().message());
  return *task;
}

std::string fault(const json& object) {
  const auto task = task_from_json(object.dump(), PlacesKind::kGraph);
  if (task.ok()) return "no fault";
  CHECK(task.status().code() == Code::kBadInput);
  return task.status().message();
}

json with(const char* key, const json& value) {
  json object = minimal();
  object[key] = value;
  return object;
}

}  // namespace

TEST_CASE("Task: four keys suffice, the rest has the documented defaults") {
  const Task task = read(minimal());
  CHECK(task.context_variables == task.variables);
  CHECK(task.spec == skipcast::storage::WindowSpec{4, 2});
  CHECK(task.split == std::array<double, 3>{0.6, 0.2, 0.2});
  CHECK(task.network.kind == kGraphNet);
  CHECK(read(minimal(), PlacesKind::kGrid).network.kind == kGridNet);
}

TEST_CASE("Task: every key is written, read back, and changes something") {
  Task plain = read(minimal());
  plain.unset.clear();
  const json defaults = json::parse(to_json(plain));
  json changed = defaults;
  changed["name"] = "other";
  changed["variables"] = {"b"};
  changed["context_variables"] = {"b", "a"};
  changed["split"] = {0.7, 0.2, 0.1};
  changed["calendar"] = {"day_of_year"};
  changed["base"] = "slot_of_week";
  changed["square_root"] = {"a"};
  changed["transform"] = {{"b", "log"}};
  changed["residual"] = false;
  changed["network"]["adjacency"] = true;
  changed["network"]["described_places"] = true;
  for (auto& [key, value] : changed.items()) {
    if (value.is_number_integer()) value = value.get<int64_t>() + 1;
    if (value.is_number_float()) value = value.get<double>() + 1;
    if (!value.is_object()) continue;
    for (auto& [inner, number] : value.items()) {
      if (number.is_number_integer()) number = number.get<int64_t>() * 2 + 2;
      if (number.is_number_float()) number = number.get<double>() * 0.5 + 0.25;
    }
  }
  changed["network"]["width"] = 96;
  changed["network"]["heads"] = 6;
  changed["schedule"]["rho"] = 5.0;
  const json back = json::parse(to_json(read(changed)));
  CHECK(back == changed);
  for (const auto& [key, value] : defaults.items()) {
    CAPTURE(key);
    CHECK(back[key] != value);
  }
}

TEST_CASE("Task: what has no key is left to the data; a base says that a task is made by hand") {
  CHECK(read(minimal()).automatic.base);
  CHECK(read(minimal()).automatic.transform);
  CHECK(read(minimal()).automatic.calendar);
  CHECK_FALSE(read(with("base", "mean")).automatic.base);
  CHECK_FALSE(read(with("base", "mean")).automatic.transform);
  CHECK(read(with("base", "mean")).automatic.calendar);
  CHECK_FALSE(read(with("base_smoothing", 2)).automatic.base);
  CHECK_FALSE(read(with("square_root", json::array())).automatic.transform);
  CHECK_FALSE(read(with("transform", json::object())).automatic.transform);
  CHECK(read(with("transform", json::object())).automatic.base);
  CHECK_FALSE(read(with("calendar", {"day_of_year"})).automatic.calendar);
  CHECK_FALSE(Task().automatic.base);
}

TEST_CASE("Task: options that nobody set are known, and stay out of its JSON until chosen") {
  const Task open = read(minimal());
  CHECK(open.unset.size() == planned_options().size());
  CHECK(read(json::parse(to_json(open))).unset == open.unset);
  Task some = read(with("training", {{"batch", 16}}));
  CHECK_FALSE(is_unset(some, "batch"));
  CHECK(is_unset(some, "width"));
  Task chosen = open;
  chosen.unset.clear();
  chosen.training.batch = 4;
  chosen.network.width = 48;
  take_planned(chosen, some);
  CHECK(some.unset.empty());
  CHECK(some.training.batch == 16);
  CHECK(some.network.width == 48);
  CHECK(read(json::parse(to_json(some))).unset.empty());
}

TEST_CASE("Task: the network's kind may stand alone") {
  CHECK(read(with("network", "grid"), PlacesKind::kGrid).network.kind == kGridNet);
  CHECK(read(with("network", "graph"), PlacesKind::kGrid).network.kind == kGraphNet);
  CHECK(fault(with("network", "gird")) == "task t, \"network\": \"kind\" is none of: graph, grid");
}

TEST_CASE("Task: faults name the task, the key and what is allowed") {
  CHECK(fault(json::array()) == "task without a name is not an object { ... }");
  CHECK(fault(with("contextstates", 4))
            .starts_with("task t: \"contextstates\" is no key here; known are: name, variables, "
                         "context_variables"));
  CHECK(fault(with("context_states", 0)) == "task t: \"context_states\" is 0, outside 1 to 100000");
  CHECK(fault(with("context_states", 1.5)) == "task t: \"context_states\" is not a whole number");
  CHECK(fault(with("future_states", "12")) == "task t: \"future_states\" is not a number");
  CHECK(fault(with("variables", "a")) == "task t: \"variables\" is not a list of texts");
  CHECK(fault(with("variables", json::array())) == "task t: \"variables\" is missing or empty");
  CHECK(fault(with("context_variables", {"b", "a"})) ==
        "task t: \"context_variables\" does not start with the \"variables\"");
  CHECK(fault(with("context_variables", {"a", "b", "b"})) ==
        "task t: \"context_variables\" names a variable twice");
  CHECK(fault(with("split", {0.6, 0.6, 0.2})) == "task t: \"split\" adds up to 1.4, not 1");
  CHECK(fault(with("split", {0.5, 0.5})).find("three numbers") != std::string::npos);
  CHECK(fault(with("calendar", {"hour"})).find("knows no \"hour\"") != std::string::npos);
  CHECK(fault(with("base", "weekly")).starts_with("task t: \"base\" is none of: mean, "));
  CHECK(fault(with("transform", {{"a", "cube"}})) ==
        "task t: \"transform\" of \"a\" is none of: none, log, square_root");
  CHECK(fault(with("transform", "log")) == "task t: \"transform\" is not an object {name: word}");
  CHECK(fault(with("transform", {{"z", "log"}})).find("names \"z\"") != std::string::npos);
  CHECK(fault(with("residual", 1)) == "task t: \"residual\" is neither true nor false");
  CHECK(fault(with("name", "../t")).find("names files") != std::string::npos);
  CHECK(fault(with("network", {{"width", 100}})) ==
        "task t, \"network\": \"width\" is not a multiple of 8");
  CHECK(fault(with("network", {{"heads", 3}})) ==
        "task t, \"network\": \"heads\" does not divide \"width\"");
  CHECK(fault(with("training", {{"minuts", 3}})).find("\"minuts\" is no key here") !=
        std::string::npos);
  CHECK(fault(with("schedule", {{"sigma_min", 90}})) ==
        "task t, \"schedule\": \"sigma_min\" exceeds \"sigma_max\"");
  json missing = minimal();
  missing.erase("future_states");
  CHECK(fault(missing) == "task t: \"future_states\" is missing");
  CHECK(task_from_json("{", PlacesKind::kGraph).status().message() == "the task is not valid JSON");
}

TEST_CASE("Task: a grid network needs a grid") {
  CHECK(fault(with("network", "grid")) == "task t: network \"grid\" needs places on a grid");
}

TEST_CASE("Task: found by name in the archive, or in a file; a miss lists what there is") {
  skipcast::storage::Schema schema = memory_schema(2, 3);
  json other = minimal();
  other["name"] = "u";
  other["variables"] = {"z"};
  schema.tasks_json = json::array({minimal(), other}).dump();
  const MemoryStore store(schema, std::vector<float>(6));
  CHECK(task_names(store) == std::vector<std::string>{"t", "u"});
  REQUIRE(find_task(store, "t").ok());
  CHECK(variable_numbers(store, *find_task(store, "t")) == std::vector<int32_t>{0});
  const auto miss = find_task(store, "v");
  CHECK(miss.status().code() == Code::kNotFound);
  CHECK(miss.status().message().find("it has: t, u") != std::string::npos);
  const auto unknown = find_task(store, "u");
  CHECK(unknown.status().code() == Code::kNotFound);
  CHECK(unknown.status().message().find("no variable \"z\"; it has: a, b") != std::string::npos);

  const skipcast::tests::TempDir folder;
  const std::string path = folder.file("task.json");
  std::ofstream(path) << with("name", "from-file").dump();
  REQUIRE(find_task(store, path).ok());
  CHECK(find_task(store, path)->name == "from-file");
  CHECK(find_task(store, folder.file("none.json")).status().code() == Code::kNotFound);
}

TEST_CASE("Split: parts are disjoint, futures stay inside, training contexts too") {
  Task task = read(minimal());
  task.split = {0.7, 0.1, 0.2};
  const Split split = split_of(task, 100);
  CHECK(split.train_end == 70);
  CHECK(split.validation_end == 80);
  skipcast::storage::TimeAxis axis = memory_schema(1, 1).axis;
  const auto train = part_origins(axis, task, split, Part::kTrain);
  const auto validation = part_origins(axis, task, split, Part::kValidation);
  const auto test = part_origins(axis, task, split, Part::kTest);
  CHECK(train.front() == 3);  // four context states
  CHECK(train.back() == 67);  // futures 68, 69
  CHECK(validation.front() == 69);
  CHECK(validation.back() == 77);
  CHECK(test.front() == 79);
  CHECK(test.back() == 97);
  CHECK(part_origins(axis, task, {100, 70, 80}, Part::kTest) == test);
}

TEST_CASE("Split: windows do not cross sessions") {
  Task task = read(minimal());
  skipcast::storage::TimeAxis axis = memory_schema(1, 1).axis;
  axis.session_states = 10;
  for (const Part part : {Part::kTrain, Part::kValidation, Part::kTest}) {
    for (const int64_t origin : part_origins(axis, task, split_of(task, 100), part)) {
      CHECK(origin % 10 >= 3);
      CHECK(origin % 10 <= 7);
    }
  }
}
