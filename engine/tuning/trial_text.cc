#include "engine/tuning/trial_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "engine/forecast/start_table.h"
#include "engine/tuning/policy_fit.h"

namespace skipcast::engine {

std::string front_csv(const std::vector<Trial>& trials, int64_t members) {
  std::string text =
      "nfe,nfe_shared,nfe_with_shared,seconds,crps,energy,variogram,spread_skill,start,key,"
      "key_mix,separation,alignment,decay_tau,entry_sigma,solver,windows,on_front,setting\n";
  for (const Trial& trial : trials) {
    const Setting& options = trial.options;
    const StartOptions& start = options.start;
    const bool analog = is_retrieved(start.kind), past = has_analogs(start.kind);
    text += fmt::format(
        "{:g},{:g},{:.4g},{:.6g},{:.6g},{:.6g},{:.6g},{:.4g},{},{},{},{},{},{},{},{},{},{},{}\n",
        trial.nfe, trial.nfe_shared, cost(trial, members), trial.seconds_per_query, trial.crps,
        trial.energy, trial.variogram, trial.spread_skill, word(start.kind),
        analog ? word(start.key) : "",
        analog && start.key == KeyKind::kMixed ? fmt::format("{:g}", start.key_mix) : "",
        analog ? fmt::format("{}", start.separation) : "", past ? word(start.alignment) : "",
        past ? fmt::format("{:g}", start.decay_tau) : "",
        options.depth.entry_sigma ? fmt::format("{:.6g}", *options.depth.entry_sigma) : "",
        options.solver, trial.windows, trial.on_front ? 1 : 0, describe(options));
  }
  return text;
}

std::string describe(const Setting& options) {
  const StartOptions& start = options.start;
  std::string text = word(start.kind);
  if (is_retrieved(start.kind)) {
    text += fmt::format(" key={}", word(start.key));
    if (start.key == KeyKind::kMixed) text += fmt::format(" mix={:g}", start.key_mix);
    if (start.separation > 1) text += fmt::format(" apart={}", start.separation);
    if (start.pool > 0) text += fmt::format(" pool={}", start.pool);
    if (start.temperature) text += fmt::format(" temperature={:g}", *start.temperature);
  }
  if (start.kind == StartKind::kRedi) {
    text += fmt::format(" key_step={} neighbours={}", start.redi_key_step, start.redi_neighbours);
  }
  if (start.kind == StartKind::kPrevious) {
    text += fmt::format(" cycle={} rolls={}", start.cycle, start.rolls);
  }
  if (start.cold_share > 0) text += fmt::format(" cold={:g}", start.cold_share);
  if (start.added_noise > 0) text += fmt::format(" spread={:g}", start.added_noise);
  if (has_analogs(start.kind)) {
    text += fmt::format(" align={}", word(start.alignment));
    const bool decays =
        start.alignment == Alignment::kOffset || start.alignment == Alignment::kHalf;
    if (decays && std::isfinite(start.decay_tau)) text += fmt::format(" tau={:g}", start.decay_tau);
  }
  if (options.depth.entry_sigma) text += fmt::format(" sigma={:.3g}", *options.depth.entry_sigma);
  if (options.depth.skip_fraction) text += fmt::format(" skip={:g}", *options.depth.skip_fraction);
  if (options.depth.skip_steps) text += fmt::format(" skip={}", *options.depth.skip_steps);
  const std::vector<double>& sigmas = options.depth.sigmas;
  if (!sigmas.empty()) text += fmt::format(" sigmas={:.3g}", fmt::join(sigmas, "/"));
  text += fmt::format(" steps={} {}", options.steps, options.solver);
  if (options.noise_amount) text += fmt::format(" noise={:g}", *options.noise_amount);
  if (options.noise_scale) text += fmt::format(" scale={:g}", *options.noise_scale);
  if (options.spacing != samplers::Spacing::kKarras) {
    text += fmt::format(" {}", word(options.spacing));
  }
  if (options.exit_tolerance > 0) text += fmt::format(" exit={:g}", options.exit_tolerance);
  if (options.retrieval_weight) text += fmt::format(" told={:g}", *options.retrieval_weight);
  if (options.mismatched_retrieval) text += " told=shuffled";
  if (options.guidance > 0) {
    text +=
        fmt::format(" guided={:g} bandwidth={:g}", options.guidance, options.guidance_bandwidth);
  }
  if (!options.inflation.empty()) {
    text += fmt::format(" inflated={:.3g}", fmt::join(options.inflation, "/"));
  }
  if (options.rho) text += fmt::format(" rho={:g}", *options.rho);
  return text;
}

}  // namespace skipcast::engine
