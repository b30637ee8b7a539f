#include "engine/archive/transfer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <map>

#include "engine/models/model_file.h"
#include "engine/models/network_copy.h"
#include "engine/networks/attachment.h"
#include "engine/training/training_job.h"
#include "engine/training/validation.h"
#include "retrieval/encoders/evenly_spread.h"

namespace skipcast::engine {
namespace {

using storage::SeriesStore;

// What a network has learned of time, units and transforms must hold on the other archive.
Status check_alike(const SeriesStore& from, const SeriesStore& to, const Task& trained) {
  storage::TimeAxis axis = from.schema().axis;
  axis.start_s = to.schema().axis.start_s;
  if (!(axis == to.schema().axis)) {
    return bad_input(
        fmt::format("{} and {} differ in the step or the sessions of their times: a "
                    "network cannot serve both",
                    from.path(), to.path()));
  }
  for (const std::string& name : trained.context_variables) {
    const auto& one = from.schema().variables[from.schema().variable_index(name)];
    const auto& other = to.schema().variables[to.schema().variable_index(name)];
    if (one.units == other.units && one.log_transform == other.log_transform) continue;
    return bad_input(
        fmt::format("variable \"{}\" is in {}{} in {}, and in {}{} in {}: a network "
                    "cannot serve both",
                    name, one.units, one.log_transform ? " (log)" : "", from.path(), other.units,
                    other.log_transform ? " (log)" : "", to.path()));
  }
  return {};
}

// The task of the new archive, as the network was trained for it.
Result<Task> task_for(const SeriesStore& from, const SeriesStore& to, const Task& asked,
                      const Task& trained) {
  const auto differs = [&](const char* key) {
    return bad_input(
        fmt::format("task {} has other {} in {} than the network of {} was trained "
                    "for",
                    asked.name, key, to.path(), from.path()));
  };
  if (asked.variables != trained.variables) return differs("\"variables\"");
  if (asked.context_variables != trained.context_variables) return differs("\"context_variables\"");
  if (!(asked.spec == trained.spec)) return differs("\"context_states\" or \"future_states\"");
  SKIPCAST_TRY_OK(check_alike(from, to, trained));
  if (!trained.network.described_places) {
    return refused(
        fmt::format("the network of task {} in {} has a learned embedding for each of "
                    "its places, so it knows no others: run  skipcast train {} --task "
                    "{} --described-places",
                    trained.name, from.path(), from.path(), trained.name));
  }
  Task task = trained;
  task.split = asked.split;
  task.evaluate_stride = asked.evaluate_stride;
  return task;
}

Status check_vacant(const SeriesStore& to, const Task& task, bool replace) {
  const std::string path = model_paths(to, task.name).weights;
  if (replace || !std::filesystem::exists(path)) return {};
  return refused(fmt::format("{} is there already: say --replace to have it replaced", path));
}

// Nothing that is held out here may have been learned there, at other places.
Status check_times(const SeriesStore& from, const SeriesStore& to, const ModelParts& trained,
                   const Split& split, bool allowed) {
  const int64_t seen = from.schema().axis.time_at(trained.split.train_end - 1);
  const int64_t held_out = to.schema().axis.time_at(split.train_end);
  if (allowed || seen < held_out) return {};
  return refused(
      fmt::format("the network of task {} in {} was trained on times up to {}, and {} "
                  "holds out those from {} on: its scores would be flattered. Give the "
                  "task a later \"split\" in {}, or say --allow-overlap",
                  trained.task.name, from.path(), storage::format_time(seen), to.path(),
                  storage::format_time(held_out), to.path()));
}

int64_t count_seen(const SeriesStore& from, const SeriesStore& to) {
  const auto& trained = from.schema().places.names;
  const auto& names = to.schema().places.names;
  return std::count_if(names.begin(), names.end(), [&](const std::string& name) {
    return std::find(trained.begin(), trained.end(), name) != trained.end();
  });
}

// The network with the new archive's places, attachments included; kBadInput when the weights do
// not fit.
Result<std::shared_ptr<Network>> moved(Network& network, const Task& task,
                                       const NetworkShape& shape) {
  std::shared_ptr<Network> copy = make_network(task.network, shape);
  for (const std::string& name : network.attached()) copy->attach(name, 0);
  std::map<std::string, at::Tensor> weights;
  for (const auto& item : network.named_parameters()) weights[item.key()] = item.value();
  if (const Status fits = load_parameters(weights, "", *copy); !fits.ok()) {
    return bad_input(
        fmt::format("task {}: the network does not fit the new archive ({}); has only "
                    "one of the two an adjacency?",
                    task.name, fits.message()));
  }
  copy->eval();
  return copy;
}

// Copies, beside the model that is there by now.
Status move_copies(const SeriesStore& from, const SeriesStore& to, const StoredModel& source,
                   std::vector<std::string>& kinds) {
  const std::string& name = source.parts.task.name;
  SKIPCAST_TRY(const StoredModel target, read_model(to, name));
  const auto home_of = [](const SeriesStore& store, const StoredModel& model) {
    const ModelParts& parts = model.parts;
    return copy_home(store, parts.task,
                     shape_of(parts.task, store.schema().places, parts.normalizer, parts.target),
                     model.fingerprint);
  };
  const CopyHome there = home_of(from, source), here = home_of(to, target);
  for (const CopyKind& kind : copy_kinds()) {
    Result<StoredCopy> copy = read_copy(there, kind);
    if (copy.status().code() == Code::kNotFound || copy.status().code() == Code::kRefused) continue;
    SKIPCAST_TRY_OK(copy.status());
    SKIPCAST_TRY(copy->network, moved(*copy->network, here.task, here.shape));
    // Distances are lengths of vectors over all places.
    copy->info.distance_scale *=
        std::sqrt(double(to.schema().places.count()) / double(from.schema().places.count()));
    SKIPCAST_TRY_OK(save_copy(here, *copy));
    kinds.emplace_back(kind.name);
  }
  return {};
}

Result<TransferReport> run(const SeriesStore& from, const SeriesStore& to, const Task& asked,
                           const TransferRequest& request) {
  const auto start = std::chrono::steady_clock::now();
  SKIPCAST_TRY(const StoredModel source, read_model(from, asked.name));
  SKIPCAST_TRY(const Task task, task_for(from, to, asked, source.parts.task));
  SKIPCAST_TRY_OK(check_vacant(to, task, request.replace));
  const Split split = split_of(task, to.size());
  SKIPCAST_TRY_OK(check_times(from, to, source.parts, split, request.allow_overlap));
  SKIPCAST_TRY(retrieval::Normalizer normalizer,
               retrieval::Normalizer::fit(to, normalizer_options(to, task, split)));
  ModelParts parts{.task = task, .split = split, .normalizer = std::move(normalizer)};
  SKIPCAST_TRY(const std::unique_ptr<Dataset> dataset, Dataset::load(to, task, parts.normalizer));
  const storage::Schema& schema = to.schema();
  const std::vector<int64_t> training = part_origins(schema.axis, task, split, Part::kTrain);
  const std::vector<int64_t> held_out = part_origins(schema.axis, task, split, Part::kValidation);
  if (training.empty() || held_out.empty()) {
    return bad_input(fmt::format("task {}: {} states of {} are too few for its split", task.name,
                                 to.size(), to.path()));
  }
  parts.target = fit_target_space(*dataset, training);
  const NetworkShape shape = shape_of(task, schema.places, parts.normalizer, parts.target);
  SKIPCAST_TRY(parts.network, moved(*source.parts.network, task, shape));
  for (const auto& other : source.parts.others) {
    SKIPCAST_TRY(std::shared_ptr<Network> network, moved(*other, task, shape));
    parts.others.push_back(std::move(network));
  }
  const auto origins = retrieval::evenly_spaced(held_out, task.training.validation_windows);
  const ValidationScores scores = validate(parts, *dataset, origins);
  SKIPCAST_TRY_OK(save_model(to, parts,
                             {{"transferred_from", source.fingerprint},
                              {"validation_crps", fmt::format("{:.6f}", scores.crps)}}));
  TransferReport report = {.model_path = model_paths(to, task.name).weights,
                           .places = schema.places.count(),
                           .seen = count_seen(from, to),
                           .copies = {},
                           .validation_crps = scores.crps};
  SKIPCAST_TRY_OK(move_copies(from, to, source, report.copies));
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace

Result<TransferReport> transfer(const SeriesStore& from, const SeriesStore& to,
                                const TransferRequest& request) {
  SKIPCAST_TRY(const Task asked, find_task(to, request.task));
  return training_job(asked.name, request.threads, "",
                      [&]() -> Result<TransferReport> { return run(from, to, asked, request); });
}

}  // namespace skipcast::engine
