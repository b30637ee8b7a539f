#include "engine/training/optimiser.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "storage/files/fingerprint.h"

namespace skipcast::engine {
namespace {

constexpr int64_t kAlign = 16;  // floats: parameters start on cache lines
constexpr double kBeta1 = 0.9, kBeta2 = 0.99, kEpsilon = 1e-8;
constexpr double kFinalFactor = 0.02;

}  // namespace

FlatParameters::FlatParameters(torch::nn::Module& network) {
  int64_t size = 0;
  for (const auto& parameter : network.parameters()) {
    size += (parameter.numel() + kAlign - 1) / kAlign * kAlign;
  }
  const at::TensorOptions there =
      at::TensorOptions(at::kFloat).device(network.parameters().front().device());
  values = at::zeros({size}, there);
  gradients = at::zeros({size}, there);
  decays = at::zeros({size}, there);
  const at::NoGradGuard no_grad;
  std::string names;
  int64_t at = 0;
  for (auto& item : network.named_parameters()) {
    at::Tensor& parameter = item.value();
    const int64_t count = parameter.numel();
    const at::Tensor part = values.narrow(0, at, count);
    part.copy_(parameter.view({count}));
    if (parameter.dim() >= 2) decays.narrow(0, at, count).fill_(1);
    parameter.set_data(part.view_as(parameter));
    parameter.mutable_grad() = gradients.narrow(0, at, count).view_as(parameter);
    this->count += count;
    names += item.key() + " " + c10::str(parameter.sizes()) + "\n";
    at += (count + kAlign - 1) / kAlign * kAlign;
  }
  layout = storage::fingerprint_of(names);
}

FlatParameters::FlatParameters(at::Tensor& parameter, const std::string& what)
    : values(parameter.detach().clone()),
      gradients(at::zeros_like(values)),
      decays(at::zeros_like(values)),
      layout(storage::fingerprint_of(what + " " + c10::str(parameter.sizes()) + "\n")),
      count(parameter.numel()) {
  parameter = values.detach().set_requires_grad(true);
  parameter.mutable_grad() = gradients;
}

Optimiser::Optimiser(const FlatParameters& parameters)
    : first(at::zeros_like(parameters.values)), second(at::zeros_like(parameters.values)) {}

void AdamW::update(FlatParameters& parameters, double learning_rate, double weight_decay,
                   int64_t step) {
  const at::NoGradGuard no_grad;
  const at::Tensor& g = parameters.gradients;
  first.lerp_(g, 1 - kBeta1);
  second.mul_(kBeta2).addcmul_(g, g, 1 - kBeta2);
  const double correction1 = 1 - std::pow(kBeta1, static_cast<double>(step));
  const double correction2 = 1 - std::pow(kBeta2, static_cast<double>(step));
  const at::Tensor denominator = (second / correction2).sqrt_().add_(kEpsilon);
  parameters.values.addcmul_(parameters.values, parameters.decays, -learning_rate * weight_decay);
  parameters.values.addcdiv_(first, denominator, -learning_rate / correction1);
}

double clip_gradient(FlatParameters& parameters, double norm_max) {
  const at::NoGradGuard no_grad;
  const double norm = parameters.gradients.norm().item<double>();
  if (norm > norm_max) parameters.gradients.mul_(norm_max / norm);
  return norm;
}

double learning_rate_factor(const TrainingOptions& options, int64_t step, double fraction) {
  const double warm_up =
      std::min(1.0, static_cast<double>(step + 1) /
                        static_cast<double>(std::max<int64_t>(1, options.warmup_steps)));
  const double cosine = 0.5 * (1 + std::cos(std::numbers::pi * std::clamp(fraction, 0.0, 1.0)));
  return warm_up * (kFinalFactor + (1 - kFinalFactor) * cosine);
}

double ema_decay_at(const TrainingOptions& options, int64_t step) {
  return std::min(options.ema_decay,
                  static_cast<double>(1 + step) / static_cast<double>(10 + step));
}

}  // namespace skipcast::engine
