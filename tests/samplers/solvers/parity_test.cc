// Parity with the constants that the unit tests of Hugging Face diffusers assert for its schedulers
// (METHODS section 5): a deterministic dummy model, elementwise, in float64. Variance-preserving
// (VP) cases run in EDM coordinates: x_vp = alpha x, alpha = 1 / sqrt(1 + sigma^2).
// Not here: thresholding, PNDM, LCM (no features of ours), and DDIM's final level equal
// to its last one (no step in sigma).
#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "samplers/precondition.h"
#include "samplers/schedule.h"
#include "samplers/solvers/solvers.h"
#include "tests/support/torch_doctest.h"

using namespace skipcast::samplers;

namespace {

at::Tensor sample() { return at::arange(768, at::kDouble) / 768; }
at::Tensor reversed() { return sample().flip(0); }
at::Tensor dummy_model(const at::Tensor& x, double t) { return x * (t / (t + 1)); }

double mean_magnitude(const at::Tensor& x) { return x.abs().mean().item<double>(); }
double sum_magnitude(const at::Tensor& x) { return x.abs().sum().item<double>(); }

enum class Predicts { kNoise, kVelocity };

// The sigmas of VP timesteps with betas rising linearly from beta_first to .02.
std::vector<double> vp_sigmas(double beta_first = 1e-4, int count = 1000) {
  std::vector<double> sigmas;
  double product = 1;
  for (int t = 0; t < count; ++t) {
    product *= 1 - (beta_first + (0.02 - beta_first) * t / (count - 1));
    sigmas.push_back(std::sqrt((1 - product) / product));
  }
  return sigmas;
}

double alpha(double sigma) { return 1 / std::sqrt(1 + sigma * sigma); }

// A VP model as a denoiser of EDM coordinates; `times` maps the levels used to timesteps.
struct VpModel {
  std::map<double, double> times;
  Predicts predicts = Predicts::kNoise;

  at::Tensor operator()(const at::Tensor& x, double sigma) const {
    const double a = alpha(sigma);
    const at::Tensor x_vp = x * a, output = dummy_model(x_vp, times.at(sigma));
    if (predicts == Predicts::kVelocity) return x_vp * a - output * (sigma * a);
    return (x_vp - output * (sigma * a)) / a;
  }
};

// DPM-Solver's ten steps: a timestep for every level but the last.
struct VpChain {
  std::vector<double> sigmas;
  VpModel model;
};

VpChain dpm_chain(Predicts predicts, int count = 1000) {
  const auto levels = vp_sigmas(1e-4, count);
  VpChain chain{.model = {.predicts = predicts}};
  for (int i = 10; i >= 1; --i) {
    const double t = std::nearbyint((count - 1.0) * i / 10);
    chain.sigmas.push_back(levels[static_cast<size_t>(t)]);
    chain.model.times[chain.sigmas.back()] = t;
  }
  chain.sigmas.push_back(levels.front());
  return chain;
}

// Karras' levels; timesteps by interpolation in log sigma, rounded.
VpChain dpm_karras_chain(Predicts predicts) {
  const auto levels = vp_sigmas();
  VpChain chain{.model = {.predicts = predicts}};
  chain.sigmas = karras(10, {.sigma_min = levels.front(), .sigma_max = levels.back()});
  chain.sigmas.pop_back();  // the last level is the smallest sigma itself: no step
  for (const double sigma : chain.sigmas) {
    const auto above = std::lower_bound(levels.begin() + 1, levels.end() - 1, sigma);
    const double low = std::log(*(above - 1)), high = std::log(*above);
    const double part = std::clamp((std::log(sigma) - low) / (high - low), 0.0, 1.0);
    const auto below = static_cast<double>(above - 1 - levels.begin());
    chain.model.times[sigma] = std::nearbyint(below + part);
  }
  return chain;
}

at::Tensor run_vp(OdeSolver solve, const VpChain& chain, const at::Tensor& x_vp, size_t first = 0) {
  const auto tail = std::span(chain.sigmas).subspan(first);
  const at::Tensor x = solve(std::cref(chain.model), x_vp / alpha(tail.front()), tail);
  return x * alpha(tail.back());
}

// Entered at a step: the sample with that level's noise, and the rest of the chain.
at::Tensor enter_vp(OdeSolver solve, const VpChain& chain, size_t first) {
  const double sigma = chain.sigmas[first];
  return run_vp(solve, chain, (sample() + reversed() * sigma) * alpha(sigma), first);
}

// DDIM's leading timesteps 900, 800, .. 0, then clean data. The reference clips the clean estimate
// to [-1, 1] but keeps the noise estimate of the unclipped one: x' = clip(y) + sigma' eps. The
// denoiser that makes Euler's convex combination do so knows the next level.
struct DdimChain {
  std::vector<double> sigmas;
  VpModel model;

  at::Tensor operator()(const at::Tensor& x, double sigma) const {
    const at::Tensor clean = model(x, sigma);
    const double next = *(std::find(sigmas.begin(), sigmas.end(), sigma) + 1);
    return (clean.clamp(-1, 1) - clean * (next / sigma)) / (1 - next / sigma);
  }
};

DdimChain ddim_chain(Predicts predicts, double beta_first = 1e-4) {
  const auto levels = vp_sigmas(beta_first);
  DdimChain chain{.model = {.predicts = predicts}};
  for (int t = 900; t >= 0; t -= 100) {
    chain.sigmas.push_back(levels[static_cast<size_t>(t)]);
    chain.model.times[chain.sigmas.back()] = t;
  }
  chain.sigmas.push_back(0);
  return chain;
}

// DDIM's x' in EDM coordinates is clip(y) + sigma' eps with eps of VP; the wrapper's algebra needs
// (x - y) / sigma = eps, which holds for both predictions.
at::Tensor run_ddim(const DdimChain& chain, const at::Tensor& x_vp, size_t first = 0) {
  const auto tail = std::span(chain.sigmas).subspan(first);
  return euler(std::cref(chain), x_vp / alpha(tail.front()), tail);
}

// EDM schedulers: sigma_data 0.5, the network sees c_noise as its time.
struct EdmModel {
  bool scale_input = true;
  Predicts predicts = Predicts::kNoise;

  at::Tensor operator()(const at::Tensor& x, double sigma) const {
    const Scalings s = edm_scalings(sigma, 0.5);
    const at::Tensor output = dummy_model(scale_input ? x * s.c_in : x, s.c_noise);
    return x * s.c_skip + output * (predicts == Predicts::kVelocity ? -s.c_out : s.c_out);
  }
};

std::vector<double> edm_levels() {
  auto sigmas = karras(10, {});
  sigmas.pop_back();  // the reference repeats sigma_min: no step
  return sigmas;
}

}  // namespace

TEST_CASE("Parity, EDM: Euler") {
  const at::Tensor x = euler(EdmModel{}, sample() * std::sqrt(80.0 * 80.0 + 1), karras(10, {}));
  CHECK(std::abs(sum_magnitude(x) - 34.1855) < 1e-3);
  CHECK(std::abs(mean_magnitude(x) - 0.044) < 1e-3);
}

TEST_CASE("Parity, EDM: DPM-Solver++(2M)") {
  const at::Tensor x = dpmpp_2m(EdmModel{.scale_input = false}, sample(), edm_levels());
  CHECK(std::abs(mean_magnitude(x) - 1e-4) < 1e-3);
  const EdmModel velocity{.scale_input = false, .predicts = Predicts::kVelocity};
  CHECK(std::abs(mean_magnitude(dpmpp_2m(velocity, sample(), edm_levels())) - 0.0092) < 1e-3);
}

TEST_CASE("Parity, EDM: DPM-Solver++(2M) entered at level 5 of 10") {
  const auto sigmas = edm_levels();
  const auto tail = std::span(sigmas).subspan(5);
  const at::Tensor noisy = sample() + reversed() * tail.front();
  const at::Tensor x = dpmpp_2m(EdmModel{.scale_input = false}, noisy, tail);
  CHECK(std::abs(sum_magnitude(x) - 8.1661) < 1e-2);
  CHECK(std::abs(mean_magnitude(x) - 0.0106) < 1e-3);
}

TEST_CASE("Parity, VP: DPM-Solver++(2M) with noise, velocity and Karras levels") {
  const auto noise = dpm_chain(Predicts::kNoise), velocity = dpm_chain(Predicts::kVelocity);
  CHECK(std::abs(mean_magnitude(run_vp(dpmpp_2m, noise, sample())) - 0.3301) < 1e-4);
  CHECK(std::abs(mean_magnitude(run_vp(dpmpp_2m, velocity, sample())) - 0.2251) < 1e-4);
  const auto levels = dpm_karras_chain(Predicts::kVelocity);
  // The reference's own tolerance; the formulas give 0.2092 whether timesteps are rounded or not.
  CHECK(std::abs(mean_magnitude(run_vp(dpmpp_2m, levels, sample())) - 0.2096) < 1e-3);
}

TEST_CASE("Parity, VP: DPM-Solver++(2M) entered at step 5 of 10") {
  const at::Tensor x = enter_vp(dpmpp_2m, dpm_chain(Predicts::kNoise), 5);
  CHECK(std::abs(sum_magnitude(x) - 318.4111) < 1e-2);
  CHECK(std::abs(mean_magnitude(x) - 0.4146) < 1e-4);
}

TEST_CASE("Parity, VP: DPM-Solver++(2S) on a grid of starts and middles") {
  const auto chain = dpm_chain(Predicts::kNoise);
  const at::Tensor x = run_vp(dpmpp_2s_through, chain, sample());
  CHECK(std::abs(mean_magnitude(x) - 0.2791) < 1e-4);

  // Entered at step 5, the reference takes it alone, at first order; pairs follow.
  const double sigma = chain.sigmas[5], next = chain.sigmas[6];
  const at::Tensor noisy = sample() + reversed() * sigma;
  const double first[] = {sigma, next};
  const at::Tensor after = euler(std::cref(chain.model), noisy, first) * alpha(next);
  const at::Tensor end = run_vp(dpmpp_2s_through, chain, after, 6);
  CHECK(std::abs(sum_magnitude(end) - 269.2187) < 1e-2);
  CHECK(std::abs(mean_magnitude(end) - 0.3505) < 1e-4);
}

TEST_CASE("Parity, VP: UniPC with noise, velocity and Karras levels") {
  const auto noise = dpm_chain(Predicts::kNoise), velocity = dpm_chain(Predicts::kVelocity);
  CHECK(std::abs(mean_magnitude(run_vp(unipc_2, noise, sample())) - 0.2464) < 1e-4);
  CHECK(std::abs(mean_magnitude(run_vp(unipc_2, velocity, sample())) - 0.1014) < 1e-4);
  auto levels = dpm_karras_chain(Predicts::kNoise);
  // The reference's last step goes from the smallest sigma to itself: it moves nothing, but what it
  // evaluates corrects the step before.
  levels.sigmas.push_back(levels.sigmas.back() * (1 - 1e-12));
  CHECK(std::abs(mean_magnitude(run_vp(unipc_2, levels, sample())) - 0.2925) < 1e-3);
}

TEST_CASE("Parity, VP: UniPC entered at step 8 of 10") {
  const at::Tensor x = enter_vp(unipc_2, dpm_chain(Predicts::kNoise), 8);
  CHECK(std::abs(sum_magnitude(x) - 315.5757) < 1e-2);
  CHECK(std::abs(mean_magnitude(x) - 0.4109) < 1e-4);
}

TEST_CASE("Parity, DDIM: full chains with clipping") {
  const at::Tensor x = run_ddim(ddim_chain(Predicts::kNoise), sample());
  CHECK(std::abs(sum_magnitude(x) - 172.0067) < 1e-2);
  CHECK(std::abs(mean_magnitude(x) - 0.223967) < 1e-5);
  const at::Tensor velocity = run_ddim(ddim_chain(Predicts::kVelocity), sample());
  CHECK(std::abs(sum_magnitude(velocity) - 52.5302) < 1e-2);
  const at::Tensor steep = run_ddim(ddim_chain(Predicts::kNoise, 0.01), sample());
  CHECK(std::abs(sum_magnitude(steep) - 149.8295) < 1e-2);
}

TEST_CASE("Parity, DDIM: entered at step 8 of 10") {
  const auto chain = ddim_chain(Predicts::kNoise);
  const double sigma = chain.sigmas[8];
  const at::Tensor noisy = (sample() + reversed() * sigma) * alpha(sigma);
  const at::Tensor x = run_ddim(chain, noisy, 8);
  CHECK(std::abs(sum_magnitude(x) - 354.5418) < 1e-2);
  CHECK(std::abs(mean_magnitude(x) - 0.4616) < 1e-4);
}

// 1100 timesteps; tau is 1 at timesteps 200 to 800 and 0 elsewhere; the noise is LibTorch's.
at::Tensor run_sa(Predicts predicts) {
  const auto levels = vp_sigmas(1e-4, 1100);
  const VpChain chain = dpm_chain(predicts, 1100);
  auto generator = at::make_generator<at::CPUGeneratorImpl>(0);
  std::vector<at::Tensor> draws;  // one a step, used or not
  for (int i = 0; i < 10; ++i) {  // the reference's sample is permuted, its noise is not
    const at::Tensor noise = at::randn({4, 3, 8, 8}, generator, at::kFloat);
    draws.push_back(noise.permute({1, 2, 3, 0}).reshape(768).to(at::kDouble));
  }
  const auto draw = [&draws](int64_t n) { return draws[static_cast<size_t>(n - 1)]; };
  const SaOptions options = {.low = levels[200], .high = levels[800], .leading_term = true};
  const double first = chain.sigmas.front(), last = chain.sigmas.back();
  return sa_solver(std::cref(chain.model), sample() / alpha(first), chain.sigmas, {.draw = draw},
                   options) *
         alpha(last);
}

TEST_CASE("Parity, VP: SA-Solver with noise and velocity prediction") {
  const at::Tensor x = run_sa(Predicts::kNoise);
  CHECK(std::abs(sum_magnitude(x) - 337.3943) < 1e-2);
  CHECK(std::abs(mean_magnitude(x) - 0.4393) < 1e-4);
  CHECK(std::abs(sum_magnitude(run_sa(Predicts::kVelocity)) - 193.1468) < 1e-2);
}
