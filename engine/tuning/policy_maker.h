// From the trials of a sweep to its policies: which measure of the analogs they depend on, and the
// files. Internal to the tuner. Not thread-safe.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "engine/tuning/tuner.h"

namespace skipcast::engine {

class PolicyMaker {
 public:
  // Both must outlive it.
  PolicyMaker(Forecaster& forecaster, const TuneRequest& request)
      : forecaster_(forecaster), request_(request) {}

  // The policy of trials on all choosing windows: the distance of the analogs by the single
  // setting's own key, their spread and the distance of the context alone are each measured for
  // every query; the one that gains most on the confirming half is taken. Errors of searches.
  Result<Policy> best(std::span<const Trial> trials);
  // The policy's measure of the analogs of every window of a role. Errors of searches.
  Result<std::map<int64_t, double>> measure(const Policy& policy, WindowRole role);
  // A fixed policy of this trial, by the sweep's name.
  Policy fixed(const Trial& trial) const;

  // Fixed policies "<name>-<word>3", ... of these trials by NFE, saved in `folder`; their names.
  Result<std::vector<std::string>> save_fixed(const std::map<int64_t, Trial>& trials,
                                              const char* word, const std::string& folder) const;
  // A fixed policy "<name>-<word>", saved in `folder`; its name.
  Result<std::string> save_one(const Trial& trial, const std::string& word,
                               const std::string& folder) const;

 private:
  Policy unbinned() const;
  std::vector<Policy> measures(const StartOptions& start) const;

  Forecaster& forecaster_;
  const TuneRequest& request_;
};

}  // namespace skipcast::engine
