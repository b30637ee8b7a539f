#include "engine/training/validation.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>

#include "engine/networks/denoisers.h"
#include "engine/training/cost_model.h"
#include "retrieval/encoders/evenly_spread.h"
#include "retrieval/scaling/slots.h"
#include "samplers/noise.h"
#include "samplers/schedule.h"
#include "samplers/solvers/solvers.h"

namespace skipcast::engine {
namespace {

constexpr int64_t kMembers = kValidationMembers;

constexpr size_t kSlotMembersMin = 4, kSlotMembersMax = 16;  // of a climatology's ensemble

// Sums over observed values, [V] each. Ensembles [M, T, V, P], observations [T, V, P].
struct Sums {
  at::Tensor values, crps, squares, variance, observed;

  void add(const at::Tensor& ensemble, const at::Tensor& observation, const at::Tensor& mask) {
    const at::Tensor x = ensemble.to(at::kDouble), m = mask.to(at::kDouble);
    const at::Tensor y = at::where(mask > 0, observation.to(at::kDouble), 0.0);
    // mean |x - x'| over pairs, from the sorted members: sum (2i - M - 1) x_(i) / (M (M - 1) / 2).
    const auto members = static_cast<double>(x.size(0));
    const double pairs = members * (members - 1) / 2;
    const at::Tensor ranks = at::arange(1, x.size(0) + 1, at::kDouble) * 2 - (members + 1);
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

ValidationScores physical_scores(const Dataset& dataset, std::span<const int64_t> origins,
                                 const Sums& physical) {
  const at::Tensor crps = (physical.crps / physical.values.clamp_min(1)).contiguous();
  const double* first = crps.const_data_ptr<double>();
  ValidationScores scores;
  scores.crps_physical.assign(first, first + crps.numel());
  scores.score = (crps / mean_deviation(dataset, origins, physical)).mean().item<double>();
  return scores;
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

ValidationScores validate(const ModelParts& parts, const Dataset& dataset,
                          std::span<const int64_t> origins) {
  const at::NoGradGuard no_grad;
  const at::Tensor areas = area_weights(dataset);
  Sums normalised, physical;
  const auto at_once =
      static_cast<size_t>(validation_windows_at_once(parts.task.network, parts.network->shape()));
  for (size_t first = 0; first < origins.size(); first += at_once) {
    const auto part = origins.subspan(first, std::min(at_once, origins.size() - first));
    const ContextBatch contexts = dataset.contexts(part);
    FutureBatch futures = dataset.futures(part);
    if (areas.defined()) futures.mask = futures.mask * areas;
    const at::Tensor all = ensembles(parts, dataset, contexts, part).cpu();
    const at::Tensor observed = futures.values.cpu(), masks = futures.mask.cpu();
    for (size_t q = 0; q < part.size(); ++q) {
      const int64_t row = static_cast<int64_t>(q);
      const at::Tensor one = all.narrow(0, row * kMembers, kMembers), mask = masks[row];
      normalised.add(one, observed[row], mask);
      physical.add(dataset.denormalise(one, part[q]), dataset.observed(part[q]), mask);
    }
  }
  const double inflation = (kMembers + 1.0) / kMembers;
  ValidationScores scores = physical_scores(dataset, origins, physical);
  scores.crps = (normalised.crps.sum() / normalised.values.sum().clamp_min(1)).item<double>();
  scores.spread_skill =
      (inflation * normalised.variance.sum() / normalised.squares.sum().clamp_min(1e-12))
          .sqrt()
          .item<double>();
  return scores;
}

namespace {

// The training origins of each slot of a base.
std::vector<std::vector<int64_t>> by_slot(const storage::TimeAxis& axis, retrieval::Base base,
                                          const std::vector<int64_t>& origins) {
  std::vector<std::vector<int64_t>> slots(static_cast<size_t>(retrieval::slot_count(axis, base)));
  for (const int64_t origin : origins) {
    slots[static_cast<size_t>(retrieval::slot_of_state(axis, base, origin))].push_back(origin);
  }
  return slots;
}

}  // namespace

ValidationScores score_ensembles(const Dataset& dataset, std::span<const int64_t> origins,
                                 const std::function<at::Tensor(int64_t)>& members) {
  const at::NoGradGuard no_grad;
  at::Tensor areas = area_weights(dataset);
  if (areas.defined()) areas = areas.cpu();
  Sums physical;
  for (const int64_t origin : origins) {
    const at::Tensor observed = dataset.observed(origin);
    const at::Tensor mask = observed.isnan().logical_not().to(at::kFloat);
    physical.add(members(origin), observed, areas.defined() ? mask * areas : mask);
  }
  return physical_scores(dataset, origins, physical);
}

ValidationScores validate_climatology(const Dataset& dataset, const Split& split,
                                      std::span<const int64_t> origins) {
  const storage::TimeAxis& axis = dataset.store().schema().axis;
  const std::vector<int64_t> all = part_origins(axis, dataset.task(), split, Part::kTrain);
  const std::vector<int64_t> spread = retrieval::evenly_spaced(all, kSlotMembersMax);
  const retrieval::Base bases[] = {retrieval::Base::kSlotOfWeek, retrieval::Base::kSlotOfDay};
  std::vector<std::vector<std::vector<int64_t>>> slots;
  for (const retrieval::Base base : bases) slots.push_back(by_slot(axis, base, all));
  return score_ensembles(dataset, origins, [&](int64_t origin) {
    std::span<const int64_t> past = spread;
    for (size_t i = std::size(bases); i-- > 0;) {
      const auto slot = static_cast<size_t>(retrieval::slot_of_state(axis, bases[i], origin));
      if (slots[i][slot].size() >= kSlotMembersMin) past = slots[i][slot];
    }
    past = past.last(std::min(past.size(), kSlotMembersMax));
    const at::Tensor futures = dataset.filled_futures(past);
    std::vector<at::Tensor> members;
    for (size_t i = 0; i < past.size(); ++i) {
      members.push_back(dataset.denormalise(futures[static_cast<int64_t>(i)], past[i]).cpu());
    }
    return at::stack(members);
  });
}

}  // namespace skipcast::engine
