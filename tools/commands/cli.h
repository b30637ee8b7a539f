// What the subcommands of the program share: registration, opening archives, plain output.
//
// Each subcommand lives in cmd_<name>.cc: add_<name>(), a row of the table in command_line.cc,
// declares its options and leaves what is to be run in the Invocation. main.cc parses, runs and
// turns the Status into an exit code.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "storage/progress.h"
#include "storage/series/series_store.h"
#include "storage/status.h"
#include "tools/terminal/text.h"

namespace CLI {
class App;
}

namespace skipcast::engine {
class Forecaster;
struct Compute;
}  // namespace skipcast::engine

namespace skipcast::tools {

struct Invocation {
  std::string command_line;     // as typed, quoted where a shell would need it
  bool json = false;            // --json: one JSON value on stdout and nothing else
  bool answered = false;        // that value is printed, whatever the status
  std::function<Status()> run;  // set by the subcommand that was named
};

// Declares --json on a subcommand.
void add_json_flag(CLI::App& command, Invocation& invocation);
// Declares --threads N; use_threads() applies it (0 = all cores; kUsage when negative).
void add_threads_option(CLI::App& command, int64_t& threads);
Status use_threads(int64_t threads);

// Declares --memory SIZE ("512MB", "1GiB"; a plain number is bytes).
void add_memory_option(CLI::App& command, int64_t& memory_bytes);

// Opens an archive; the store's own errors.
Result<std::unique_ptr<storage::SeriesStore>> open_archive(const std::string& path,
                                                           storage::OpenMode mode);

// `status` for a task that was not found, with " Did you mean ...?" when a name is near.
Status suggest_task(const storage::SeriesStore& store, const std::string& task, Status status);

// The task's forecaster; for an unknown task with the suggestion of suggest_task().
Result<std::unique_ptr<engine::Forecaster>> open_forecaster(const storage::SeriesStore& store,
                                                            const std::string& task,
                                                            const Progress& progress,
                                                            int64_t memory_bytes,
                                                            const engine::Compute& compute);

}  // namespace skipcast::tools
