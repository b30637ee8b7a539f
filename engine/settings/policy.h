// A policy: a measure of the query's analogs (their distance, or disagreement) -> (start, entry
// sigma, steps, solver), tuned on validation. policies/<name>.json, bound to the archive, model and
// encoder fingerprints; refuses another model. Its key "crc32c" is the checksum of the rest (a
// policy written by hand may go without). Values, thread-safe.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/settings/depth_rule.h"
#include "engine/settings/forecast_options.h"

namespace skipcast::engine {

struct PolicyBin {
  double distance_max = 0;  // queries whose measure is <= this (last bin: infinity)
  Setting options;          // how to forecast
};

// What is to be expected of a policy: how much better it scores than the untuned setting, in
// percent, on validation windows that chose nothing, with the interval that decided.
struct ExpectedGain {
  std::string over;     // the untuned setting, for people
  int64_t windows = 0;  // 0: not known
  double percent = 0, low = 0, high = 0;
};

struct Policy {
  std::string name, task, archive_id, model_fingerprint;
  std::map<std::string, std::string> copies = {};  // fingerprints of the copies in use, by role
  std::string metric_fingerprint = {};  // of the learned metric, when a key is kMetric; else empty
  double validation_crps = 0, validation_energy = 0, mean_nfe = 0;
  ExpectedGain expected = {};
  Measure measure = Measure::kDistance;
  DepthRule depth;         // of the bins that enter mid-chain; off: as they are
  int64_t distance_k = 8;  // nearest analogs that are measured
  KeyKind distance_key = KeyKind::kContext;
  double distance_mix = 0.5;  // of a mixed distance_key
  std::vector<PolicyBin> bins;
};

// How the analogs are found that are measured, under the request's guard.
ForecastOptions distance_options(const Policy& policy, const ForecastRequest& request);

// The same for every query: nothing is measured.
bool is_fixed(const Policy& policy);

// The request with the setting for a query of this measure: its bin's, at the rule's depth.
// REQUIRES a bin.
ForecastOptions choose(const Policy& policy, double measured, const ForecastRequest& request);
// JSON text of a policy and of the settings it chooses; both exact.
std::string to_json(const Policy& policy);
Result<Policy> policy_from_json(std::string_view text);

// The policy in a file; its errors name the file. kNotFound, kBadInput, kUnsupported.
Result<Policy> read_policy(const std::string& path);

// Written to a temporary name and renamed; folders are made. kIo names the file.
Status save(const Policy& policy, const std::string& path);
// Does any of its keys need the learned metric?
bool uses_metric(const Policy& policy);
}  // namespace skipcast::engine
