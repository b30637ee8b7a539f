#include "engine/tuning/trial_text.h"

#include <fmt/format.h>

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

}  // namespace skipcast::engine
