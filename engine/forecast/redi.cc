#include "engine/forecast/redi.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>

#include "engine/keys/analog_keys.h"
#include "samplers/noise.h"
#include "samplers/starts.h"

namespace skipcast::engine {
namespace {

constexpr uint64_t kSeed = 1024;  // of the noise all trajectories share; the authors' choice

}  // namespace

at::Tensor RediBase::run(const samplers::Denoiser& denoise, const at::Tensor& x,
                         const std::vector<double>& sigmas) const {
  samplers::Noising noising = chain_.noising;
  const std::vector<int64_t> shape(initial_.sizes().begin() + 1, initial_.sizes().end());
  noising.draw = [shape, device = x.device()](int64_t draw) {
    const int64_t member[] = {0};
    return samplers::gaussian(kSeed, 0, member, draw, {shape, device});
  };
  return chain_.solver.solve(denoise, x, sigmas, noising);
}

Result<std::shared_ptr<const RediBase>> RediBase::build(std::shared_ptr<const Model> model,
                                                        const Dataset& dataset, const Chain& chain,
                                                        const Progress& progress) {
  const std::vector<int64_t> windows = fit_origins(*model, dataset);
  if (windows.empty()) return usage("ReDi needs training windows, and there is none");
  const at::NoGradGuard no_grad;
  const auto base = std::make_shared<RediBase>();
  const auto rows = static_cast<int64_t>(windows.size());
  const std::vector<int64_t> shape = model->state_shape();
  const int64_t member[] = {0};
  base->chain_ = chain;
  base->initial_ = samplers::gaussian(kSeed, 0, member, 0, {shape, dataset.device()}) *
                   chain.redi.to_key.front();
  const at::TensorOptions there = at::TensorOptions(at::kFloat).device(dataset.device());
  base->keys_ = at::empty({rows, base->initial_.numel()}, there);
  std::vector<int64_t> all = shape;
  all.insert(all.begin(), rows);
  base->values_ = at::empty(all, there);
  for (int64_t row = 0; row < rows; ++row) {
    const samplers::Denoiser denoise =
        model->condition(dataset.contexts({&windows[static_cast<size_t>(row)], 1}));
    const at::Tensor key = base->run(denoise, base->initial_, chain.redi.to_key);
    base->keys_[row].copy_(key.flatten());
    base->values_[row].copy_(base->run(denoise, key, chain.redi.to_value)[0]);
    if (!tell(progress, {double(row + 1) / double(rows), "redi",
                         fmt::format("trajectory {} of {}", row + 1, rows)})) {
      return Status(Code::kInterrupted, "stopped while making ReDi's knowledge base");
    }
  }
  return std::shared_ptr<const RediBase>(base);
}

at::Tensor RediBase::states(const samplers::Denoiser& denoise, int64_t members,
                            int64_t count) const {
  const at::Tensor query = run(denoise, initial_, chain_.redi.to_key).flatten();
  const at::Tensor distances = (keys_ - query).square().sum(1);
  const int64_t wanted = std::min(members * count, rows());
  const at::Tensor nearest = std::get<1>(distances.topk(wanted, 0, /*largest=*/false));
  std::vector<at::Tensor> states;
  for (int64_t m = 0; m < members; ++m) {
    const at::Tensor places =
        at::arange(m * count, (m + 1) * count, nearest.options()).remainder(wanted);
    const at::Tensor chosen = nearest.index_select(0, places);
    const at::Tensor w = samplers::redi_weights(keys_.index_select(0, chosen), query);
    std::vector<int64_t> by_row(static_cast<size_t>(values_.dim()), 1);
    by_row[0] = -1;
    states.push_back((values_.index_select(0, chosen) * w.view(by_row)).sum(0));
  }
  return at::stack(states);
}

}  // namespace skipcast::engine
