#include "engine/tuning/trial_set.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <string>
#include <utility>

#include "engine/forecast/start_table.h"
#include "engine/settings/options_json.h"
#include "engine/tuning/policy_fit.h"

namespace skipcast::engine {

template <typename Test>
std::vector<Trial> TrialSet::where(const Test& test) const {
  std::vector<Trial> out;
  std::copy_if(trials_.begin(), trials_.end(), std::back_inserter(out), test);
  return out;
}

bool TrialSet::holds(const Setting& options, int64_t windows) const {
  const std::string wanted = identity(options);
  return std::any_of(trials_.begin(), trials_.end(), [&](const Trial& trial) {
    return trial.windows == windows && identity(trial.options) == wanted;
  });
}

std::vector<Trial> TrialSet::on(int64_t windows) const {
  return where([&](const Trial& trial) { return trial.windows == windows; });
}

std::vector<Trial> TrialSet::on(int64_t windows, int64_t nfe) const {
  return where(
      [&](const Trial& trial) { return trial.windows == windows && nfe_class(trial) == nfe; });
}

std::vector<Trial> TrialSet::free(int64_t windows) const {
  return where(
      [&](const Trial& trial) { return trial.windows == windows && trial.options.steps == 0; });
}

std::vector<Setting> TrialSet::best_of(const std::vector<Setting>& plan, int64_t windows,
                                       size_t count) const {
  std::map<std::string, const Trial*> tried;
  for (const Trial& trial : trials_) {
    if (trial.windows == windows) tried.emplace(identity(trial.options), &trial);
  }
  std::vector<std::pair<double, const Setting*>> found;
  for (const Setting& options : plan) {
    const auto at = tried.find(identity(options));
    if (at != tried.end()) found.emplace_back(at->second->score, &options);
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  found.resize(std::min(found.size(), count));
  std::vector<Setting> best;
  for (const auto& [score, options] : found) best.push_back(*options);
  return best;
}

std::vector<Trial> TrialSet::best(const Wanted& wanted, size_t count) const {
  std::vector<Trial> found = where([&](const Trial& trial) {
    return trial.windows == wanted.windows && is_cold(trial) == wanted.cold &&
           nfe_class(trial) == wanted.nfe && !is_control(trial.options);
  });
  std::stable_sort(found.begin(), found.end(),
                   [](const Trial& a, const Trial& b) { return a.score < b.score; });
  found.resize(std::min(found.size(), count));
  return found;
}

}  // namespace skipcast::engine
