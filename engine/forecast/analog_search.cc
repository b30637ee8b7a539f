#include "engine/forecast/analog_search.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/forecast/alignment.h"
#include "engine/forecast/start_table.h"
#include "samplers/noise.h"
#include "storage/schema/window.h"

namespace skipcast::engine {
namespace {

// Noise steps below 0 are never used by starts or solvers.
constexpr int64_t kBlindChoice = -1, kOtherSituation = -2, kAssignment = -3;

Status none_usable(const Dataset& dataset, const Query& query, const ForecastOptions& options) {
  return not_found(fmt::format("no past window may serve as an analog for {} (archive {}): its "
                               "future must have ended by "
                               "then; take a later time, or --start cold",
                               storage::format_time(query.time_s), word(options.archive)) +
                   (dataset.states() > 0 ? "" : " (the archive is empty)"));
}

// Complete windows that the guard allows, as positions in `origins`: half-open ranges.
struct AllowedWindows {
  std::vector<int64_t> origins;
  std::vector<retrieval::Interval> ranges;
  int64_t count = 0;

  int64_t at(int64_t number) const {
    for (const retrieval::Interval& range : ranges) {
      if (number < range.end - range.begin) return origins[range.begin + number];
      number -= range.end - range.begin;
    }
    SKIPCAST_CHECK(false);
    return -1;
  }
};

AllowedWindows allowed_windows(const Dataset& dataset, const retrieval::Guard& guard,
                               int64_t query) {
  AllowedWindows allowed;
  allowed.origins =
      storage::window_origins(dataset.store().schema().axis, guard.spec, 0, dataset.states() - 1);
  const auto position = [&allowed](int64_t origin) {
    const auto& all = allowed.origins;
    return std::lower_bound(all.begin(), all.end(), origin) - all.begin();
  };
  for (const auto& [begin, end] : retrieval::usable_intervals(guard, query, 0, dataset.states())) {
    allowed.ranges.push_back({position(begin), position(end)});
    allowed.count += allowed.ranges.back().end - allowed.ranges.back().begin;
  }
  return allowed;
}

Result<MemberAnalogs> draw_blindly(const Dataset& dataset, const Model& model, const Query& query,
                                   const ForecastOptions& options) {
  const AllowedWindows allowed = allowed_windows(dataset, guard_for(model, options), query.origin);
  if (allowed.count == 0) return none_usable(dataset, query, options);
  MemberAnalogs drawn;
  drawn.plan = {.method = "random",
                .allowed = allowed.count,
                .rows = static_cast<int64_t>(allowed.origins.size())};
  for (int64_t member = 0; member < options.members; ++member) {
    const samplers::NoiseKey key = {options.seed, query.time_s, member, kBlindChoice};
    const auto number = static_cast<int64_t>(samplers::uniform_index(key, allowed.count));
    drawn.analogs.push_back({allowed.at(number), std::numeric_limits<float>::quiet_NaN()});
  }
  return drawn;
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
  const samplers::NoiseKey key = {options.seed, query.time_s, 0, kAssignment};
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

Result<MemberAnalogs> retrieve(AnalogKeys& keys, const Dataset& dataset, const Model& model,
                               const Query& query, const ForecastOptions& options) {
  SKIPCAST_TRY(const retrieval::AnalogIndex* index, keys.index(options.start));
  const int64_t pool = options.start.pool > 0 ? options.start.pool : options.members;
  const retrieval::SearchOptions search = {
      .k = pool, .separation = options.start.separation, .fewer_is_ok = true};
  SKIPCAST_TRY(retrieval::AnalogResult found,
               index->search(query.origin, guard_for(model, options), search));
  if (found.analogs.empty()) return none_usable(dataset, query, options);
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

// Retrieved for another situation: a usable past window of the later half, so that it has a past of
// its own. What is usable at its origin is usable at the query's, which is later.
Result<MemberAnalogs> retrieve_elsewhere(AnalogKeys& keys, const Dataset& dataset,
                                         const Model& model, const Query& query,
                                         const ForecastOptions& options) {
  const AllowedWindows allowed = allowed_windows(dataset, guard_for(model, options), query.origin);
  if (allowed.count == 0) return none_usable(dataset, query, options);
  const int64_t skipped = allowed.count / 2;
  const samplers::NoiseKey key = {options.seed, query.time_s, 0, kOtherSituation};
  const auto number = static_cast<int64_t>(samplers::uniform_index(key, allowed.count - skipped));
  Query elsewhere = query;
  elsewhere.origin = allowed.at(skipped + number);
  Result<MemberAnalogs> found = retrieve(keys, dataset, model, elsewhere, options);
  if (found.status().code() == Code::kNotFound) {  // near the archive's beginning
    elsewhere.origin = allowed.at(allowed.count - 1);
    found = retrieve(keys, dataset, model, elsewhere, options);
  }
  SKIPCAST_TRY_OK(found.status());
  for (retrieval::Neighbour& analog : found->analogs) {
    analog.distance = std::numeric_limits<float>::quiet_NaN();
  }
  return found;
}

}  // namespace

std::vector<int64_t> MemberAnalogs::origins() const {
  std::vector<int64_t> all;
  for (const retrieval::Neighbour& analog : analogs) all.push_back(analog.origin);
  return all;
}

bool needs_mean(const StartOptions& start) {
  if (start.kind == StartKind::kMean) return true;
  if (start.kind == StartKind::kAnalog && start.key != KeyKind::kContext) return true;
  return has_analogs(start.kind) && uses_means(start.alignment);
}

Result<MemberAnalogs> find_analogs(AnalogKeys& keys, const Dataset& dataset, const Model& model,
                                   const Query& query, const ForecastOptions& options) {
  const StartKind kind = options.start.kind;
  if (kind == StartKind::kAnalog) return retrieve(keys, dataset, model, query, options);
  if (kind == StartKind::kRandom) return draw_blindly(dataset, model, query, options);
  if (kind == StartKind::kMismatched) {
    return retrieve_elsewhere(keys, dataset, model, query, options);
  }
  return MemberAnalogs();
}

}  // namespace skipcast::engine
