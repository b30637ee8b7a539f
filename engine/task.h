// A task: what is forecast from what, how the archive is split, and how its network is built and
// trained. One JSON object in the archive's CONFIG.json (from the recipe) or in a file of its own.
//
// Required keys: name, variables, context_states, future_states. The rest has defaults, listed at
// the fields below; unknown keys are errors that list the known ones. Values, thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "retrieval/normalizer.h"
#include "samplers/schedule.h"
#include "storage/series_store.h"
#include "storage/window.h"

namespace skipcast::engine {

enum class NetworkKind { kGraph, kGrid };

struct NetworkOptions {
  NetworkKind kind = NetworkKind::kGraph;  // default: by the archive's places
  int64_t width = 128;          // channels of a token, or of the U-Net's first level
  int64_t context_blocks = 2;   // depth of the context encoder (run once per query)
  int64_t blocks = 3;           // depth of the denoising part (run once per step)
  int64_t heads = 4;
  int64_t inducing = 0;         // inducing points for attention over many places; 0 = full attention
  double dropout = 0;
};

struct TrainingOptions {
  double minutes = 12;          // stop by the clock, or
  int64_t steps_max = 200000;   // by steps, whichever first
  int64_t batch = 64;
  double learning_rate = 1e-3;  // cosine to 1 % of it after `warmup_steps`
  int64_t warmup_steps = 200;
  double weight_decay = 0.01;
  double gradient_clip = 1.0;
  double ema_decay = 0.999;
  double sigma_log_mean = -0.5; // ln sigma ~ N(mean, std) in training (EDM P_mean, P_std)
  double sigma_log_std = 1.4;
  uint64_t seed = 1;
};

struct Task {
  std::string name;
  std::vector<std::string> variables;          // targets
  std::vector<std::string> context_variables;  // default: the targets; must start with them
  storage::WindowSpec spec;
  std::array<double, 3> split = {0.6, 0.2, 0.2};
  std::vector<std::string> calendar = {"hour_of_day", "day_of_week"};  // also "day_of_year"
  retrieval::Base base = retrieval::Base::kMean;   // "base": "mean" | "slot_of_week"
  bool residual = true;        // "residual": networks predict the change since the last observation
  int64_t evaluate_stride = 1; // every n-th test window is scored
  samplers::ScheduleOptions schedule = {.sigma_min = 0.02, .sigma_max = 80, .rho = 7};
  double sigma_data = 1.0;
  NetworkOptions network;
  TrainingOptions training;
};

// Reads one task object; `places` decides the default network. kBadInput names key and problem.
Result<Task> task_from_json(std::string_view text, storage::PlacesKind places);
std::string to_json(const Task& task);

// The task called `name` in the archive; when `name` ends in .json and is a file, that file's.
// kNotFound lists the names there are. Also checks that its variables exist.
Result<Task> find_task(const storage::SeriesStore& store, const std::string& name);
std::vector<std::string> task_names(const storage::SeriesStore& store);

// Store numbers of the task's context variables (targets first).
std::vector<int32_t> variable_numbers(const storage::SeriesStore& store, const Task& task);

// The split as state indices: training is [0, train_end), validation [train_end, validation_end),
// test [validation_end, states). `states` is the size at which the task was trained: a model keeps
// it, so that an archive that grows later does not move the boundaries.
struct Split {
  int64_t states = 0, train_end = 0, validation_end = 0;
};
Split split_of(const Task& task, int64_t states);

enum class Part { kTrain, kValidation, kTest };
// Origins whose future lies wholly inside the part; a validation or test context may reach back
// before the boundary, a training window lies wholly in the training part. Sessions respected.
std::vector<int64_t> part_origins(const storage::TimeAxis& axis, const Task& task,
                                  const Split& split, Part part);

}  // namespace skipcast::engine
