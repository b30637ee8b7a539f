#include "engine/archive/archive_salvage.h"

#include <fmt/format.h>

#include <filesystem>

#include "engine/archive/archive_check.h"
#include "engine/data/task.h"
#include "engine/keys/metric_file.h"
#include "engine/models/model_file.h"
#include "engine/models/network_copy.h"
#include "engine/settings/policy.h"
#include "storage/upkeep/archive_copy.h"

namespace skipcast::engine {
namespace {

namespace fs = std::filesystem;

// The file under the same name in another archive's folder of that name.
std::string beside(const std::string& archive, const fs::path& path) {
  return (fs::path(archive) / path.parent_path().filename() / path.filename()).string();
}

Status copy_files(const std::string& from, const std::string& to, const std::string& folder) {
  const std::vector<std::string> paths = files_in(from, folder, "");
  std::error_code error;
  if (!paths.empty()) fs::create_directories(fs::path(to) / folder, error);
  for (const std::string& path : paths) {
    if (!fs::is_regular_file(path, error) || path.ends_with(".tmp")) continue;
    SKIPCAST_TRY_OK(storage::copy_file_durably(path, beside(to, path)));
  }
  return {};
}

void keep_copies(const storage::SeriesStore& store, const Model& model, ArchiveSalvage& report) {
  for (const CopyKind& kind : copy_kinds()) {
    const Status status = model.copy(kind.name).status();
    if (status.code() == Code::kNotFound) continue;
    const std::string path = copy_path(store.path(), model.task().name, kind);
    std::error_code gone;
    if (status.ok()) report.kept.push_back(path);
    if (!status.ok()) fs::remove(path, gone);
    if (!status.ok()) report.left.push_back(fmt::format("{}: {}", path, status.message()));
  }
}

// A model's two files, as a forecast would load them; removed again when they do not load.
void keep_models(const std::string& archive, ArchiveSalvage& report) {
  const auto store = storage::SeriesStore::open(archive, storage::OpenMode::kReadOnly);
  if (!store.ok()) return;
  for (const std::string& task : task_names(**store)) {
    const auto model = Model::load(**store, task);
    const Status status = model.status();
    if (status.code() == Code::kNotFound) continue;
    const ModelPaths paths = model_paths(**store, task);
    for (const std::string& path : {paths.description, paths.weights}) {
      std::error_code gone;
      if (status.ok()) report.kept.push_back(path);
      if (!status.ok()) fs::remove(path, gone);
    }
    if (!status.ok()) report.left.push_back(fmt::format("model of {}: {}", task, status.message()));
    if (model.ok()) keep_copies(**store, **model, report);
  }
}

// A learned metric is of use beside its model alone.
void keep_metrics(const std::string& archive, ArchiveSalvage& report) {
  const auto store = storage::SeriesStore::open(archive, storage::OpenMode::kReadOnly);
  if (!store.ok()) return;
  for (const std::string& task : task_names(**store)) {
    if (!has_metric(**store, task)) continue;
    const std::string path = metric_path(**store, task);
    const auto model = Model::load(**store, task);
    const Status status =
        model.ok() ? metric_fingerprint(**store, **model).status() : model.status();
    if (status.ok()) {
      report.kept.push_back(path);
      continue;
    }
    std::error_code gone;
    fs::remove(path, gone);
    report.left.push_back(fmt::format("learned metric of {}: {}", task, status.message()));
  }
}

void keep_policies(const std::string& archive, ArchiveSalvage& report) {
  for (const std::string& path : files_in(archive, "policies", ".json")) {
    const Status status = read_policy(path).status();
    if (status.ok()) {
      report.kept.push_back(path);
      continue;
    }
    std::error_code gone;
    fs::remove(path, gone);
    report.left.push_back(status.message());
  }
}

}  // namespace

Result<ArchiveSalvage> salvage_archive(const std::string& from, const std::string& to,
                                       const Progress& progress) {
  ArchiveSalvage report;
  SKIPCAST_TRY(report.series, storage::salvage_series(from, to, progress));
  for (const char* folder : {"models", "policies"}) SKIPCAST_TRY_OK(copy_files(from, to, folder));
  keep_models(to, report);
  keep_metrics(to, report);
  keep_policies(to, report);
  return report;
}

}  // namespace skipcast::engine
