#include "storage/upkeep/series_summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>

namespace skipcast::storage {
namespace {

constexpr int64_t kChunkValues = int64_t{256} << 10;

// Follows one run of missing states and keeps the longest.
class GapFollower {
 public:
  void see(int64_t state, bool missing, int64_t place, Gap& longest) {
    run_ = missing ? run_ + 1 : 0;
    if (run_ > longest.states) longest = {state - run_ + 1, run_, place};
  }

 private:
  int64_t run_ = 0;
};

// Everything that is counted about one variable while its values pass by.
class VariableCounter {
 public:
  VariableCounter(std::string name, int64_t places) : at_place_(static_cast<size_t>(places)) {
    summary_.name = std::move(name);
    summary_.min = std::numeric_limits<float>::infinity();
    summary_.max = -std::numeric_limits<float>::infinity();
  }

  // Returns true when every place is missing.
  bool see(int64_t state, std::span<const float> values) {
    int64_t missing = 0;
    for (size_t place = 0; place < values.size(); ++place) {
      const float value = values[place];
      const bool absent = std::isnan(value);
      at_place_[place].see(state, absent, static_cast<int64_t>(place), summary_.longest_place_gap);
      missing += absent;
      if (absent) continue;
      summary_.min = std::min(summary_.min, value);
      summary_.max = std::max(summary_.max, value);
      sum_ += value;
    }
    summary_.missing += missing;
    const bool all = missing == static_cast<int64_t>(values.size());
    everywhere_.see(state, all, -1, summary_.longest_gap);
    return all;
  }

  VariableSummary finish(int64_t states) {
    const int64_t values = states * static_cast<int64_t>(at_place_.size());
    const int64_t present = values - summary_.missing;
    if (values > 0) summary_.missing_share = static_cast<double>(summary_.missing) / values;
    if (present > 0) summary_.mean = sum_ / static_cast<double>(present);
    if (present == 0) summary_.min = summary_.max = 0;
    return std::move(summary_);
  }

 private:
  VariableSummary summary_;
  std::vector<GapFollower> at_place_;
  GapFollower everywhere_;
  double sum_ = 0;
};

class SeriesCounter {
 public:
  explicit SeriesCounter(const Schema& schema) : places_(schema.places.count()) {
    for (const Variable& variable : schema.variables) {
      variables_.emplace_back(variable.name, places_);
    }
  }

  void see(int64_t state, std::span<const float> values) {
    bool all = true;
    for (size_t v = 0; v < variables_.size(); ++v) {
      all &= variables_[v].see(state, values.subspan(v * places_, places_));
    }
    everything_.see(state, all, -1, longest_gap_);
  }

  SeriesSummary finish(int64_t states, const TimeAxis& axis) {
    SeriesSummary summary{.states = states, .longest_gap = longest_gap_};
    for (VariableCounter& variable : variables_) {
      summary.variables.push_back(variable.finish(states));
      summary.missing_share += summary.variables.back().missing_share / variables_.size();
    }
    if (states > 0) {
      summary.first_time_s = axis.time_at(0);
      summary.last_time_s = axis.time_at(states - 1);
    }
    return summary;
  }

 private:
  const int64_t places_;
  std::vector<VariableCounter> variables_;
  GapFollower everything_;
  Gap longest_gap_;
};

// Bytes of a file or of all files below a folder.
int64_t bytes_below(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::is_regular_file(path, error)) {
    const auto size = std::filesystem::file_size(path, error);
    return error ? 0 : static_cast<int64_t>(size);
  }
  int64_t bytes = 0;
  std::filesystem::recursive_directory_iterator it(path, error), end;
  for (; !error && it != end; it.increment(error)) {
    std::error_code gone;
    if (!it->is_regular_file(gone)) continue;
    const auto size = it->file_size(gone);
    if (!gone) bytes += static_cast<int64_t>(size);
  }
  return bytes;
}

int64_t& part_of(const std::string& name, ArchiveSizes& sizes) {
  if (name == "CONFIG.json" || name == "CONFIG.copy.json") return sizes.config_bytes;
  if (name == "HEAD") return sizes.head_bytes;
  if (name == "db") return sizes.database_bytes;
  if (name == "index") return sizes.index_bytes;
  if (name == "models") return sizes.models_bytes;
  if (name == "policies") return sizes.policies_bytes;
  return sizes.other_bytes;
}

}  // namespace

Result<SeriesSummary> summarise(const SeriesStore& store, const Progress& progress) {
  const Schema& schema = store.schema();
  const int64_t states = store.size();
  const int64_t state_values = schema.state_values();
  const int64_t chunk = std::max<int64_t>(1, kChunkValues / state_values);
  std::vector<int32_t> variables(schema.variables.size());
  for (size_t v = 0; v < variables.size(); ++v) variables[v] = static_cast<int32_t>(v);
  SeriesCounter counter(schema);
  std::vector<float> values;
  for (int64_t first = 0; first < states; first += chunk) {
    const int64_t count = std::min(chunk, states - first);
    values.resize(static_cast<size_t>(count * state_values));
    SKIPCAST_TRY_OK(store.read(first, count, variables, values));
    for (int64_t i = 0; i < count; ++i) {
      counter.see(first + i, std::span(values).subspan(i * state_values, state_values));
    }
    const double fraction = static_cast<double>(first + count) / static_cast<double>(states);
    if (!tell(progress, {fraction, "inspect", fmt::format("{} states", first + count)})) {
      return Status(Code::kInterrupted, "inspect was stopped");
    }
  }
  return counter.finish(states, schema.axis);
}

int64_t ArchiveSizes::total_bytes() const {
  return config_bytes + head_bytes + database_bytes + index_bytes + models_bytes + policies_bytes +
         other_bytes;
}

Result<ArchiveSizes> archive_sizes(const std::string& archive) {
  std::error_code error;
  std::filesystem::directory_iterator it(archive, error), end;
  if (error) {
    return not_found(fmt::format("cannot list archive '{}': {}", archive, error.message()));
  }
  ArchiveSizes sizes;
  for (; !error && it != end; it.increment(error)) {
    part_of(it->path().filename().string(), sizes) += bytes_below(it->path());
  }
  return sizes;
}

}  // namespace skipcast::storage
