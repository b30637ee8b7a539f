#include "engine/keys/metric_score.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/keys/metric_fit.h"
#include "storage/files/fingerprint.h"
#include "storage/schema/window.h"

namespace skipcast::engine {
namespace {

constexpr int64_t kMembers = 16;
constexpr int64_t kPairs = 32;  // of a query

std::vector<double> ranks(std::span<const double> values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> out(values.size());
  for (size_t first = 0; first < order.size();) {
    size_t end = first;
    while (end < order.size() && !(values[order[end]] > values[order[first]])) ++end;
    for (size_t i = first; i < end; ++i) out[order[i]] = 0.5 * double(first + end - 1);
    first = end;
  }
  return out;
}

// Windows with an embedding that the guard allows, drawn by the origin's number.
std::vector<int64_t> drawn(const Dataset& dataset, const retrieval::Guard& guard, int64_t origin) {
  std::vector<int64_t> out;
  const auto allowed = retrieval::usable_intervals(guard, origin, 0, dataset.states());
  const storage::TimeAxis& axis = dataset.store().schema().axis;
  for (uint64_t i = 0; i < 4 * kPairs && !allowed.empty() && out.size() < kPairs; ++i) {
    const uint64_t bits = storage::mix_bits(static_cast<uint64_t>(origin) * 1024 + i);
    const auto& [begin, end] = allowed[bits % allowed.size()];
    const int64_t chosen =
        begin + static_cast<int64_t>((bits >> 20) % static_cast<uint64_t>(end - begin));
    const bool whole =
        chosen - guard.spec.context_states + 1 >= 0 &&
        axis.contiguous(chosen - guard.spec.context_states + 1, chosen + guard.spec.future_states);
    if (whole) out.push_back(chosen);
  }
  return out;
}

class Worth {
 public:
  Worth(const Dataset& dataset, const retrieval::AnalogIndex& index, const retrieval::Guard& guard)
      : dataset_(dataset), index_(index), guard_(guard) {}

  Status add(int64_t origin);
  KeyWorth worth() const {
    return {physical_.overall().crps_fair, normalised_.overall().crps_fair,
            rank_correlation(embedded_, realised_)};
  }

 private:
  Status score(const at::Tensor& futures, const at::Tensor& truth, int64_t origin,
               ScoreTable& table) const;
  Status add_pairs(int64_t origin);

  const Dataset& dataset_;
  const retrieval::AnalogIndex& index_;
  const retrieval::Guard& guard_;
  ScoreTable physical_, normalised_;
  std::vector<double> embedded_, realised_;
};

Status Worth::score(const at::Tensor& futures, const at::Tensor& truth, int64_t origin,
                    ScoreTable& table) const {
  const at::Tensor ensemble = futures.cpu().contiguous(), observed = truth.cpu().contiguous();
  const auto values = [](const at::Tensor& t) {
    return std::span(t.const_data_ptr<float>(), static_cast<size_t>(t.numel()));
  };
  SKIPCAST_TRY(ScoreRow row,
               score_query(dataset_.store().schema().axis.time_at(origin), values(ensemble),
                           values(observed),
                           {ensemble.size(0), ensemble.size(1), ensemble.size(2), ensemble.size(3)},
                           {.pairs_max = 0}));
  table.add(std::move(row));
  return {};
}

Status Worth::add_pairs(int64_t origin) {
  const std::vector<int64_t> others = drawn(dataset_, guard_, origin);
  if (others.empty()) return {};
  const auto width = static_cast<size_t>(index_.encoder().dimension());
  std::vector<float> query(width), rows(others.size() * width);
  SKIPCAST_TRY_OK(index_.encoder().encode({&origin, 1}, query));
  SKIPCAST_TRY_OK(index_.encoder().encode(others, rows));
  const at::Tensor future = dataset_.filled_futures({&origin, 1});
  const at::Tensor apart =
      (dataset_.filled_futures(others) - future).abs().mean({1, 2, 3}).cpu().contiguous();
  for (size_t i = 0; i < others.size(); ++i) {
    double squared = 0;
    for (size_t c = 0; c < width; ++c) {
      const double d = double{rows[i * width + c]} - query[c];
      squared += d * d;
    }
    if (!std::isfinite(squared)) continue;
    embedded_.push_back(squared);
    realised_.push_back(apart.const_data_ptr<float>()[i]);
  }
  return {};
}

Status Worth::add(int64_t origin) {
  const auto found = index_.search(
      origin, guard_,
      {.k = kMembers, .separation = metric_separation(guard_.spec), .fewer_is_ok = true});
  if (found.status().code() == Code::kNotFound) return {};  // no analogs, or no context
  SKIPCAST_TRY_OK(found.status());
  if (found->analogs.size() < 2) return {};
  std::vector<int64_t> analogs;
  for (const retrieval::Neighbour& analog : found->analogs) analogs.push_back(analog.origin);
  const at::Tensor futures = dataset_.filled_futures(analogs);
  const FutureBatch truth = dataset_.futures({&origin, 1});
  if (!truth.mask.any().item<bool>()) return {};
  const bool whole = static_cast<int64_t>(analogs.size()) == kMembers;
  if (whole) {
    const at::Tensor hidden = truth.values[0].masked_fill(truth.mask[0].eq(0), std::nan(""));
    SKIPCAST_TRY_OK(score(futures, hidden, origin, normalised_));
    SKIPCAST_TRY_OK(
        score(dataset_.denormalise(futures, origin), dataset_.observed(origin), origin, physical_));
  }
  return add_pairs(origin);
}

}  // namespace

double rank_correlation(std::span<const double> a, std::span<const double> b) {
  SKIPCAST_CHECK(a.size() == b.size());
  if (a.size() < 2) return 0;
  const std::vector<double> x = ranks(a), y = ranks(b);
  const double mean = 0.5 * double(a.size() - 1);
  double xy = 0, xx = 0, yy = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    xy += (x[i] - mean) * (y[i] - mean);
    xx += (x[i] - mean) * (x[i] - mean);
    yy += (y[i] - mean) * (y[i] - mean);
  }
  return xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : 0;
}

Result<KeyWorth> key_worth(const Dataset& dataset, const retrieval::AnalogIndex& index,
                           const retrieval::Guard& guard, std::span<const int64_t> origins,
                           const Progress& progress) {
  const at::NoGradGuard no_grad;
  Worth worth(dataset, index, guard);
  for (size_t i = 0; i < origins.size(); ++i) {
    SKIPCAST_TRY_OK(worth.add(origins[i]));
    const ProgressStep done = {double(i + 1) / double(origins.size()), "held-out windows",
                               fmt::format("{} of {}", i + 1, origins.size())};
    if (!tell(progress, done)) return Status(Code::kInterrupted, "stopped");
  }
  return worth.worth();
}

}  // namespace skipcast::engine
