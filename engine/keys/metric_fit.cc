#include "engine/keys/metric_fit.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "samplers/noise.h"

namespace skipcast::engine {
namespace {

constexpr int64_t kMembers = 16;
constexpr int64_t kBatch = 96;
constexpr double kRidge = 0.002;
constexpr double kSoft = 0.1, kSharp = 0.02;  // widths, in mean squared distances of the analogs
constexpr double kForecastShare = 0.9, kContextShare = 0.05, kOtherShare = 0.005;

// [A] fair CRPS of each anchor's ensemble by these distances [A, C].
at::Tensor ensemble_crps(const at::Tensor& d, const at::Tensor& errors, const at::Tensor& apart,
                         double width) {
  const at::Tensor nearest = std::get<0>(d.topk(kMembers + 1, 1, /*largest=*/false));
  const at::Tensor edge = (nearest.narrow(1, kMembers - 1, 1) + nearest.narrow(1, kMembers, 1)) / 2;
  const at::Tensor scale = nearest.narrow(1, 0, kMembers).mean(1, true) * width + 1e-9;
  const at::Tensor raw = at::sigmoid((edge - d) / scale);
  const at::Tensor share = raw / raw.sum(1, true);
  const at::Tensor spread = (at::matmul(share.unsqueeze(1), apart).squeeze(1) * share).sum(1);
  const at::Tensor fair = (1 - share.square().sum(1)).clamp_min(0.5);
  return (share * errors).sum(1) - spread / (2 * fair);
}

bool has_axis(const FeatureGroup& group) { return group.name != group.family; }

// [G, parameters]: a family along an axis has a level, a slope and a bend; the others a level.
at::Tensor shape_of_weights(const std::vector<FeatureGroup>& groups) {
  std::map<std::string, int64_t> first;
  int64_t count = 0;
  for (const FeatureGroup& group : groups) {
    if (!first.emplace(group.family, count).second) continue;
    count += has_axis(group) ? 3 : 1;
  }
  at::Tensor shape = at::zeros({static_cast<int64_t>(groups.size()), count});
  for (size_t g = 0; g < groups.size(); ++g) {
    float* row = shape[static_cast<int64_t>(g)].mutable_data_ptr<float>() + first[groups[g].family];
    row[0] = 1;
    if (!has_axis(groups[g])) continue;
    const double x = groups[g].position;
    row[1] = static_cast<float>(x);
    row[2] = static_cast<float>((3 * x * x - 1) / 2);
  }
  return shape;
}

at::Tensor drawn_rows(uint64_t seed, int64_t step, int64_t count) {
  at::Tensor rows = at::empty({kBatch}, at::kLong);
  for (int64_t i = 0; i < kBatch; ++i) {
    const samplers::NoiseKey key = {.seed = seed, .member = i, .step = step};
    rows.mutable_data_ptr<int64_t>()[i] =
        static_cast<int64_t>(samplers::uniform_index(key, static_cast<uint64_t>(count)));
  }
  return rows;
}

at::Tensor as_tensor(const std::vector<double>& values) {
  return at::tensor(values).to(at::kFloat);
}

}  // namespace

int64_t metric_separation(const storage::WindowSpec& spec) {
  return std::max<int64_t>(1, spec.future_states / 4);
}

std::vector<double> start_weights(const MetricFeatures& features) {
  const storage::WindowSpec lengths = features.spec();
  std::vector<double> weights;
  for (const FeatureGroup& group : features.groups()) {
    double weight = kOtherShare;
    if (group.family == "forecast") weight = kForecastShare / double(lengths.future_states);
    if (group.family == "context") weight = kContextShare / double(lengths.context_states);
    weights.push_back(weight);
  }
  return weights;
}

MetricObjective::MetricObjective(const MetricFeatures& features)
    : shape_(shape_of_weights(features.groups())),
      start_(as_tensor(start_weights(features)).log()) {}

at::Tensor MetricObjective::first_parameters() const { return at::zeros({shape_.size(1)}); }

at::Tensor MetricObjective::loss(const at::Tensor& theta, const Anchors& anchors, uint64_t seed,
                                 int64_t step) const {
  const at::Tensor weights = (start_ + at::mv(shape_, theta)).exp();
  const at::Tensor rows = drawn_rows(seed, step, anchors.count());
  const at::Tensor d = at::matmul(anchors.distances.index_select(0, rows), weights);
  const at::Tensor crps = ensemble_crps(d, anchors.errors.index_select(0, rows),
                                        anchors.apart.index_select(0, rows), kSoft);
  return crps.mean() + kRidge * theta.square().sum();
}

std::vector<double> MetricObjective::weights(const at::Tensor& theta) const {
  const at::NoGradGuard no_grad;
  const at::Tensor weights = (start_ + at::mv(shape_, theta)).softmax(0).contiguous();
  const float* from = weights.const_data_ptr<float>();
  return {from, from + weights.numel()};
}

double pool_score(const Anchors& anchors, const std::vector<double>& weights) {
  const at::NoGradGuard no_grad;
  const at::Tensor d = at::matmul(anchors.distances, as_tensor(weights));
  return ensemble_crps(d, anchors.errors, anchors.apart, kSharp).mean().item<double>();
}

Anchors joined(const Anchors& a, const Anchors& b) {
  return {at::cat({a.distances, b.distances}), at::cat({a.errors, b.errors}),
          at::cat({a.apart, b.apart})};
}

}  // namespace skipcast::engine
