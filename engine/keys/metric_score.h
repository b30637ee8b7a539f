// What a key is worth on held-out windows: the raw analog ensemble by it, and whether its distances
// rank futures. Analogs lie metric_separation() apart, for every key alike. Thread-safe.
#pragma once

#include <span>

#include "engine/data/dataset.h"
#include "engine/scores/scores.h"
#include "retrieval/search/analog_index.h"

namespace skipcast::engine {

struct KeyWorth {
  double crps = 0;             // fair, physical units, 16 members, futures as they were
  double crps_normalised = 0;  // the same in normalised units
  // Spearman's: of the distance of two windows' embeddings with the mean absolute difference of
  // their futures, over pairs of a query with windows that the guard allows.
  double rank_correlation = 0;
};

// kInterrupted when `progress` says stop; errors of searches.
Result<KeyWorth> key_worth(const Dataset& dataset, const retrieval::AnalogIndex& index,
                           const retrieval::Guard& guard, std::span<const int64_t> origins,
                           const Progress& progress);

// Spearman's rank correlation, ties at their mean rank. REQUIRES equal sizes.
double rank_correlation(std::span<const double> a, std::span<const double> b);

}  // namespace skipcast::engine
