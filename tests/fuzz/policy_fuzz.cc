// Policies: the input is the text.
#include <cmath>

#include "engine/settings/policy.h"
#include "tests/fuzz/target.h"

namespace skipcast::fuzz {

using namespace skipcast::engine;

void check_input(std::string_view input) {
  const Result<Policy> policy = policy_from_json(input);
  if (!policy.ok()) {
    const Code code = policy.status().code();
    SKIPCAST_CHECK(code == Code::kBadInput || code == Code::kUnsupported || code == Code::kUsage);
    SKIPCAST_CHECK(policy.status().message().size() > 12);
    return;
  }
  SKIPCAST_CHECK(!policy->bins.empty() && policy->distance_k >= 1);
  SKIPCAST_CHECK(std::isinf(policy->bins.back().distance_max));
  for (size_t i = 1; i < policy->bins.size(); ++i) {
    SKIPCAST_CHECK(policy->bins[i - 1].distance_max < policy->bins[i].distance_max);
  }
  const std::string text = to_json(*policy);
  const Result<Policy> again = policy_from_json(text);
  SKIPCAST_CHECK(again.ok() && to_json(*again) == text);
  for (const double distance : {0.0, 1.5, 1e9}) (void)choose(*policy, distance, {});
}

std::vector<std::string> seed_inputs() {
  Policy policy = {.name = "balanced", .task = "t"};
  policy.archive_id = "00112233445566778899aabbccddeeff";
  policy.model_fingerprint = "model-1";
  policy.validation_crps = 0.25;
  PolicyBin near = {.distance_max = 1.5}, far = {.distance_max = INFINITY};
  near.options.depth.entry_sigma = 0.5;
  far.options.depth.skip_steps = 3;
  far.options.start.decay_tau = INFINITY;
  policy.bins = {near, far};
  Policy smooth = policy;
  smooth.measure = Measure::kDisagreement;
  smooth.depth = {
      .center = 2, .width = 0.5, .shift = 0.1, .slope = -0.3, .sigma_min = 0.02, .sigma_max = 80};
  return {to_json(policy), to_json(smooth)};
}

}  // namespace skipcast::fuzz
