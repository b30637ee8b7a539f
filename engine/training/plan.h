// What a training will be: the options that nobody set, chosen by what they cost, and what its
// budget will reach. A plan is a function of the task, the archive's sizes, the threads and the
// memory: the machine's measured speed only says how far it gets, unless it is a quarter of an
// ordinary machine's or less. Internal to engine.
#pragma once

#include <string>

#include "engine/training/cost_model.h"
#include "engine/training/method.h"

namespace skipcast::engine {

// What a plan is made for.
struct PlanSizes {
  NetworkShape shape;
  int64_t training_windows = 0;
  double series_bytes = 0;  // of the data set
  double memory_bytes = 0;  // that the process may take; 0: nobody knows
  double flops_a_second = 0;
  bool gpu = false;
};

// The task with everything chosen: from the largest network and batches down, one option after the
// other, until the minutes see eight epochs and 2,000 steps (of an unlimited budget: those that
// twelve minutes would), and memory holds it; or to the least there is. Pure.
Task planned_task(const Task& task, const PlanSizes& sizes);

// Bytes that the process will take, all in all.
double process_bytes(const Task& task, const PlanSizes& sizes);

struct TrainingPlan {
  Task task;         // nothing automatic is left
  std::string text;  // for people: "batch 16, 1 draw, ...: about 2,300 steps, 1.6 epochs in ..."
};

// Measures the machine for about a second where the budget is one of minutes. kUnsupported when the
// memory allowed (request.process_bytes_max, or nine tenths of what is available) does not hold the
// training: says what would fit.
Result<TrainingPlan> plan_training(const storage::SeriesStore& store, const Task& task,
                                   const TrainRequest& request);

}  // namespace skipcast::engine
