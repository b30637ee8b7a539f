#include "tools/commands/cli.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/data/task.h"
#include "engine/forecast/forecaster.h"
#include "tools/terminal/suggest.h"

namespace skipcast::tools {
namespace {

constexpr int64_t kThreadsMax = 1024;

}  // namespace

void add_json_flag(CLI::App& command, Invocation& invocation) {
  command.add_flag("--json", invocation.json, "print one JSON value on standard output instead");
}

void add_threads_option(CLI::App& command, int64_t& threads) {
  command.add_option("--threads", threads, "threads of one network evaluation; 0 = all cores");
}

void add_memory_option(CLI::App& command, int64_t& memory_bytes) {
  command
      .add_option("--memory", memory_bytes,
                  "bound on the memory of the store and its indexes: 512MB, 2GiB (default 1 GiB)")
      ->transform(CLI::AsSizeValue(false));
}

Status use_threads(int64_t threads) {
  if (threads < 0 || threads > kThreadsMax) {
    return usage(fmt::format("--threads {}: a number from 0 (all cores) to {} is expected", threads,
                             kThreadsMax));
  }
  if (threads > 0) at::set_num_threads(static_cast<int>(threads));
  return {};
}

Result<std::unique_ptr<storage::SeriesStore>> open_archive(const std::string& path,
                                                           storage::OpenMode mode) {
  return storage::SeriesStore::open(path, mode);
}

Status suggest_task(const storage::SeriesStore& store, const std::string& task, Status status) {
  if (status.code() != Code::kNotFound) return status;
  const std::vector<std::string> names = engine::task_names(store);
  if (std::find(names.begin(), names.end(), task) != names.end()) return status;
  const std::string suggestion = did_you_mean(task, names);
  return {status.code(), status.message() + (suggestion.empty() ? "" : "." + suggestion)};
}

Result<std::unique_ptr<engine::Forecaster>> open_forecaster(const storage::SeriesStore& store,
                                                            const std::string& task,
                                                            const Progress& progress,
                                                            int64_t memory_bytes,
                                                            const engine::Compute& compute) {
  SKIPCAST_TRY_OK(storage::check_memory(memory_bytes));
  auto opened = engine::Forecaster::open(store, task, progress, memory_bytes, compute);
  if (!opened.ok()) return suggest_task(store, task, opened.status());
  return opened;
}

}  // namespace skipcast::tools
