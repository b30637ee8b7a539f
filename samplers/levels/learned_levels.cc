// Levels by gradient descent through the solver (LD3). The levels are a running softmax of logits
// from the entry down to sigma_min, so that they descend whatever the logits are.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <limits>

#include "samplers/levels/optimised_levels.h"
#include "samplers/solvers/solvers.h"

namespace skipcast::samplers {
namespace {

constexpr double kBeta1 = 0.9, kBeta2 = 0.99, kEpsilon = 1e-8;  // Adam
constexpr double kGapMin = 1e-3;   // the share that any gap gets at least
constexpr double kGapStart = 0.2;  // of an even share, at the beginning

// log sigma of every level, [steps] float64; logits [steps]: the last gap ends at sigma_min.
at::Tensor logs_of(const at::Tensor& logits, double first, double end) {
  const auto steps = static_cast<double>(logits.size(0));
  const at::Tensor gaps = at::softmax(logits, 0) * (1 - kGapMin * steps) + kGapMin;
  const at::Tensor below = at::cumsum(gaps, 0);
  return first + (end - first) * at::cat({at::zeros({1}, at::kDouble), below.slice(0, 0, -1)});
}

// The logits of these levels, but for gaps so small that no gradient would open them (below a last
// level at sigma_min there is none).
at::Tensor logits_of(const std::vector<double>& levels, double sigma_min) {
  const double range = std::log(levels.front() / sigma_min);
  const auto steps = static_cast<int64_t>(levels.size());
  at::Tensor gaps = at::empty({steps}, at::kDouble);
  for (int64_t i = 0; i < steps; ++i) {
    const auto at = static_cast<size_t>(i);
    const double next = i + 1 < steps ? levels[at + 1] : sigma_min;
    gaps[i] = std::log(levels[at] / next) / range;
  }
  return at::log(gaps.clamp_min(kGapStart / static_cast<double>(steps)));
}

// Entries moved towards the teacher, at most `radius` of their noise.
struct Moved {
  at::Tensor shift;  // like the entry

  void follow(const at::Tensor& gradient, double reach) {
    const auto members = gradient.size(0);
    const auto norm = [members](const at::Tensor& x) {
      const at::Tensor rms = x.reshape({members, -1}).square().mean(1).sqrt().clamp_min(1e-12);
      std::vector<int64_t> shape(static_cast<size_t>(x.dim()), 1);
      shape[0] = members;
      return rms.view(shape);
    };
    const at::Tensor stepped = shift - gradient / norm(gradient) * (0.3 * reach);
    shift = stepped * (reach / norm(stepped)).clamp_max(1);
  }
};

class Learner {
 public:
  Learner(const std::vector<double>& initial, double sigma_min, std::span<const TeacherPair> pairs,
          const LearnOptions& options)
      : pairs_(pairs),
        options_(options),
        entry_(initial.front()),
        first_(std::log(entry_)),
        end_(std::log(sigma_min)),
        reach_(options.radius * entry_),
        logits_(logits_of(initial, sigma_min)) {
    for (const TeacherPair& pair : pairs) moved_.push_back({at::zeros_like(pair.entry)});
  }

  // Mean squared distance over all pairs at the levels before this round's steps.
  double round() {
    double sum = 0;
    for (size_t i = 0; i < pairs_.size(); ++i) sum += step(i);
    return sum / static_cast<double>(pairs_.size());
  }

  std::vector<double> levels() const {
    const at::Tensor sigmas = logs_of(logits_, first_, end_).exp();
    const double* data = sigmas.const_data_ptr<double>();
    std::vector<double> out(data, data + sigmas.numel());
    out.front() = entry_;
    return out;
  }

 private:
  double step(size_t number) {
    const TeacherPair& pair = pairs_[number];
    const at::Tensor logits = logits_.detach().clone().requires_grad_(true);
    const at::Tensor entry = (pair.entry + moved_[number].shift).requires_grad_(true);
    const at::Tensor end = dpmpp_2m_tensor(pair.denoise, entry, logs_of(logits, first_, end_));
    const at::Tensor loss = (end - pair.end).square().mean();
    loss.backward();
    adam(logits.grad());
    if (reach_ > 0) moved_[number].follow(entry.grad(), reach_);
    return loss.item<double>();
  }

  void adam(const at::Tensor& gradient) {
    const at::NoGradGuard no_grad;
    if (!mean_.defined()) mean_ = at::zeros_like(gradient), square_ = at::zeros_like(gradient);
    mean_ = mean_ * kBeta1 + gradient * (1 - kBeta1);
    square_ = square_ * kBeta2 + gradient.square() * (1 - kBeta2);
    ++steps_;
    const double one = 1 - std::pow(kBeta1, steps_), two = 1 - std::pow(kBeta2, steps_);
    const at::Tensor size = (square_ / two).sqrt() + kEpsilon;
    logits_ = logits_ - options_.learning_rate * (mean_ / one) / size;
  }

  std::span<const TeacherPair> pairs_;
  const LearnOptions& options_;
  const double entry_, first_, end_, reach_;  // sigma, then its logarithm
  at::Tensor logits_, mean_, square_;
  std::vector<Moved> moved_;
  int64_t steps_ = 0;
};

// Mean squared distance to the teacher of the real solver on real entries.
double distance(const std::vector<double>& levels, std::span<const TeacherPair> pairs) {
  const at::NoGradGuard no_grad;
  const at::Tensor logs = at::tensor(levels, at::kDouble).log();
  double sum = 0;
  for (const TeacherPair& pair : pairs) {
    const at::Tensor end = dpmpp_2m_tensor(pair.denoise, pair.entry, logs);
    sum += (end - pair.end).square().mean().item<double>();
  }
  return sum;
}

}  // namespace

at::Tensor dpmpp_2m_tensor(const TensorDenoiser& denoise, at::Tensor x,
                           const at::Tensor& log_sigmas) {
  const int64_t steps = log_sigmas.size(0);
  at::Tensor previous, previous_h;
  for (int64_t i = 0; i + 1 < steps; ++i) {
    const at::Tensor denoised = denoise(x, log_sigmas[i].exp());
    const at::Tensor h = log_sigmas[i] - log_sigmas[i + 1];
    at::Tensor target = denoised;
    if (previous.defined()) {
      const at::Tensor w = h / (2 * previous_h);
      target = denoised * (1 + w) - previous * w;
    }
    x = x * (-h).exp() - target * at::expm1(-h);
    previous = denoised;
    previous_h = h;
  }
  return denoise(x, log_sigmas[steps - 1].exp());
}

std::vector<double> learned_levels(const std::vector<double>& initial, double sigma_min,
                                   std::span<const TeacherPair> pairs,
                                   const LearnOptions& options) {
  TORCH_CHECK(!pairs.empty(), "learned_levels: no pairs");
  check_sigmas(initial);
  if (initial.size() < 2) return initial;  // the entry alone: nothing to move
  const at::AutoGradMode enabled(true);
  Learner learner(initial, sigma_min, pairs, options);
  std::vector<double> best = initial;
  double best_distance = distance(initial, pairs);
  for (int64_t round = 0; round < options.rounds; ++round) {
    learner.round();
    const std::vector<double> levels = learner.levels();
    const double now = distance(levels, pairs);
    if (now < best_distance) {
      best = levels;
      best_distance = now;
    }
  }
  return best;
}

}  // namespace skipcast::samplers
