#include "engine/archive/deep_check.h"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>

#include "engine/data/task.h"
#include "engine/keys/analog_keys.h"
#include "engine/keys/key_table.h"
#include "engine/models/model.h"

namespace skipcast::engine {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRemedy = "delete it: the next use builds it anew";

// "context", "forecast", "metric", "mixed-0.25": as AnalogKeys names its files. False for anything
// else.
bool start_named(const std::string& name, StartOptions& start) {
  const size_t dash = name.find('-');
  const auto key = key_from(name.substr(0, dash));
  if (!key.ok()) return false;
  start.key = *key;
  if (dash == std::string::npos) return true;
  const char* const end = name.data() + name.size();
  return std::from_chars(name.data() + dash + 1, end, start.key_mix).ptr == end;
}

Verdict verdict_of(const std::string& path, const Result<int64_t>& windows) {
  Verdict verdict = {.part = path + ", deep"};
  if (windows.ok()) {
    verdict.facts = fmt::format("{} windows made anew, all the same", *windows);
  } else if (windows.status().code() == Code::kRefused) {
    verdict.facts = windows.status().message();
  } else {
    verdict.status = windows.status();
    verdict.remedy = kRemedy;
  }
  return verdict;
}

// The part of a cache's name between "<task>." and its ending, or "".
std::string name_in(const std::string& path, const std::string& task, const std::string& ending) {
  const std::string file = fs::path(path).filename(), prefix = fs::path(task).stem().string() + ".";
  if (!file.starts_with(prefix) || !file.ends_with(ending)) return "";
  return file.substr(prefix.size(), file.size() - prefix.size() - ending.size());
}

Status check_task(const storage::SeriesStore& store, std::shared_ptr<const Model> model,
                  const Progress& progress, std::vector<Verdict>& verdicts) {
  SKIPCAST_TRY(const auto dataset, Dataset::load(store, model->task(), model->normalizer()));
  AnalogKeys keys(model, *dataset, progress, storage::kMemoryBytesDefault,
                  AnalogKeys::Files::kInMemory);
  const auto add = [&](const std::string& path, const Result<int64_t>& windows) {
    if (windows.status().code() == Code::kInterrupted) return windows.status();
    verdicts.push_back(verdict_of(path, windows));
    return Status();
  };
  for (const char* ending : {".skx", ".skx.previous"}) {
    for (const std::string& path : files_in(store.path(), "index", ending)) {
      StartOptions start;
      if (!start_named(name_in(path, model->task().name, ending), start)) continue;
      SKIPCAST_TRY_OK(add(path, keys.check_index_file(start, path)));
    }
  }
  for (const std::string& path : files_in(store.path(), "index", ".skm")) {
    if (name_in(path, model->task().name, ".skm") != "means") continue;
    SKIPCAST_TRY_OK(add(path, keys.check_means_file(path)));
  }
  return {};
}

bool mentioned(const std::vector<Verdict>& verdicts, const std::string& path) {
  for (const Verdict& verdict : verdicts) {
    if (verdict.part.starts_with(path + ",")) return true;
  }
  return false;
}

}  // namespace

Result<std::vector<Verdict>> check_caches(const std::string& archive, const Progress& progress) {
  SKIPCAST_TRY(const auto store, storage::SeriesStore::open(archive, storage::OpenMode::kReadOnly));
  std::vector<Verdict> verdicts;
  for (const std::string& task : task_names(*store)) {
    auto model = Model::load(*store, task);
    if (!model.ok()) continue;  // its own verdict says why
    SKIPCAST_TRY_OK(check_task(*store, std::move(model).value(), progress, verdicts));
  }
  for (const std::string& path : files_in(archive, "index", "")) {
    if (mentioned(verdicts, path)) continue;
    verdicts.push_back(
        {.part = path + ", deep", .facts = "no key of a trained task uses it; it may be deleted"});
  }
  return verdicts;
}

}  // namespace skipcast::engine
