// What a task leaves to the data (Task::Automatic): base, transforms and calendar, chosen before a
// network is trained, in seconds.
//
// Base and transforms are those by which a damped persistence forecast (target_space.h) with normal
// errors scores best on windows of the validation part, fitted on the training part, at some of the
// places. The score is the CRPS in physical units, so that it compares transforms too. A richer
// base, or a transform, has to be better by a margin. Pure functions of archive, task and split.
#pragma once

#include <string>
#include <vector>

#include "engine/data/task.h"

namespace skipcast::engine {

struct DataChoices {
  Task task;                       // with nothing left to the data
  std::vector<std::string> lines;  // a choice each, with the figures that decided; for people
};

// The task unchanged when it leaves nothing to the data. Where the split leaves no windows to fit
// or judge by, base and transforms stay the documented defaults. Errors: of Normalizer::fit() and
// Dataset::load().
Result<DataChoices> choose_from_data(const storage::SeriesStore& store, const Task& task,
                                     const Split& split);

}  // namespace skipcast::engine
