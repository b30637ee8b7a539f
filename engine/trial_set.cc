#include "engine/trial_set.h"

#include <algorithm>
#include <string>

#include "engine/policy_fit.h"

namespace skipcast::engine {

bool TrialSet::holds(const ForecastOptions& options, int64_t windows) const {
  const std::string wanted = describe(options);
  return std::any_of(trials_.begin(), trials_.end(), [&](const Trial& trial) {
    return trial.windows == windows && describe(trial.options) == wanted;
  });
}

std::vector<Trial> TrialSet::on(int64_t windows) const {
  std::vector<Trial> out = trials_;
  std::erase_if(out, [windows](const Trial& trial) { return trial.windows != windows; });
  return out;
}

std::vector<Trial> TrialSet::on(int64_t windows, int64_t nfe) const {
  std::vector<Trial> out = on(windows);
  std::erase_if(out, [nfe](const Trial& trial) { return nfe_class(trial) != nfe; });
  return out;
}

std::vector<Trial> TrialSet::free(int64_t windows) const {
  std::vector<Trial> out = on(windows);
  std::erase_if(out, [](const Trial& trial) { return trial.options.steps > 0; });
  return out;
}

std::vector<Trial> TrialSet::best(const Wanted& wanted, size_t count) const {
  std::vector<Trial> found = on(wanted.windows, wanted.nfe);
  std::erase_if(found, [&](const Trial& trial) { return is_cold(trial) != wanted.cold; });
  std::stable_sort(found.begin(), found.end(),
                   [](const Trial& a, const Trial& b) { return a.score < b.score; });
  found.resize(std::min(found.size(), count));
  return found;
}

}  // namespace skipcast::engine
