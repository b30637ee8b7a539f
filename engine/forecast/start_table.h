// The starts there are, from which members enter the reverse chain: one file in
// engine/forecast/starts/ and one line of start_table.cc each. Functions of a table that never
// changes, thread-safe.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "engine/settings/forecast_options.h"
#include "storage/progress.h"

namespace skipcast::engine {

class AnalogKeys;
class Forecaster;
struct Chain;
struct EntryState;
struct MemberAnalogs;
struct Query;
struct Task;

// What starts keep from one forecast to the next, by name. Thread-safe.
class StartMemory {
 public:
  using Make = std::function<Result<std::shared_ptr<const void>>()>;
  // What `make` gives when the name is first asked for; others wait meanwhile. A failure is not
  // kept.
  Result<std::shared_ptr<const void>> get(const std::string& name, const Make& make);

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const void>> kept_;  // guarded by mutex_
};

// What a start may use; refers to it.
struct StartScene {
  AnalogKeys& keys;        // and with it model and dataset
  Forecaster& forecaster;  // for starts that need other forecasts
  StartMemory& memory;
  const Progress& progress;
  const Chain& chain;
  const ForecastOptions& options;
};

// A start. Functions that it has no need of are nullptr.
struct StartRow {
  StartKind kind;
  std::string_view help;
  bool searches = false;  // by start.key: its index is opened beforehand
  bool control = false;   // blind: measured, never chosen (is_control)
  // Does it need the query's mean forecast (one shared evaluation)? nullptr: no.
  bool (*needs_mean)(const StartOptions& start) = nullptr;
  // kUsage in a sentence for what it does not go with; completes the chain.
  Status (*check)(const Task& task, const ForecastOptions& options, Chain& chain) = nullptr;
  // Makes what takes long, before the first query.
  Status (*prepare)(const StartScene& scene) = nullptr;
  // An analog a member, found or drawn.
  Result<MemberAnalogs> (*find)(AnalogKeys& keys, Query& query,
                                const ForecastOptions& options) = nullptr;
  // What members are entered from. nullptr: pure noise.
  Status (*enter)(const StartScene& scene, const Query& query, const MemberAnalogs& found,
                  EntryState& entry) = nullptr;
};

// nullptr for a word that names none.
const StartRow* find_start(StartKind kind);
// The start of this word; kUsage lists those there are.
Result<StartKind> start_from(std::string_view word);
// "cold, analog, ...", for help and messages.
std::string start_names();

bool has_analogs(StartKind kind);
bool is_retrieved(StartKind kind);  // has_analogs, and a search finds them
bool needs_mean(const StartOptions& start);

// Is it measured and never chosen: a blind start, or futures retrieved for another situation?
bool is_control(const Setting& setting);

// Do start, key and alignment name something? kUsage lists what there is.
Status check_names(const StartOptions& start);

// StartRow::enter of all starts with analogs: their futures, aligned to the query.
Status enter_from_analogs(const StartScene& scene, const Query& query, const MemberAnalogs& found,
                          EntryState& entry);

}  // namespace skipcast::engine
