#include "engine/forecast/analog_search.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "engine/forecast/start_table.h"
#include "engine/keys/key_table.h"
#include "samplers/noise.h"
#include "storage/schema/window.h"

namespace skipcast::engine {
namespace {

Status none_usable(const Dataset& dataset, const Query& query, const ForecastOptions& options) {
  return not_found(fmt::format("no past window may serve as an analog for {} (archive {}): its "
                               "future must have ended by "
                               "then; take a later time, or --start cold",
                               storage::format_time(query.time_s), word(options.archive)) +
                   (dataset.states() > 0 ? "" : " (the archive is empty)"));
}

// Which of `distinct` analogs, nearest first, each member takes.
std::vector<size_t> assign(const std::vector<retrieval::Neighbour>& analogs, const Query& query,
                           const ForecastOptions& options) {
  std::vector<size_t> assigned;
  const size_t distinct = analogs.size();
  if (!options.start.temperature) {
    for (int64_t m = 0; m < options.members; ++m) {
      assigned.push_back(static_cast<size_t>(m) % distinct);
    }
    return assigned;
  }
  double mean = 0, total = 0;
  for (const retrieval::Neighbour& each : analogs) mean += each.distance;
  mean = std::max(mean / static_cast<double>(distinct), 1e-30);
  std::vector<double> weights;
  for (const retrieval::Neighbour& each : analogs) {
    const double beyond = each.distance - analogs.front().distance;
    weights.push_back(std::exp(-beyond / (*options.start.temperature * mean)));
    total += weights.back();
  }
  // Systematic resampling (Kitagawa 1996): one uniform draw, members at even steps from it.
  constexpr auto kSteps = uint64_t{1} << 53;
  const samplers::NoiseKey key = {options.seed, query.time_s, 0, kAssignmentStep};
  const double offset = static_cast<double>(samplers::uniform_index(key, kSteps)) / kSteps;
  double passed = weights[0] / total;
  size_t at = 0;
  for (int64_t m = 0; m < options.members; ++m) {
    const double point = (static_cast<double>(m) + offset) / static_cast<double>(options.members);
    while (passed < point && at + 1 < distinct) passed += weights[++at] / total;
    assigned.push_back(at);
  }
  return assigned;
}

}  // namespace

std::vector<int64_t> MemberAnalogs::origins() const {
  std::vector<int64_t> all;
  for (const retrieval::Neighbour& analog : analogs) all.push_back(analog.origin);
  return all;
}

int64_t AllowedWindows::at(int64_t number) const {
  for (const retrieval::Interval& range : ranges) {
    if (number < range.end - range.begin) return origins[range.begin + number];
    number -= range.end - range.begin;
  }
  SKIPCAST_CHECK(false);
  return -1;
}

Result<AllowedWindows> allowed_windows(const AnalogKeys& keys, const Query& query,
                                       const ForecastOptions& options) {
  const Dataset& dataset = keys.dataset();
  const retrieval::Guard guard = guard_for(keys.model(), options);
  AllowedWindows allowed;
  allowed.origins =
      storage::window_origins(dataset.store().schema().axis, guard.spec, 0, dataset.states() - 1);
  const auto position = [&allowed](int64_t origin) {
    const auto& all = allowed.origins;
    return std::lower_bound(all.begin(), all.end(), origin) - all.begin();
  };
  for (const auto& [begin, end] :
       retrieval::usable_intervals(guard, query.origin, 0, dataset.states())) {
    allowed.ranges.push_back({position(begin), position(end)});
    allowed.count += allowed.ranges.back().end - allowed.ranges.back().begin;
  }
  if (allowed.count == 0) return none_usable(dataset, query, options);
  return allowed;
}

Result<MemberAnalogs> retrieve(AnalogKeys& keys, Query& query, int64_t origin,
                               const ForecastOptions& options) {
  SKIPCAST_TRY(const retrieval::AnalogIndex* index, keys.index(options.start));
  std::optional<MeanTable::Memo> memo;  // while the query's embedding is made
  if (find_key(options.start.key)->needs_mean && query.mean.defined()) {
    SKIPCAST_TRY(const std::shared_ptr<MeanTable> means, keys.means());
    memo.emplace(*means, query.origin, query.mean);
  }
  const int64_t pool = options.start.pool > 0 ? options.start.pool : options.members;
  SKIPCAST_TRY(retrieval::AnalogResult found,
               query.searches.search(
                   *index, origin, guard_for(keys.model(), options),
                   {.k = pool, .separation = options.start.separation, .fewer_is_ok = true}));
  if (found.analogs.empty()) return none_usable(keys.dataset(), query, options);
  MemberAnalogs result = {.plan = found.plan,
                          .encoder_fingerprint = index->encoder().fingerprint()};
  for (retrieval::Neighbour& analog : found.analogs) {
    analog.distance = std::sqrt(std::max(analog.distance, 0.0f));
  }
  for (const size_t number : assign(found.analogs, query, options)) {
    result.analogs.push_back(found.analogs[number]);
  }
  const auto distinct = static_cast<int64_t>(found.analogs.size());
  if (distinct < std::min(pool, options.members)) {
    result.notes.push_back(
        fmt::format("{} analogs for {} members: used in turn", distinct, options.members));
  }
  return result;
}

Result<MemberAnalogs> find_analogs(AnalogKeys& keys, Query& query, const ForecastOptions& options) {
  const StartRow* const start = find_start(options.start.kind);
  if (start == nullptr || start->find == nullptr) return MemberAnalogs();
  return start->find(keys, query, options);
}

}  // namespace skipcast::engine
