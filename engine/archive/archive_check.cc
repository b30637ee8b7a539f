#include "engine/archive/archive_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "engine/data/task.h"
#include "engine/keys/metric_file.h"
#include "engine/models/model.h"
#include "engine/models/weights.h"
#include "engine/settings/policy.h"
#include "retrieval/search/index_envelope.h"
#include "storage/series/archive_config.h"
#include "storage/upkeep/series_verify.h"

namespace skipcast::engine {
namespace {

constexpr int64_t kIndexBytesMax = int64_t{64} << 30;

Verdict series_verdict(const Result<storage::VerifyReport>& report) {
  Verdict verdict = {.part = "series", .status = report.status()};
  if (report.ok()) {
    verdict.facts = fmt::format("{} states in {} blocks, {} rows", report->states, report->blocks,
                                report->rows);
  }
  return verdict;  // its errors name the remedy themselves
}

Verdict index_verdict(const std::string& path) {
  const auto header = retrieval::check_envelope(path, kIndexBytesMax);
  Verdict verdict = {.part = path,
                     .status = header.status(),
                     .remedy = "nothing to do: the next use builds it anew",
                     .unused = header.status().code() == Code::kUnsupported};
  if (header.ok()) {
    verdict.facts = fmt::format("{} windows, {} states covered", header->rows, header->through);
  }
  return verdict;
}

Verdict weights_verdict(const std::string& path) {
  const auto weights = read_weights(path);
  const bool metric = path.ends_with(kMetricEnding);
  Verdict verdict = {.part = path,
                     .status = weights.status(),
                     .remedy = metric ? "copy it back, or run skipcast train-metric"
                                      : "copy it back, or run skipcast train"};
  if (weights.ok()) verdict.facts = fmt::format("{} tensors", weights->tensors.size());
  return verdict;
}

Verdict policy_verdict(const std::string& path) {
  const Status status = read_policy(path).status();
  return {.part = path,
          .status = status,
          .facts = status.ok() ? "readable" : "",
          .remedy = "run skipcast tune again"};
}

void add_config_copy(const std::string& archive, std::vector<Verdict>& verdicts) {
  const Status status = storage::read_config_copy(archive).status();
  if (status.code() == Code::kNotFound) return;  // an archive of an older version has none
  verdicts.push_back({.part = archive + "/" + storage::kConfigCopyFile,
                      .status = status,
                      .remedy = fmt::format("copy {} over it", storage::kConfigFile)});
}

// A model's copies, where there are any.
void add_copies(const std::string& archive, const Model& model, std::vector<Verdict>& verdicts) {
  for (const CopyKind& kind : copy_kinds()) {
    const auto copy = model.copy(kind.name);
    const Code code = copy.status().code();
    if (code == Code::kNotFound) continue;
    const std::string& task = model.task().name;
    verdicts.push_back({.part = fmt::format("{} network of {}", kind.name, task),
                        .status = copy.status(),
                        .remedy = "run " + training_command(kind, archive, task),
                        .unused = code == Code::kRefused});
    if (copy.ok()) verdicts.back().facts = (*copy)->info.fingerprint;
  }
}

// One that a retrained model has left behind is no damage: nothing uses it.
Verdict metric_verdict(const storage::SeriesStore& store, const Model& model) {
  const Status status = metric_fingerprint(store, model).status();
  Verdict verdict = {.part = "learned metric of " + model.task().name,
                     .status = status,
                     .facts = "fits its model",
                     .remedy = "run skipcast train-metric"};
  if (status.code() == Code::kRefused) verdict.status = {};
  if (!status.ok()) verdict.facts = status.message();
  return verdict;
}

// Weights and description belong together: the model as a forecast would load it.
void add_models(const std::string& archive, std::vector<Verdict>& verdicts) {
  const auto store = storage::SeriesStore::open(archive, storage::OpenMode::kReadOnly);
  if (!store.ok()) return;  // the series' verdict says why
  for (const std::string& task : task_names(**store)) {
    const auto model = Model::load(**store, task);
    if (model.status().code() == Code::kNotFound) continue;
    verdicts.push_back({.part = "model of " + task,
                        .status = model.status(),
                        .remedy = "copy its files back, or run skipcast train"});
    if (!model.ok()) continue;
    verdicts.back().facts = (*model)->fingerprint();
    add_copies(archive, **model, verdicts);
    if (has_metric(**store, task)) verdicts.push_back(metric_verdict(**store, **model));
  }
}

void add_files(const std::string& archive, std::vector<Verdict>& verdicts) {
  for (const char* ending : {".skx", ".skx.previous"}) {
    for (const std::string& path : files_in(archive, "index", ending)) {
      verdicts.push_back(index_verdict(path));
    }
  }
  for (const std::string& path : files_in(archive, "models", ".safetensors")) {
    verdicts.push_back(weights_verdict(path));
  }
  add_models(archive, verdicts);
  for (const std::string& path : files_in(archive, "policies", ".json")) {
    verdicts.push_back(policy_verdict(path));
  }
}

}  // namespace

Result<std::vector<Verdict>> check_archive(const std::string& archive, const Progress& progress) {
  const auto report = storage::verify_series(archive, progress);
  const Code code = report.status().code();
  if (code == Code::kNotFound || code == Code::kInterrupted || code == Code::kUnsupported) {
    return report.status();
  }
  std::vector<Verdict> verdicts = {series_verdict(report)};
  add_config_copy(archive, verdicts);
  add_files(archive, verdicts);
  return verdicts;
}

std::vector<std::string> files_in(const std::string& archive, const std::string& folder,
                                  const std::string& ending) {
  std::vector<std::string> paths;
  std::error_code error;
  std::filesystem::directory_iterator it(std::filesystem::path(archive) / folder, error), end;
  for (; !error && it != end; it.increment(error)) {
    if (it->path().string().ends_with(ending)) paths.push_back(it->path().string());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace skipcast::engine
