// Is one forecast system better than another? Paired circular block bootstrap (Politis & Romano
// 1992) over queries in time order: queries near in time share their weather, so blocks of
// consecutive queries are drawn, not single ones. Deterministic for a seed; plain C++, pure
// functions, thread-safe.
#pragma once

#include <cstdint>
#include <span>

#include "engine/scores/scores.h"
#include "storage/status.h"

namespace skipcast::engine {

struct BootstrapOptions {
  int64_t resamples = 2000;
  int64_t block_length = 0;  // consecutive queries a block; 0 = automatic_block_length
  double level = 0.95;       // of the interval
  uint64_t seed = 1;
};

// a - b: negative means that a is better (all metrics here are losses).
struct Difference {
  int64_t queries = 0;
  int64_t block_length = 0;
  double a = 0, b = 0;                 // the two means
  double mean = 0, low = 0, high = 0;  // of a - b; percentile interval
  // The difference in percent of b, and its interval's ends.
  double percent() const { return 100 * mean / b; }
  double percent_low() const { return 100 * low / b; }
  double percent_high() const { return 100 * high / b; }
  bool significant() const { return low > 0 || high < 0; }
};

// Block length for the mean of a stationary series: Politis & White 2004 with the correction of
// Patton, Politis & White 2009 (circular bootstrap, flat-top window). In [1, n / 4] (1 below 8).
int64_t automatic_block_length(std::span<const double> series);

// Mean difference of two series of contributions (ascending origins, see ScoreTable) with its
// interval. kBadInput when the origins differ or there are fewer than 2; kUsage for options out of
// range. Queries without weight in either count nowhere.
Result<Difference> paired_difference(std::span<const Contribution> a,
                                     std::span<const Contribution> b,
                                     const BootstrapOptions& options = {});

// The same for two tables and a metric.
Result<Difference> paired_difference(const ScoreTable& a, const ScoreTable& b, Metric metric,
                                     const BootstrapOptions& options = {});

}  // namespace skipcast::engine
