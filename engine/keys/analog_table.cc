#include "engine/keys/analog_table.h"

#include <algorithm>
#include <cmath>

namespace skipcast::engine {
namespace {

constexpr int64_t kHistoryShare = 8;  // of the training part, before windows look back only

}  // namespace

void AnalogTable::add(int64_t origin, const std::vector<retrieval::Neighbour>& analogs) {
  if (analogs.empty()) return;
  row_[origin] = static_cast<int64_t>(origins_.size());
  origins_.push_back(origin);
  for (int64_t k = 0; k < pool_; ++k) {
    retrieval::Neighbour analog = analogs[static_cast<size_t>(k) % analogs.size()];
    analog.distance = std::sqrt(std::max(analog.distance, 0.0f));
    analogs_.push_back(analog);
  }
}

Status AnalogTable::find(const retrieval::AnalogIndex& index, std::span<const int64_t> origins,
                         const retrieval::Guard& guard) {
  const retrieval::SearchOptions options = {.k = pool_, .fewer_is_ok = true};
  const auto found = index.search_many(origins, guard, options);
  for (size_t i = 0; found.ok() && i < origins.size(); ++i) add(origins[i], (*found)[i].analogs);
  if (found.status().code() != Code::kNotFound) return found.status();
  // Some have no analog, or a context without data: one by one, those left out.
  for (const int64_t origin : origins) {
    const auto one = index.search(origin, guard, options);
    if (one.status().code() == Code::kNotFound) continue;
    SKIPCAST_TRY_OK(one.status());
    add(origin, one->analogs);
  }
  return {};
}

Result<AnalogTable> AnalogTable::for_training(const retrieval::AnalogIndex& index, const Task& task,
                                              const Split& split, std::span<const int64_t> origins,
                                              int64_t pool) {
  AnalogTable table;
  table.pool_ = pool;
  const int64_t history = split.train_end / kHistoryShare;
  const auto later = std::partition_point(origins.begin(), origins.end(),
                                          [history](int64_t origin) { return origin < history; });
  const auto count = static_cast<size_t>(later - origins.begin());
  retrieval::Guard guard = {
      .spec = task.spec, .past_only = false, .band = true, .frozen_states = split.train_end};
  if (count > 0) SKIPCAST_TRY_OK(table.find(index, origins.first(count), guard));
  guard.past_only = true;
  guard.band = false;
  if (count < origins.size()) SKIPCAST_TRY_OK(table.find(index, origins.subspan(count), guard));
  return table;
}

Result<AnalogTable> AnalogTable::for_validation(const retrieval::AnalogIndex& index,
                                                const Task& task, std::span<const int64_t> origins,
                                                int64_t pool) {
  AnalogTable table;
  table.pool_ = pool;
  SKIPCAST_TRY_OK(table.find(index, origins, {.spec = task.spec, .past_only = true}));
  return table;
}

std::span<const retrieval::Neighbour> AnalogTable::of(int64_t origin, int64_t count) const {
  SKIPCAST_CHECK(count >= 1 && count <= pool_);
  const auto at = static_cast<size_t>(row_.at(origin) * pool_);
  return std::span(analogs_).subspan(at, static_cast<size_t>(count));
}

double AnalogTable::mean_distance(int64_t count) const {
  double sum = 0;
  for (const int64_t origin : origins_) {
    for (const retrieval::Neighbour& analog : of(origin, count)) sum += analog.distance;
  }
  const double mean = sum / static_cast<double>(std::max<size_t>(1, origins_.size()) * count);
  return mean > 0 ? mean : 1;
}

}  // namespace skipcast::engine
