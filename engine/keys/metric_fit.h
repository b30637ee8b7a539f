// Weights of groups of features such that the analogs nearest by them make the best ensemble.
//
// An anchor is a window whose future is known, with candidates under the leakage guard: the nearest
// by the context key and by the forecast key, a lead-time quarter apart, and some drawn blindly.
// A distance d^2 = sum_g w_g D_g gives each candidate a share s = sigmoid((t - d^2) / width), t
// between the 16th and the 17th; what is minimised is the fair CRPS of that ensemble,
//   sum_j s_j |y_j - y| - 1/2 sum_jk s_j s_k |y_j - y_k| / (1 - sum_j s_j^2),   sum_j s_j = 1
// averaged over values, in normalised and in physical units, each by its typical size. Futures are
// compared as they were (no alignment). ln w is smooth along lead times and lags (three parameters)
// and free elsewhere, with a ridge about the start. Pure functions of their arguments.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "engine/keys/metric_features.h"
#include "retrieval/search/analog_index.h"

namespace skipcast::engine {

struct Anchors {
  at::Tensor distances;  // [A, C, G] squared differences of each group, summed and scaled
  at::Tensor errors;     // [A, C] |y_j - y|
  at::Tensor apart;      // [A, C, C] |y_j - y_k|
  int64_t count() const { return distances.size(0); }
};

// Where anchors come from. All must outlive the call.
struct AnchorSource {
  const Dataset& dataset;
  const MetricFeatures& features;
  const std::vector<double>& scales;                     // of the groups
  std::vector<const retrieval::AnalogIndex*> proposals;  // nearest by each of these
  retrieval::Guard guard;
};

// Those origins that have candidates enough; `progress` sees "anchors" from 0 to 1. kInterrupted
// when it says stop; errors of searches.
Result<Anchors> make_anchors(const AnchorSource& source, std::span<const int64_t> origins,
                             const Progress& progress);

// Least distance of two analogs of an anchor, in states.
int64_t metric_separation(const storage::WindowSpec& spec);

// Shares of the mean squared distance to begin with: the forecast key with a little of the rest.
std::vector<double> start_weights(const MetricFeatures& features);

// What is minimised, of parameters that give each group its weight.
class MetricObjective {
 public:
  explicit MetricObjective(const MetricFeatures& features);

  // [n], those of start_weights().
  at::Tensor first_parameters() const;
  // On anchors drawn by (seed, step); autograd follows it to the parameters.
  at::Tensor loss(const at::Tensor& parameters, const Anchors& anchors, uint64_t seed,
                  int64_t step) const;
  std::vector<double> weights(const at::Tensor& parameters) const;  // one a group, sum 1

 private:
  at::Tensor shape_;  // [G, n]
  at::Tensor start_;  // [G], ln of the first weights
};
// What it minimises, without the ridge, by sharply chosen analogs.
double pool_score(const Anchors& anchors, const std::vector<double>& weights);
Anchors joined(const Anchors& a, const Anchors& b);

}  // namespace skipcast::engine
