// Cross-fitting: mean forecasts of training windows by a network that has not seen them.
//
// A network knows its training part: its mean forecasts there lie closer to what happened than they
// ever will in operation. As a key they compare a query's honest forecast with half remembered
// outcomes, and errors about them are too small. So two more networks of the same kind are trained,
// each on every other stretch of the training part, and the mean of a training window is that of
// the network whose stretches it does not lie in (cross-fitting: Chernozhukov et al. 2018, section
// 3). Queries, and windows after the training part, are the model's own. Pure functions,
// thread-safe.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/data/task.h"

namespace skipcast::engine {

inline constexpr int64_t kFolds = 2;

// The fold, 0 or 1, of a training window with this origin: its mean comes from the network of that
// number. -1 for any window whose future does not lie in the training part.
int64_t fold_of(const Task& task, const Split& split, int64_t origin);

// Those of the training windows that the network of this number is trained on: they lie wholly in
// stretches of the other fold.
std::vector<int64_t> fold_origins(const Task& task, const Split& split,
                                  const std::vector<int64_t>& training, int64_t fold);

}  // namespace skipcast::engine
