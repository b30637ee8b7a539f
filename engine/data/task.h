// A task: what is forecast from what, how the archive is split, and how its network is built and
// trained. One JSON object in the archive's CONFIG.json (from the recipe) or in a file of its own.
//
// Required keys: name, variables, context_states, future_states. The rest has defaults, listed at
// the fields below, or is chosen from the data when a network is trained (data_choices.h); unknown
// keys are errors that list the known ones. Values, thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/data/network_kinds.h"
#include "retrieval/scaling/normalizer.h"
#include "samplers/schedule.h"
#include "storage/schema/window.h"
#include "storage/series/series_store.h"

namespace skipcast::engine {

struct NetworkOptions {
  std::string kind = kGraphNet;   // network_kinds.h; default: by the archive's places
  int64_t width = 128;            // channels of a token, or of the U-Net's first level
  int64_t context_blocks = 2;     // depth of the context encoder (run once per query)
  int64_t blocks = 3;             // depth of the denoising part (run once per step)
  int64_t heads = 4;              // graph: divides width
  int64_t mlp_ratio = 2;          // hidden channels of a block's MLP, in widths
  int64_t inducing = 0;           // inducing points, for many places; 0 = full attention
  bool adjacency = false;         // graph: attention learns a bias from the archive's adjacency
  bool described_places = false;  // graph: places are told apart by facts (place_description.h),
                                  // not by learned embeddings: the network can be transferred
  bool raw_values = false;        // graph: is given the targets' values beside their anomalies
  bool cyclic = false;            // grid: its columns close a circle; found out in training
  double dropout = 0;             // of each block's branches
  double input_dropout = 0;       // of the context's features
};

struct TrainingOptions {
  double minutes = 12;         // stop by the clock (0 = never), or
  int64_t steps_max = 200000;  // by steps, whichever first
  int64_t networks = 1;        // trained one after the other, the time shared; members are assigned
                               // among them
  int64_t batch = 64;          // contexts a step, each with
  int64_t sigma_draws = 4;     // noise levels (the context is encoded once for all of them)
  double learning_rate = 1e-3;  // cosine to 2 % of it after `warmup_steps`
  int64_t warmup_steps = 200;
  double weight_decay = 0.01;   // of matrices; vectors (biases, gains) have none
  double gradient_clip = 1.0;   // of the whole gradient's 2-norm
  double ema_decay = 0.999;     // shorter during the first steps
  double sigma_log_mean = 0.0;  // ln sigma ~ N(mean, std) in training (EDM P_mean, P_std)
  double sigma_log_std = 1.6;
  double context_noise = 0;  // standard normal noise of this size on the context's values
  int64_t validations = 8;   // evenly over the budget; the best weights are kept
  int64_t validation_windows = 128;
  uint64_t seed = 1;
};

struct Task {
  std::string name;
  std::vector<std::string> variables;          // targets
  std::vector<std::string> context_variables;  // default: the targets; must start with them
  storage::WindowSpec spec;
  std::array<double, 3> split = {0.6, 0.2, 0.2};
  std::vector<std::string> calendar = {"hour_of_day",
                                       "day_of_week"};  // also "day_of_year", "slot_of_day"
  // "mean", "slot_of_week", "slot_of_day", "seasonal"
  retrieval::Base base = retrieval::Base::kMean;
  int64_t base_smoothing = 0;            // slots averaged in on each side
  std::vector<std::string> square_root;  // variables modelled as their square root (counts)
  // Of other variables: "none", "log", "square_root"; default: log where the archive's schema says.
  std::map<std::string, retrieval::Transform> transform;
  // What the recipe leaves to the data: what it has no key for. A task with a base is made by hand,
  // so its variables stay as they are.
  struct Automatic {
    bool base = false, transform = false, calendar = false;
  } automatic;
  bool residual = true;         // networks predict the future minus the damped last observation
  int64_t evaluate_stride = 1;  // every n-th test window is scored
  samplers::ScheduleOptions schedule = {.sigma_min = 0.02, .sigma_max = 80, .rho = 7};
  double sigma_data = 1.0;
  NetworkOptions network;
  TrainingOptions training;
  // Keys of the planned_options() (planned_options.h) that nobody has set: a plan chooses them
  // before training. JSON leaves them out; the task of a trained model has none.
  std::vector<std::string> unset;
};

// Reads one task object; `places` decides the default network. "network" (or its kind
// alone), "training" and "schedule" are objects whose keys are the fields above.
// kBadInput names key and problem.
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

// How the task's normalizer is fitted.
retrieval::NormalizerOptions normalizer_options(const storage::SeriesStore& store, const Task& task,
                                                const Split& split);

enum class Part { kTrain, kValidation, kTest };
// Origins whose future lies wholly inside the part; a validation or test context may reach back
// before the boundary, a training window lies wholly in the training part. Sessions respected.
std::vector<int64_t> part_origins(const storage::TimeAxis& axis, const Task& task,
                                  const Split& split, Part part);

}  // namespace skipcast::engine
