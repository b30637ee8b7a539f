#include "engine/scores/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

namespace skipcast::engine {
namespace {

// A query's share of both means.
struct Pair {
  double a = 0, b = 0, weight_a = 0, weight_b = 0;

  void add(const Pair& other) {
    a += other.a, b += other.b;
    weight_a += other.weight_a, weight_b += other.weight_b;
  }
  double difference() const { return a / weight_a - b / weight_b; }
};

Result<std::vector<Pair>> pairs_of(std::span<const Contribution> a,
                                   std::span<const Contribution> b) {
  if (a.size() != b.size()) {
    return bad_input("cannot compare " + std::to_string(a.size()) + " scored queries with " +
                     std::to_string(b.size()) + ": score both systems on the same queries");
  }
  std::vector<Pair> pairs;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].origin != b[i].origin) {
      return bad_input("cannot compare: query " + std::to_string(i) + " starts at " +
                       std::to_string(a[i].origin) + " for one system and at " +
                       std::to_string(b[i].origin) + " for the other");
    }
    if (a[i].weight <= 0 || b[i].weight <= 0) continue;
    pairs.push_back({a[i].sum, b[i].sum, a[i].weight, b[i].weight});
  }
  if (pairs.size() < 2) return bad_input("a bootstrap needs at least 2 queries with observations");
  return pairs;
}

// Running sums over the circle, twice round, so that a block's sum is one subtraction.
std::vector<Pair> running_sums(const std::vector<Pair>& pairs) {
  std::vector<Pair> sums(1);
  for (size_t i = 0; i < 2 * pairs.size(); ++i) {
    Pair next = sums.back();
    next.add(pairs[i % pairs.size()]);
    sums.push_back(next);
  }
  return sums;
}

Pair block_sum(const std::vector<Pair>& sums, size_t first, size_t length) {
  const Pair &low = sums[first], &high = sums[first + length];
  return {.a = high.a - low.a,
          .b = high.b - low.b,
          .weight_a = high.weight_a - low.weight_a,
          .weight_b = high.weight_b - low.weight_b};
}

// One resample of as many queries as there are: blocks from random places of the circle, the last
// one cut to fit.
double resample(const std::vector<Pair>& sums, size_t length, std::mt19937_64& random) {
  const size_t count = sums.size() / 2;
  Pair total;
  for (size_t drawn = 0; drawn < count; drawn += length) {
    const auto start = static_cast<size_t>(random() % count);  // bias below 2^-40
    total.add(block_sum(sums, start, std::min(length, count - drawn)));
  }
  return total.difference();
}

// Linear interpolation between order statistics.
double quantile(const std::vector<double>& sorted, double p) {
  const double position = p * static_cast<double>(sorted.size() - 1);
  const auto lower = static_cast<size_t>(position);
  const size_t upper = std::min(lower + 1, sorted.size() - 1);
  return sorted[lower] + (position - static_cast<double>(lower)) * (sorted[upper] - sorted[lower]);
}

double mean_of(std::span<const double> series) {
  double mean = 0;
  for (const double value : series) mean += value / static_cast<double>(series.size());
  return mean;
}

std::vector<double> autocovariances(std::span<const double> series, size_t lags) {
  const double mean = mean_of(series);
  std::vector<double> covariances(lags + 1);
  for (size_t lag = 0; lag <= lags; ++lag) {
    for (size_t i = lag; i < series.size(); ++i) {
      covariances[lag] += (series[i] - mean) * (series[i - lag] - mean);
    }
    covariances[lag] /= static_cast<double>(series.size());
  }
  return covariances;
}

// Politis & White, section 3.2: the smallest m after which K correlations in a row are negligible.
size_t last_notable_lag(const std::vector<double>& covariances, size_t in_a_row, double threshold) {
  size_t quiet = 0;
  for (size_t lag = 1; lag < covariances.size(); ++lag) {
    quiet = std::abs(covariances[lag] / covariances[0]) < threshold ? quiet + 1 : 0;
    if (quiet == in_a_row) return lag - in_a_row;
  }
  return covariances.size() - 1 - quiet;
}

Status check_options(const BootstrapOptions& options, int64_t queries) {
  if (options.resamples < 20) return usage("a bootstrap interval needs at least 20 resamples");
  if (!(options.level > 0 && options.level < 1)) return usage("level must lie between 0 and 1");
  if (options.block_length < 0 || options.block_length > queries) {
    return usage("block length " + std::to_string(options.block_length) + " does not fit " +
                 std::to_string(queries) + " queries");
  }
  return {};
}

}  // namespace

int64_t automatic_block_length(std::span<const double> series) {
  const size_t n = series.size();
  if (n < 8) return 1;
  const auto count = static_cast<double>(n);
  const double log_count = std::log10(count);
  const auto in_a_row = static_cast<size_t>(std::max(5.0, std::ceil(std::sqrt(log_count))));
  const auto root = static_cast<size_t>(std::ceil(std::sqrt(count)));
  const size_t lags_max = std::min(n - 1, root + in_a_row);
  const auto covariances = autocovariances(series, lags_max);
  constexpr double kRounding = 1e-24;  // a constant series varies by rounding only
  const double mean = mean_of(series);
  if (!(covariances[0] > kRounding * mean * mean)) return 1;

  constexpr double kThreshold = 2;  // times sqrt(log10 n / n)
  const size_t notable =
      last_notable_lag(covariances, in_a_row, kThreshold * std::sqrt(log_count / count));
  const size_t window = std::min(2 * std::max<size_t>(notable, 1), lags_max);
  double spectrum = covariances[0], slope = 0;  // g(0) and G, eq. 9 f.
  for (size_t lag = 1; lag <= window; ++lag) {
    const double at = static_cast<double>(lag) / static_cast<double>(window);
    const double taper = at <= 0.5 ? 1 : 2 * (1 - at);
    spectrum += 2 * taper * covariances[lag];
    slope += 2 * taper * static_cast<double>(lag) * covariances[lag];
  }
  const double variance = 4.0 / 3 * spectrum * spectrum;  // D of the circular bootstrap
  const double length = variance > 0 ? std::cbrt(2 * slope * slope / variance * count) : 1;
  return std::clamp<int64_t>(std::llround(length), 1, static_cast<int64_t>(n / 4));
}

Result<Difference> paired_difference(std::span<const Contribution> a,
                                     std::span<const Contribution> b,
                                     const BootstrapOptions& options) {
  SKIPCAST_TRY(const std::vector<Pair> pairs, pairs_of(a, b));
  const auto queries = static_cast<int64_t>(pairs.size());
  SKIPCAST_TRY_OK(check_options(options, queries));

  std::vector<double> single;
  for (const Pair& pair : pairs) single.push_back(pair.difference());
  Difference result{.queries = queries, .block_length = options.block_length};
  if (result.block_length == 0) result.block_length = automatic_block_length(single);

  const auto sums = running_sums(pairs);
  const Pair whole = block_sum(sums, 0, pairs.size());
  result.a = whole.a / whole.weight_a;
  result.b = whole.b / whole.weight_b;
  result.mean = whole.difference();

  std::mt19937_64 random(options.seed);
  std::vector<double> means;
  for (int64_t i = 0; i < options.resamples; ++i) {
    means.push_back(resample(sums, static_cast<size_t>(result.block_length), random));
  }
  std::sort(means.begin(), means.end());
  result.low = quantile(means, (1 - options.level) / 2);
  result.high = quantile(means, (1 + options.level) / 2);
  return result;
}

Result<Difference> paired_difference(const ScoreTable& a, const ScoreTable& b, Metric metric,
                                     const BootstrapOptions& options) {
  return paired_difference(a.contributions(metric), b.contributions(metric), options);
}

}  // namespace skipcast::engine
