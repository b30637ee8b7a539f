// The trials of a sweep so far, and what the sweep asks of them. A value; not thread-safe.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/tuning/tuner.h"

namespace skipcast::engine {

class TrialSet {
 public:
  void add(Trial trial) { trials_.push_back(std::move(trial)); }
  const std::vector<Trial>& all() const { return trials_; }
  // Plans overlap: a setting is tried once on so many windows.
  bool holds(const Setting& options, int64_t windows) const;
  // All trials on so many windows; those of them of an NFE (policy_fit.h's nfe_class).
  std::vector<Trial> on(int64_t windows) const;
  std::vector<Trial> on(int64_t windows, int64_t nfe) const;
  // Trials without a chain on so many windows.
  std::vector<Trial> free(int64_t windows) const;
  // The best `count` of an NFE on so many windows, best first: of cold starts, or of the others
  // but blind controls.
  struct Wanted {
    int64_t windows = 0, nfe = 0;
    bool cold = false;
  };
  std::vector<Trial> best(const Wanted& wanted, size_t count) const;
  // The best `count` of these settings on so many windows, best first; untried ones are left out.
  std::vector<Setting> best_of(const std::vector<Setting>& plan, int64_t windows,
                               size_t count) const;

 private:
  template <typename Test>
  std::vector<Trial> where(const Test& test) const;

  std::vector<Trial> trials_;
};

}  // namespace skipcast::engine
