// The one training loop: steps of an optimiser on a method's loss (method.h) until its budget is
// spent, stage after stage.
//
// A checkpoint is written every minute, when progress says stop, and after each stage; it holds
// parameters, average, optimiser, the best weights and the counts, so that a resumed run has the
// bits of an uninterrupted one of the same number of steps. It belongs to one archive, task and
// base, and is removed when the method has finished unless the method keeps it. One JSON line a
// report and a validation goes to models/<task>.log.jsonl.
#pragma once

#include "engine/training/method.h"

namespace skipcast::engine {

// kInterrupted when progress said stop: the checkpoint is written first. kNotFound when there is
// nothing to resume; kRefused when the checkpoint belongs to something else; kBadInput when the
// loss is not finite; the method's errors.
Result<TrainReport> run_training(Method& method, const storage::SeriesStore& store,
                                 const TrainRequest& request);

}  // namespace skipcast::engine
