// ReDi exactly as published (Zhang et al., ICML 2023; METHODS 1.1), for comparison with our own
// starts: a knowledge base of the model's trajectories on the training windows, all from one and
// the same noise. A query runs to the key step, finds the nearest keys, combines their states at
// the value step by least squares, and goes on from there.
//
// The base is model output, costs `value` evaluations a window to make, and gives one path a
// neighbour: members differ only by taking different neighbours. A multistep solver's history
// begins anew at key and value.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>

#include "engine/forecast/reverse_chain.h"
#include "engine/forecast/start_table.h"
#include "engine/keys/analog_keys.h"
#include "samplers/noise.h"
#include "samplers/starts.h"

namespace skipcast::engine {
namespace {

constexpr uint64_t kSeed = 1024;  // of the noise all trajectories share; the authors' choice

class RediBase {
 public:
  // Trajectories of the training windows (thinned evenly to 4096) by chain's solver and levels.
  // kUsage when the training part is empty; kInterrupted when progress says stop.
  static Result<std::shared_ptr<const RediBase>> build(const Model& model, const Dataset& dataset,
                                                       const Chain& chain,
                                                       const Progress& progress);

  // States at the value step, [members, T_out, V, P] in target space: member m combines the
  // neighbours m * count .. (m + 1) * count - 1, in turn when there are not so many. Costs
  // chain.redi.to_key's evaluations once. Thread-safe.
  at::Tensor states(const samplers::Denoiser& denoise, int64_t members, int64_t count) const;

  int64_t rows() const { return keys_.size(0); }
  int64_t bytes() const { return (keys_.numel() + values_.numel()) * int64_t{sizeof(float)}; }

 private:
  at::Tensor run(const samplers::Denoiser& denoise, const at::Tensor& x,
                 const std::vector<double>& sigmas) const;

  // Constant after build().
  Chain chain_;
  at::Tensor initial_;  // [1, T_out, V, P]: the noise every trajectory begins with
  at::Tensor keys_;     // [rows, T_out * V * P]
  at::Tensor values_;   // [rows, T_out, V, P]
};

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

Result<std::shared_ptr<const RediBase>> RediBase::build(const Model& model, const Dataset& dataset,
                                                        const Chain& chain,
                                                        const Progress& progress) {
  const std::vector<int64_t> windows = fit_origins(model, dataset);
  if (windows.empty()) return usage("ReDi needs training windows, and there is none");
  const at::NoGradGuard no_grad;
  const auto base = std::make_shared<RediBase>();
  const auto rows = static_cast<int64_t>(windows.size());
  const std::vector<int64_t> shape = model.state_shape();
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
        model.condition(dataset.contexts({&windows[static_cast<size_t>(row)], 1}));
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

// The base of the scene's chain, made when it is first asked for: one for all that its
// trajectories depend on.
Result<std::shared_ptr<const RediBase>> base_of(const StartScene& scene) {
  const Chain& chain = scene.chain;
  std::string name =
      fmt::format("redi {} {} {}", chain.solver.name, chain.noising.amount.value_or(-1),
                  chain.noising.scale.value_or(-1));
  for (const auto& levels : {chain.redi.to_key, chain.redi.to_value}) {
    for (const double sigma : levels) name += fmt::format(" {}", sigma);
    name += ";";
  }
  const auto make = [&]() -> Result<std::shared_ptr<const void>> {
    SKIPCAST_TRY(std::shared_ptr<const void> made,
                 RediBase::build(scene.keys.model(), scene.keys.dataset(), chain, scene.progress));
    return made;
  };
  SKIPCAST_TRY(const std::shared_ptr<const void> kept, scene.memory.get(name, make));
  return std::static_pointer_cast<const RediBase>(kept);
}

// Levels: the whole list up to the entry, cut at the key.
Status check(const Task& task, const ForecastOptions& options, Chain& chain) {
  if (chain.solver.needs_moments || chain.solver.needs_one_step) {
    return usage(
        fmt::format("ReDi's trajectories cannot be made by {}: take another solver, such "
                    "as dpmpp_2m",
                    chain.solver.name));
  }
  if (options.guidance > 0) {
    return usage("the guidance moves the denoiser of a chain; ReDi has none that it could move");
  }
  const samplers::Depth& depth = options.depth;
  if (!depth.skip_steps && !depth.skip_fraction) {
    return usage("ReDi enters a list of steps at its value step: say --skip-steps or --skip-frac");
  }
  const auto left = static_cast<int64_t>(chain.entry.sigmas.size()) - 1;
  const int64_t key = options.start.redi_key_step, value = options.steps - left;
  if (!(key >= 1 && key < value)) {
    return usage(fmt::format("ReDi's key step must lie in 1..{}, before its value step {}, not {}",
                             value - 1, value, key));
  }
  const std::vector<double> all = samplers::levels(options.steps, schedule_for(task, options));
  chain.redi.to_key.assign(all.begin(), all.begin() + key + 1);
  chain.redi.to_value.assign(all.begin() + key, all.begin() + value + 1);
  return {};
}

Status prepare(const StartScene& scene) { return base_of(scene).status(); }

Status enter(const StartScene& scene, const Query& query, const MemberAnalogs&, EntryState& entry) {
  SKIPCAST_TRY(const std::shared_ptr<const RediBase> base, base_of(scene));
  const ForecastOptions& options = scene.options;
  entry.state = base->states(query.denoise.front(), options.members, options.start.redi_neighbours);
  entry.notes.push_back(fmt::format("ReDi's knowledge base: {} trajectories, {:.1f} MiB",
                                    base->rows(), double(base->bytes()) / (1 << 20)));
  return {};
}

}  // namespace

constinit extern const StartRow kRediStart = {.kind = StartKind::kRedi,
                                              .help = "the published method, ReDi",
                                              .check = check,
                                              .prepare = prepare,
                                              .enter = enter};

}  // namespace skipcast::engine
