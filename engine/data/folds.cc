#include "engine/data/folds.h"

#include <algorithm>

namespace skipcast::engine {
namespace {

constexpr int64_t kStretches = 16;  // of the training part: every season has some of each fold

int64_t fold_at(const Split& split, int64_t state) {
  const int64_t stretch = state * kStretches / std::max<int64_t>(1, split.train_end);
  return stretch % kFolds;
}

}  // namespace

int64_t fold_of(const Task& task, const Split& split, int64_t origin) {
  return origin + task.spec.future_states < split.train_end ? fold_at(split, origin) : -1;
}

std::vector<int64_t> fold_origins(const Task& task, const Split& split,
                                  const std::vector<int64_t>& training, int64_t fold) {
  std::vector<int64_t> origins;
  for (const int64_t origin : training) {
    const int64_t first = origin - task.spec.context_states + 1;
    const int64_t last = origin + task.spec.future_states;
    bool seen = false;
    for (int64_t state = first; state <= last && !seen; ++state) {
      seen = fold_at(split, state) == fold;
    }
    if (!seen) origins.push_back(origin);
  }
  return origins;
}

}  // namespace skipcast::engine
