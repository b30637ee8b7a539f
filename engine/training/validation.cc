#include "engine/training/validation.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/networks/denoisers.h"
#include "engine/training/cost_model.h"
#include "samplers/noise.h"
#include "samplers/schedule.h"
#include "samplers/solvers/solvers.h"

namespace skipcast::engine {
namespace {

constexpr int64_t kMembers = kValidationMembers;

// Sums over observed values, [V] each. Ensembles [M, T, V, P], observations [T, V, P].
struct Sums {
  at::Tensor values, crps, squares, variance, observed;

  void add(const at::Tensor& ensemble, const at::Tensor& observation, const at::Tensor& mask) {
    const at::Tensor x = ensemble.to(at::kDouble), m = mask.to(at::kDouble);
    const at::Tensor y = at::where(mask > 0, observation.to(at::kDouble), 0.0);
    // mean |x - x'| over pairs, from the sorted members: sum (2i - M - 1) x_(i) / (M (M - 1) / 2).
    const double pairs = kMembers * (kMembers - 1) / 2.0;
    const at::Tensor ranks = at::arange(1, kMembers + 1, at::kDouble) * 2 - (kMembers + 1);
    const at::Tensor sorted = std::get<0>(x.sort(0));
    const at::Tensor difference = (sorted * ranks.view({-1, 1, 1, 1})).sum(0) / pairs;
    const at::Tensor fair = (x - y).abs().mean(0) - 0.5 * difference;
    add_to(values, m);
    add_to(crps, fair * m);
    add_to(squares, (x.mean(0) - y).square() * m);
    add_to(variance, x.var(0) * m);
    add_to(observed, y);
  }

 private:
  static void add_to(at::Tensor& sum, const at::Tensor& terms) {
    const at::Tensor more = terms.sum(at::IntArrayRef{0, 2});
    sum = sum.defined() ? sum + more : more;
  }
};

// Mean absolute deviation of the observed futures from their mean, [V], physical units.
at::Tensor mean_deviation(const Dataset& dataset, std::span<const int64_t> origins,
                          const Sums& sums) {
  const at::Tensor count = sums.values.clamp_min(1);
  const at::Tensor mean = (sums.observed / count).view({1, -1, 1});
  at::Tensor total = at::zeros_like(count);
  for (const int64_t origin : origins) {
    const at::Tensor apart = (dataset.observed(origin).to(at::kDouble) - mean).abs();
    total += apart.nan_to_num(0).sum(at::IntArrayRef{0, 2});
  }
  return (total / count).clamp_min(1e-12);
}

// Ensembles in normalised units, [Q * M, T, V, P].
at::Tensor ensembles(const ModelParts& parts, const Dataset& dataset, const ContextBatch& contexts,
                     std::span<const int64_t> origins) {
  // The network changes between validations: no graphs.
  const Compute compute = {.device = dataset.device(), .graphs = false};
  const Task& task = parts.task;
  const storage::TimeAxis& axis = dataset.store().schema().axis;
  const auto runner = std::make_shared<NetworkRunner>(parts.network, compute);
  std::vector<at::Tensor> conditioning = runner->encode(contexts);
  for (at::Tensor& part : conditioning) part = part.repeat_interleave(kMembers, 0);
  std::vector<int64_t> members(kMembers);
  std::iota(members.begin(), members.end(), 0);
  const std::vector<int64_t> shape = parts.target.scale.sizes().vec();
  std::vector<at::Tensor> noise;
  for (const int64_t origin : origins) {
    noise.push_back(samplers::gaussian(task.training.seed, axis.time_at(origin), members, 0,
                                       {shape, dataset.device()}));
  }
  const std::vector<double> sigmas = samplers::karras(kValidationSteps, task.schedule);
  const samplers::Denoiser denoise =
      make_denoiser(runner, std::move(conditioning), task.sigma_data);
  const at::Tensor target = samplers::dpmpp_2m(denoise, at::cat(noise) * sigmas[0], sigmas);
  return parts.target.from_target(target, contexts.last.repeat_interleave(kMembers, 0));
}

}  // namespace

std::vector<int64_t> evenly_spaced(std::span<const int64_t> origins, int64_t count) {
  const int64_t available = static_cast<int64_t>(origins.size());
  if (available <= count) return {origins.begin(), origins.end()};
  std::vector<int64_t> chosen;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t at = count == 1 ? available / 2 : i * (available - 1) / (count - 1);
    chosen.push_back(origins[static_cast<size_t>(at)]);
  }
  return chosen;
}

ValidationScores validate(const ModelParts& parts, const Dataset& dataset,
                          std::span<const int64_t> origins) {
  const at::NoGradGuard no_grad;
  Sums normalised, physical;
  const auto at_once =
      static_cast<size_t>(validation_windows_at_once(parts.task.network, parts.network->shape()));
  for (size_t first = 0; first < origins.size(); first += at_once) {
    const auto part = origins.subspan(first, std::min(at_once, origins.size() - first));
    const ContextBatch contexts = dataset.contexts(part);
    const FutureBatch futures = dataset.futures(part);
    const at::Tensor all = ensembles(parts, dataset, contexts, part).cpu();
    const at::Tensor observed = futures.values.cpu(), masks = futures.mask.cpu();
    for (size_t q = 0; q < part.size(); ++q) {
      const int64_t row = static_cast<int64_t>(q);
      const at::Tensor one = all.narrow(0, row * kMembers, kMembers), mask = masks[row];
      normalised.add(one, observed[row], mask);
      physical.add(dataset.denormalise(one, part[q]), dataset.observed(part[q]), mask);
    }
  }
  const at::Tensor crps = physical.crps / physical.values.clamp_min(1);
  const double* first = crps.const_data_ptr<double>();
  const double inflation = (kMembers + 1.0) / kMembers;
  ValidationScores scores;
  scores.crps = (normalised.crps.sum() / normalised.values.sum().clamp_min(1)).item<double>();
  scores.crps_physical.assign(first, first + crps.numel());
  scores.score = (crps / mean_deviation(dataset, origins, physical)).mean().item<double>();
  scores.spread_skill =
      (inflation * normalised.variance.sum() / normalised.squares.sum().clamp_min(1e-12))
          .sqrt()
          .item<double>();
  return scores;
}

}  // namespace skipcast::engine
