// Anchors of metric_fit.h: candidates under the guard, and how far apart their futures are.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <set>

#include "engine/keys/metric_fit.h"
#include "storage/files/fingerprint.h"
#include "storage/schema/window.h"

namespace skipcast::engine {
namespace {

constexpr int64_t kCandidates = 160, kBlind = 20;  // of an anchor; of them drawn blindly
constexpr int64_t kFewest = 40;                    // with fewer there is little to choose from
constexpr int64_t kValues = 256;                   // of a future, evenly strewn
constexpr float kOutOfReach = 1e12f;               // distance of a candidate that is not there

struct Values {
  at::Tensor normalised, physical;  // [rows, values]
};

class Maker {
 public:
  Maker(const AnchorSource& source, std::span<const int64_t> origins) : source_(source) {
    const Task& task = source.dataset.task();
    shape_ = {task.spec.future_states, static_cast<int64_t>(task.variables.size()),
              source.dataset.places()};
    const int64_t total = shape_[0] * shape_[1] * shape_[2];
    std::set<int64_t> chosen;
    for (int64_t i = 0; i < std::min(kValues, total); ++i) {
      const double turned = double(i + 1) * std::numbers::phi;
      chosen.insert(static_cast<int64_t>((turned - std::floor(turned)) * double(total)));
    }
    chosen_ = at::tensor(std::vector<int64_t>(chosen.begin(), chosen.end()));
    windows_ = storage::window_origins(source.dataset.store().schema().axis, task.spec, 0,
                                       source.dataset.states() - 1);
    typical_ = typical(origins);
  }

  // False when the anchor has too few candidates, or its future shows nothing.
  Result<bool> add(int64_t origin);
  Anchors anchors() const { return {at::stack(distances_), at::stack(errors_), at::stack(apart_)}; }
  bool empty() const { return distances_.empty(); }

 private:
  struct Sizes {
    double normalised = 1, physical = 1;
  };

  Values values(const at::Tensor& futures, int64_t origin) const;
  Sizes typical(std::span<const int64_t> origins) const;
  Result<std::vector<int64_t>> candidates(int64_t origin) const;
  void add_blind(int64_t origin, std::set<int64_t>& found) const;
  at::Tensor distances(int64_t origin, std::span<const int64_t> candidates) const;

  const AnchorSource& source_;
  std::vector<int64_t> shape_;    // T_out, V, P
  at::Tensor chosen_;             // positions among a future's values
  std::vector<int64_t> windows_;  // origins of all complete windows
  Sizes typical_;
  std::vector<at::Tensor> distances_, errors_, apart_;
};

// Futures [rows, T_out, V, P] seen from `origin`, thinned.
Values Maker::values(const at::Tensor& futures, int64_t origin) const {
  const auto thinned = [&](const at::Tensor& all) {
    return all.cpu().reshape({futures.size(0), -1}).index_select(1, chosen_);
  };
  return {thinned(futures), thinned(source_.dataset.denormalise(futures, origin))};
}

// Mean absolute deviation of what the anchors' futures show.
Maker::Sizes Maker::typical(std::span<const int64_t> origins) const {
  std::vector<at::Tensor> normalised, physical;
  for (size_t i = 0; i < origins.size(); i += std::max<size_t>(1, origins.size() / 64)) {
    const Values seen = values(source_.dataset.filled_futures(origins.subspan(i, 1)), origins[i]);
    normalised.push_back(seen.normalised);
    physical.push_back(seen.physical);
  }
  const auto deviation = [](const std::vector<at::Tensor>& rows) {
    const at::Tensor all = at::cat(rows).to(at::kDouble);
    return std::max(1e-9, (all - all.mean(0)).abs().mean().item<double>());
  };
  return {deviation(normalised), deviation(physical)};
}

void Maker::add_blind(int64_t origin, std::set<int64_t>& found) const {
  std::vector<int64_t> allowed;
  for (const auto& [begin, end] :
       retrieval::usable_intervals(source_.guard, origin, 0, source_.dataset.states())) {
    const auto from = std::lower_bound(windows_.begin(), windows_.end(), begin);
    allowed.insert(allowed.end(), from, std::lower_bound(from, windows_.end(), end));
  }
  for (uint64_t i = 0; i < 8 * kCandidates && !allowed.empty(); ++i) {
    if (static_cast<int64_t>(found.size()) >= kCandidates) return;
    const uint64_t drawn = storage::mix_bits(static_cast<uint64_t>(origin) * 4096 + i);
    found.insert(allowed[drawn % allowed.size()]);
  }
}

Result<std::vector<int64_t>> Maker::candidates(int64_t origin) const {
  std::set<int64_t> found;
  const auto each = (kCandidates - kBlind) / static_cast<int64_t>(source_.proposals.size());
  for (const retrieval::AnalogIndex* index : source_.proposals) {
    const auto result = index->search(
        origin, source_.guard,
        {.k = each, .separation = metric_separation(source_.guard.spec), .fewer_is_ok = true});
    if (result.status().code() == Code::kNotFound) return std::vector<int64_t>();
    SKIPCAST_TRY_OK(result.status());
    for (const retrieval::Neighbour& analog : result->analogs) found.insert(analog.origin);
  }
  add_blind(origin, found);
  return std::vector<int64_t>(found.begin(), found.end());
}

// [candidates, groups]
at::Tensor Maker::distances(int64_t origin, std::span<const int64_t> candidates) const {
  const MetricFeatures& features = source_.features;
  const auto count = static_cast<int64_t>(candidates.size());
  at::Tensor rows = at::empty({count, features.width()}), query = at::empty({features.width()});
  const auto span = [](at::Tensor& tensor) {
    return std::span(tensor.mutable_data_ptr<float>(), static_cast<size_t>(tensor.numel()));
  };
  features.compute({&origin, 1}, span(query));
  features.compute(candidates, span(rows));
  const at::Tensor squares = (rows - query).square_();
  std::vector<at::Tensor> sums;
  for (size_t g = 0; g < features.groups().size(); ++g) {
    const FeatureGroup& group = features.groups()[g];
    sums.push_back(squares.narrow(1, group.first, group.width).sum(1) * source_.scales[g]);
  }
  return at::nan_to_num(at::stack(sums, 1), kOutOfReach);
}

Result<bool> Maker::add(int64_t origin) {
  SKIPCAST_TRY(std::vector<int64_t> found, candidates(origin));
  const FutureBatch truth = source_.dataset.futures({&origin, 1});
  const at::Tensor mask = truth.mask.cpu().reshape({-1}).index_select(0, chosen_);
  const double seen = mask.sum().item<double>();
  const auto count = static_cast<int64_t>(found.size()), missing = kCandidates - count;
  if (seen == 0 || count < kFewest) return false;
  const Values y = values(truth.values, origin);
  const Values candidates = values(source_.dataset.filled_futures(found), origin);
  const at::Tensor per_normalised = mask / (2 * seen * typical_.normalised);
  const at::Tensor per_physical = mask / (2 * seen * typical_.physical);
  const at::Tensor scaled =
      at::cat({candidates.normalised * per_normalised, candidates.physical * per_physical}, 1);
  const at::Tensor wanted = at::cat({y.normalised * per_normalised, y.physical * per_physical}, 1);
  const at::Tensor d = distances(origin, found);
  if (!d.isfinite().all().item<bool>()) return false;
  distances_.push_back(at::constant_pad_nd(d, {0, 0, 0, missing}, kOutOfReach));
  errors_.push_back(at::constant_pad_nd((scaled - wanted).abs().sum(1), {0, missing}));
  apart_.push_back(at::constant_pad_nd(at::cdist(scaled, scaled, 1.0), {0, missing, 0, missing}));
  return true;
}

}  // namespace

Result<Anchors> make_anchors(const AnchorSource& source, std::span<const int64_t> origins,
                             const Progress& progress) {
  const at::NoGradGuard no_grad;
  SKIPCAST_CHECK(!origins.empty() && !source.proposals.empty());
  Maker maker(source, origins);
  for (size_t i = 0; i < origins.size(); ++i) {
    SKIPCAST_TRY_OK(maker.add(origins[i]).status());
    const ProgressStep done = {double(i + 1) / double(origins.size()), "anchors",
                               fmt::format("{} of {}", i + 1, origins.size())};
    if (!tell(progress, done)) return Status(Code::kInterrupted, "stopped");
  }
  if (maker.empty()) return bad_input("no validation window has candidates enough");
  return maker.anchors();
}

}  // namespace skipcast::engine
