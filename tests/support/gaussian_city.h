// A city whose law is known: places with independent AR(1) series, and the model that knows it.
// Marginals of the exact forecast are normal, so scores have closed forms.
#pragma once

#include <ATen/ATen.h>

#include <atomic>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "engine/forecast/forecaster.h"
#include "engine/models/model.h"
#include "samplers/noise.h"
#include "tests/support/memory_store.h"

namespace skipcast::tests {

inline constexpr double kRho = 0.9;  // of one step

// states x places values of x' = rho x + sqrt(1 - rho^2) e, standard normal marginals.
inline std::vector<float> ar1_values(int64_t states, int64_t places, uint64_t seed = 7) {
  std::vector<float> noise(static_cast<size_t>(states * places));
  samplers::fill_gaussian({.seed = seed}, noise);
  const auto kick = static_cast<float>(std::sqrt(1 - kRho * kRho));
  for (size_t i = static_cast<size_t>(places); i < noise.size(); ++i) {
    noise[i] = static_cast<float>(kRho) * noise[i - static_cast<size_t>(places)] + kick * noise[i];
  }
  return noise;
}

inline engine::Task ar1_task() {
  engine::Task task;
  task.name = "ar";
  task.variables = {"a"};
  task.context_variables = {"a"};
  task.spec = {.context_states = 4, .future_states = 3};
  task.calendar = {"hour_of_day"};
  return task;
}

// Target space: y = future - rho^l last, so y ~ N((rho^l - 1) base / scale, (1 - rho^2l) / scale^2)
// in normalised units, and the ideal denoiser is linear. Counts what it is asked.
class GaussianModel final : public engine::Model {
 public:
  GaussianModel(retrieval::Normalizer normalizer, const engine::Split& split,
                engine::Task task = ar1_task())
      : task_(std::move(task)), split_(split), normalizer_(std::move(normalizer)) {
    const int64_t leads = task_.spec.future_states, places = normalizer_.places();
    decay_ = at::empty({leads, 1, 1});
    mean_ = at::empty({leads, 1, places});
    variance_ = at::empty({leads, 1, places});
    for (int64_t l = 0; l < leads; ++l) {
      const double rho = std::pow(kRho, static_cast<double>(l + 1));
      decay_[l].fill_(rho);
      for (int64_t p = 0; p < places; ++p) {
        const auto at = static_cast<size_t>(p);
        const double scale = normalizer_.scale()[at];
        mean_[l][0][p] = (rho - 1) * normalizer_.base()[at] / scale;
        variance_[l][0][p] = (1 - rho * rho) / (scale * scale);
      }
    }
  }

  samplers::Denoiser condition(const engine::ContextBatch&) const override {
    ++conditions;
    return [this](const at::Tensor& x, double sigma) {
      evaluations += x.size(0);
      const double noise = sigma * sigma;
      return (variance_ * x + noise * mean_) / (variance_ + noise);
    };
  }

  bool can(std::string_view ability) const override {
    return (ability == engine::kGradients && gradients) ||
           (ability == engine::kMomentHeads && moments);
  }
  samplers::TensorDenoiser differentiable(const engine::ContextBatch&) const override {
    return [this](const at::Tensor& x, const at::Tensor& sigma) {
      const at::Tensor noise = sigma.square();
      return (variance_ * x + noise * mean_) / (variance_ + noise);
    };
  }
  samplers::MomentDenoiser condition_moments(const engine::ContextBatch& context) const override {
    return [this, denoise = condition(context)](const at::Tensor& x,
                                                double sigma) -> samplers::Moments {
      const double noise = sigma * sigma;
      const at::Tensor second = (variance_ * noise / (variance_ + noise)).expand_as(x);
      return {denoise(x, sigma), second, at::zeros_like(x)};
    };
  }

  at::Tensor mean_forecast(const engine::ContextBatch& contexts) const override {
    mean_forecasts += contexts.last.size(0);
    const double noise = task_.schedule.sigma_max * task_.schedule.sigma_max;
    return noise * mean_ / (variance_ + noise) + decay_ * contexts.last.unsqueeze(1);
  }

  std::vector<int64_t> state_shape() const override { return mean_.sizes().vec(); }
  at::Tensor to_target(const at::Tensor& normalised, const at::Tensor& last) const override {
    return normalised - decay_ * last.unsqueeze(-3);
  }
  at::Tensor from_target(const at::Tensor& target, const at::Tensor& last) const override {
    return target + decay_ * last.unsqueeze(-3);
  }

  const engine::Task& task() const override { return task_; }
  const engine::Split& split() const override { return split_; }
  const retrieval::Normalizer& normalizer() const override { return normalizer_; }
  std::string fingerprint() const override { return "00000000000000a1"; }
  int64_t parameters() const override { return 0; }

  const at::Tensor& variance() const { return variance_; }

  bool gradients = true, moments = true;
  mutable std::atomic<int64_t> conditions = 0, evaluations = 0, mean_forecasts = 0;

 private:
  engine::Task task_;
  engine::Split split_;
  retrieval::Normalizer normalizer_;
  at::Tensor decay_, mean_, variance_;
};

// The model of a store whose training part is its first `train_states`.
inline std::shared_ptr<GaussianModel> gaussian_model(const storage::SeriesStore& store,
                                                     const engine::Split& split) {
  auto normalizer =
      retrieval::Normalizer::fit(store, {.variables = {0}, .train_states = split.train_end});
  SKIPCAST_CHECK(normalizer.ok());
  return std::make_shared<GaussianModel>(std::move(normalizer).value(), split);
}

inline MemoryStore ar1_store(int64_t states, int64_t places = 2) {
  return MemoryStore(memory_schema(1, static_cast<int>(places)), ar1_values(states, places));
}

}  // namespace skipcast::tests
