// The CRPS is twice the mean quantile loss over evenly spread levels (Gneiting and Ranjan 2011,
// equation 5); quantiles keep their meaning through an increasing transform.
#include "engine/data/data_choices.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "engine/data/dataset.h"
#include "engine/data/sampled_store.h"
#include "engine/data/target_space.h"
#include "retrieval/encoders/evenly_spread.h"
#include "retrieval/scaling/slots.h"

namespace skipcast::engine {
namespace {

using retrieval::Base;
using retrieval::Transform;

constexpr int64_t kSampleSeries = 128;      // places x variables looked at, one place at least
constexpr int64_t kSampleValues = 4000000;  // of them all
constexpr int64_t kFitWindows = 2048;
constexpr int64_t kJudgeWindows = 256;
constexpr int64_t kWindowsAtOnce = 32;
constexpr int64_t kLevels = 16;        // of the forecast's distribution
constexpr double kBaseMargin = 0.005;  // by which a richer base has to be better
constexpr double kTransformMargin = 0.01;
constexpr int64_t kSmoothings[] = {0, 2, 6};
constexpr int64_t kDay = 86400;
constexpr double kWeeksDays = 18;  // three weeks, of working days at least
constexpr double kYearsDays = 1.5 * 365;
constexpr int64_t kSlotValues = 2;  // that the training part has of a slot, at least
constexpr int64_t kTableBytes = int64_t{64} << 20;  // of a base: less is always allowed
constexpr int64_t kTableValueBytes = 20;            // while it is fitted

double days_of(const storage::TimeAxis& axis, int64_t states) {
  if (states < 2) return 0;
  return static_cast<double>(axis.time_at(states - 1) - axis.time_at(0)) / kDay;
}

// The words whose rhythm the training part shows often enough.
std::vector<std::string> calendar_for(const storage::TimeAxis& axis, int64_t train_states) {
  const double days = days_of(axis, train_states);
  const bool below_day = axis.step_months == 0 && axis.step_s < kDay;
  const bool within_week = axis.step_months == 0 && axis.step_s <= kDay;
  std::vector<std::string> words;
  if (below_day) words.emplace_back("hour_of_day");
  if (within_week && days >= kWeeksDays) words.emplace_back("day_of_week");
  if (days >= kYearsDays) words.emplace_back("day_of_year");
  return words;
}

struct BaseChoice {
  Base base = Base::kMean;
  int64_t smoothing = 0;
};

std::string name_of(const BaseChoice& choice) {
  const char* word = retrieval::kBaseWords[static_cast<size_t>(choice.base)];
  return choice.smoothing > 0 ? fmt::format("{}, smoothing {}", word, choice.smoothing) : word;
}

// Simplest first.
std::vector<BaseChoice> bases_for(const storage::SeriesStore& store, const Task& task,
                                  const Split& split) {
  const storage::TimeAxis& axis = store.schema().axis;
  const bool by_day = retrieval::has_slots_of_day(axis);
  const int64_t row =
      static_cast<int64_t>(task.context_variables.size()) * store.schema().places.count();
  std::vector<BaseChoice> bases = {{}};
  for (const Base base : {Base::kSlotOfDay, Base::kSlotOfWeek, Base::kSeasonal}) {
    if (base != Base::kSlotOfWeek && !by_day) continue;  // the same as slot_of_week
    if (base == Base::kSeasonal && days_of(axis, split.train_end) < 365) continue;
    const int64_t slots = retrieval::slot_count(axis, base);
    if (base != Base::kSeasonal && split.train_end < kSlotValues * slots) continue;
    const int64_t bytes = slots * row * kTableValueBytes;
    if (bytes > std::max(kTableBytes, 8 * split.states * row)) continue;
    for (const int64_t smoothing : kSmoothings) {
      if (base != Base::kSeasonal || smoothing == 0) bases.push_back({base, smoothing});
    }
  }
  return bases;
}

// Mean absolute deviation of the variables' values in the validation part, [V].
Result<at::Tensor> deviation_of(const SampledStore& sample, const Split& split) {
  const storage::Schema& schema = sample.schema();
  const auto variables = static_cast<int64_t>(schema.variables.size());
  std::vector<int32_t> numbers;
  for (int32_t number = 0; number < variables; ++number) numbers.push_back(number);
  const int64_t states = split.validation_end - split.train_end;
  at::Tensor values = at::empty({states, variables, schema.places.count()}, at::kFloat);
  const std::span<float> out(values.data_ptr<float>(), static_cast<size_t>(values.numel()));
  SKIPCAST_TRY_OK(sample.read(split.train_end, states, numbers, out));
  values = values.to(at::kDouble);
  const at::Tensor apart = (values - values.nanmean(at::IntArrayRef{0, 2}, true)).abs();
  return apart.nanmean(at::IntArrayRef{0, 2}).nan_to_num(0).clamp_min(1e-12);
}

// Scores ways to normalise.
class Judge {
 public:
  // Null where there are no windows.
  static Result<std::unique_ptr<Judge>> make(const storage::SeriesStore& store, const Task& task,
                                             const Split& split);

  // Of each context variable, as if it was forecast: CRPS / deviation_of().
  Result<std::vector<double>> scores(Task task) const;
  const std::vector<float>& least() const { return sample_->least(); }

 private:
  // Sums over observed values, [V].
  struct Sums {
    at::Tensor crps, count;
  };
  static void add(const Dataset& dataset, const TargetSpace& space, std::span<const int64_t> part,
                  Sums& sums);

  std::unique_ptr<SampledStore> sample_;
  Split split_;
  std::vector<int64_t> fit_, judged_;
  at::Tensor deviation_;
};

Result<std::unique_ptr<Judge>> Judge::make(const storage::SeriesStore& store, const Task& task,
                                           const Split& split) {
  auto judge = std::make_unique<Judge>();
  const storage::TimeAxis& axis = store.schema().axis;
  judge->split_ = split;
  judge->fit_ =
      retrieval::evenly_spaced(part_origins(axis, task, split, Part::kTrain), kFitWindows);
  judge->judged_ =
      retrieval::evenly_spaced(part_origins(axis, task, split, Part::kValidation), kJudgeWindows);
  if (judge->fit_.empty() || judge->judged_.empty()) return std::unique_ptr<Judge>();
  SampledStore::Sample sample{.variables = variable_numbers(store, task),
                              .states = split.validation_end};
  const auto variables = static_cast<int64_t>(sample.variables.size());
  sample.places_max = std::min(kSampleSeries, kSampleValues / sample.states) / variables;
  SKIPCAST_TRY(judge->sample_, SampledStore::make(store, sample));
  SKIPCAST_TRY(judge->deviation_, deviation_of(*judge->sample_, split));
  return judge;
}

void Judge::add(const Dataset& dataset, const TargetSpace& space, std::span<const int64_t> part,
                Sums& sums) {
  const at::Tensor levels = ((at::arange(kLevels, at::kFloat) + 0.5) / kLevels).view({-1, 1, 1, 1});
  std::vector<int64_t> shape = space.scale.sizes().vec();
  shape.insert(shape.begin(), kLevels);
  const at::Tensor normal = at::special_ndtri(levels).expand(shape);
  const at::Tensor last = dataset.contexts(part).last;
  for (size_t i = 0; i < part.size(); ++i) {
    const at::Tensor target = space.from_target(normal, last[static_cast<int64_t>(i)]);
    const at::Tensor observed = dataset.observed(part[i]);
    const at::Tensor apart = observed - dataset.denormalise(target, part[i]);
    const at::Tensor loss = at::maximum(levels * apart, (levels - 1) * apart).mean(0) * 2;
    sums.crps += loss.nan_to_num(0).to(at::kDouble).sum(at::IntArrayRef{0, 2});
    sums.count += observed.isnan().logical_not().to(at::kDouble).sum(at::IntArrayRef{0, 2});
  }
}

Result<std::vector<double>> Judge::scores(Task task) const {
  const at::NoGradGuard no_grad;
  task.variables = task.context_variables;
  task.sigma_data = 1;
  SKIPCAST_TRY(const retrieval::Normalizer normalizer,
               retrieval::Normalizer::fit(*sample_, normalizer_options(*sample_, task, split_)));
  SKIPCAST_TRY(const std::unique_ptr<Dataset> dataset, Dataset::load(*sample_, task, normalizer));
  const TargetSpace space = fit_target_space(*dataset, fit_);
  Sums sums{at::zeros_like(deviation_), at::zeros_like(deviation_)};
  for (size_t first = 0; first < judged_.size(); first += kWindowsAtOnce) {
    const size_t count = std::min<size_t>(kWindowsAtOnce, judged_.size() - first);
    add(*dataset, space, std::span(judged_).subspan(first, count), sums);
  }
  const at::Tensor scores = (sums.crps / sums.count.clamp_min(1) / deviation_).contiguous();
  const double* values = scores.const_data_ptr<double>();
  return std::vector<double>(values, values + scores.numel());
}

// Of the targets, which come first.
double mean_of_targets(const Task& task, const std::vector<double>& scores) {
  double sum = 0;
  for (size_t i = 0; i < task.variables.size(); ++i) sum += scores[i];
  return sum / static_cast<double>(task.variables.size());
}

// A choice and, for people, its score and those of the best of each other kind.
struct Chosen {
  BaseChoice base;
  double score = 0;
  std::string line;
};

// The candidate that is best by the margin: one that comes later has to earn it.
Result<Chosen> choose_base(const Judge& judge, Task task, const std::vector<BaseChoice>& bases) {
  std::optional<Chosen> chosen;
  std::vector<std::pair<BaseChoice, double>> best_of_kind;
  for (const BaseChoice& base : bases) {
    task.base = base.base;
    task.base_smoothing = base.smoothing;
    SKIPCAST_TRY(const std::vector<double> scores, judge.scores(task));
    const double score = mean_of_targets(task, scores);
    if (!chosen || score < chosen->score * (1 - kBaseMargin)) chosen = Chosen{base, score, ""};
    if (best_of_kind.empty() || best_of_kind.back().first.base != base.base) {
      best_of_kind.emplace_back(base, score);
    } else if (score < best_of_kind.back().second) {
      best_of_kind.back() = {base, score};
    }
  }
  std::vector<std::string> others;
  for (const auto& [base, score] : best_of_kind) {
    if (base.base == chosen->base.base) continue;
    others.push_back(fmt::format("{} {:.3f}", name_of(base), score));
  }
  chosen->line = fmt::format("base: {} (held-out error {:.3f}{}{})", name_of(chosen->base),
                             chosen->score, others.empty() ? "" : "; ", fmt::join(others, ", "));
  return *chosen;
}

// Sets the transform of every variable that knows no values below 0 and has none in the schema.
Status choose_transforms(const Judge& judge, const storage::SeriesStore& store, DataChoices& made) {
  const std::vector<std::string>& names = made.task.context_variables;
  std::vector<size_t> free;
  for (size_t i = 0; i < names.size(); ++i) {
    const auto number = static_cast<size_t>(store.schema().variable_index(names[i]));
    if (store.schema().variables[number].log_transform || !(judge.least()[i] >= 0)) continue;
    free.push_back(i);
  }
  if (free.empty()) return {};
  std::vector<std::vector<double>> scores;  // [transforms, context variables]
  for (const Transform transform :
       {Transform::kIdentity, Transform::kLog, Transform::kSquareRoot}) {
    Task task = made.task;
    for (const size_t i : free) task.transform[names[i]] = transform;
    SKIPCAST_TRY(scores.emplace_back(), judge.scores(std::move(task)));
  }
  for (const size_t i : free) {
    const double none = scores[0][i], log = scores[1][i], root = scores[2][i];
    const bool worth = std::min(log, root) < none * (1 - kTransformMargin);
    const Transform best = !worth       ? Transform::kIdentity
                           : log < root ? Transform::kLog
                                        : Transform::kSquareRoot;
    made.task.transform[names[i]] = best;
    const char* word = !worth ? "none" : retrieval::kTransformWords[static_cast<size_t>(best)];
    made.lines.push_back(fmt::format(
        "transform of {}: {} (held-out error: none {:.3f}, log {:.3f}, square_root {:.3f})",
        names[i], word, none, log, root));
  }
  return {};
}

void set_base(const BaseChoice& base, Task& task) {
  task.base = base.base;
  task.base_smoothing = base.smoothing;
}

}  // namespace

Result<DataChoices> choose_from_data(const storage::SeriesStore& store, const Task& task,
                                     const Split& split) {
  DataChoices made{.task = task, .lines = {}};
  const Task::Automatic automatic = std::exchange(made.task.automatic, {});
  if (automatic.calendar) {
    made.task.calendar = calendar_for(store.schema().axis, split.train_end);
    made.lines.push_back(fmt::format("calendar: {} (by the step, and {:.0f} days of training)",
                                     fmt::join(made.task.calendar, ", "),
                                     days_of(store.schema().axis, split.train_end)));
  }
  if (!automatic.base && !automatic.transform) return made;
  SKIPCAST_TRY(const std::unique_ptr<Judge> judge, Judge::make(store, task, split));
  if (judge == nullptr) return made;
  const std::vector<BaseChoice> bases = bases_for(store, task, split);
  Chosen base;
  if (automatic.base) {
    SKIPCAST_TRY(base, choose_base(*judge, made.task, bases));
    set_base(base.base, made.task);
  }
  if (automatic.transform) {
    SKIPCAST_TRY_OK(choose_transforms(*judge, store, made));
    if (automatic.base && !made.task.transform.empty()) {  // once more, with the transforms
      SKIPCAST_TRY(base, choose_base(*judge, made.task, bases));
      set_base(base.base, made.task);
    }
  }
  if (automatic.base) made.lines.push_back(base.line);
  return made;
}

}  // namespace skipcast::engine
