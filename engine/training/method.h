// A way of training something, as the one training loop (training_loop.h) sees it: what it starts
// from, the loss of a step, how it is validated, what it writes. The loop owns the rest: optimiser,
// budget, checkpoint and resume, keeping of the best weights, progress, log and interruption.
//
// A method is trained in one stage or in several, one after the other. Batches, noise and dropout
// of a step are functions of (the task's seed, step): the same steps give the same bits on one
// number of threads, interrupted or not. One thread uses a method at a time.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/data/compute.h"
#include "engine/data/task.h"
#include "engine/settings/forecast_options.h"
#include "engine/training/checkpoint.h"
#include "engine/training/optimiser.h"
#include "storage/progress.h"

namespace skipcast::engine {

struct TrainRequest {
  std::string task;
  std::string method = "network";    // a name of methods() (engine/methods/method_table.h)
  double minutes = 0;                // > 0 overrides the method's default, all stages together
  int64_t steps_max = 0;             // > 0 overrides the method's, each stage; alone it rules alone
  bool resume = false;               // continue from the checkpoint; kNotFound when there is none
  int64_t networks = 0;              // network: how many; 0: as its task says
  bool described_places = false;     // network: it is given facts of places, for transfer
  bool retrieval = true;             // one-step: false: it sees no retrieved futures
  KeyKind key = KeyKind::kForecast;  // copies: by which retrieved futures are found
  double key_mix = 0.5;              // of KeyKind::kMixed
  int64_t evaluations = 1;           // one-step: 1 or 2
  int64_t threads = 0;               // intra-op threads; 0 = all cores
  int64_t memory_bytes = storage::kMemoryBytesDefault;  // of indexes
  int64_t process_bytes_max = 0;  // that training may take; 0 = nine tenths of what is available
  Compute compute;                // weights, sums and optimiser stay float32 whatever the precision
  Progress progress;              // detail: step, loss, validation; false: checkpoint and stop
  std::function<void(const std::string&)> notice;  // what was chosen, before training; or empty
};

struct TrainReport {
  int64_t steps = 0, best_step = 0, parameters = 0;  // sums over the stages
  double seconds = 0;                                // of training, over all resumes
  double loss = 0, validation_crps = 0;  // means over the stages; fair, normalised units, or 0
  std::string model_path;                // what was written
  std::vector<StageResult> stages;
  std::string figures = "{}";      // a JSON object: what the method measured
  std::vector<std::string> lines;  // the same for people, and what to do next
};

// What a method starts from, known before anything is built.
struct TrainingOrigin {
  Task task;
  Split split;
  std::string base;               // of what it is made: a checkpoint of another one is refused
  std::string checkpoint;         // its path
  bool keeps_checkpoint = false;  // after the method has finished: more steps can follow
  std::string if_diverged = "nothing is changed";  // what to do where the loss is not finite
};

// What is trained in a stage, and how.
struct TrainingStage {
  std::unique_ptr<FlatParameters> parameters;
  std::unique_ptr<FlatParameters> average;  // of the parameters over steps; null: none
  std::unique_ptr<Optimiser> optimiser;
  // Budget (minutes 0: no clock), learning rate and its warm-up, decays, gradient_clip (0: none),
  // validations (0: the last weights are kept).
  TrainingOptions options;
  bool constant_rate = false;   // no warm-up and no cosine
  bool keep_best = true;        // in memory and checkpoint; false: better() writes them
  double smoothing = 0.02;      // of the loss that is reported
  double spent_seconds = 0;     // of the minutes, before the first step
  std::string label = "train";  // of the progress
  std::string part;             // "fit 1 of 3", where the label does not say it
  double begins = 0, ends = 1;  // share of the progress
};

struct Validation {
  double score = 0;            // what is to be least
  double shown = 0;            // for people: the fair CRPS, or the score
  std::string figures = "{}";  // a JSON object, for the log
};

class Method {
 public:
  virtual ~Method() = default;

  virtual Result<TrainingOrigin> open() = 0;
  // Builds what the stages share. `resumed`: the checkpoint's state, or null.
  virtual Status prepare(const TrainingState* resumed) = 0;
  // Asked after the stages before it have ended.
  virtual bool has_stage(int64_t stage) const { return stage == 0; }
  virtual Result<TrainingStage> begin(int64_t stage) = 0;
  // To be minimised; autograd follows it to the stage's parameters. Steps count from 0.
  virtual at::Tensor loss(int64_t step) = 0;
  // Called while a device is at the step before: what can be fetched meanwhile.
  virtual void fetch_ahead(int64_t) {}
  // Of the stage's average; asked only where the stage has validations.
  virtual Validation validate() { return {}; }
  // The last validation was the best so far.
  virtual Status better(const TrainingState&) { return {}; }
  // The stage's parameters (average, where there is one) hold what is kept of it.
  virtual Status end(int64_t) { return {}; }
  // Writes the result durably and completes the report.
  virtual Status finish(TrainReport& report) = 0;
};

// The budget that was asked for, of one of `runs` that share the minutes, in place of a default.
// Steps alone rule alone: the learning rate is then a function of the step.
void set_budget(const TrainRequest& request, int64_t runs, TrainingOptions& options);

}  // namespace skipcast::engine
