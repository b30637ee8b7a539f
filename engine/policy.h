// A policy: a measure of the query's analogs (their distance, or spread) -> (start, entry sigma,
// steps, solver), tuned on validation.
// policies/<name>.json, bound to the archive, model and encoder fingerprints; refuses another
// model. Its key "crc32c" is the checksum of the rest (a policy written by hand may go without).
// Values, thread-safe.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/depth_rule.h"
#include "engine/forecaster.h"

namespace skipcast::engine {

struct PolicyBin {
  double distance_max = 0;  // queries whose measure is <= this (last bin: infinity)
  ForecastOptions options;  // how to forecast (members, seed, archive: the caller's)
};

struct Policy {
  std::string name, task, archive_id, model_fingerprint;
  std::map<std::string, std::string> copies = {};  // fingerprints of the copies in use, by role
  std::string metric_fingerprint = {};  // of the learned metric, when a key is kLearned; else empty
  double validation_crps = 0, validation_energy = 0, mean_nfe = 0;
  Measure measure = Measure::kDistance;
  DepthRule depth;            // of the bins that enter mid-chain; off: as they are
  int64_t distance_k = 8;     // nearest analogs that are measured
  KeyKind distance_key = KeyKind::kContext;
  double distance_mix = 0.5;  // of a mixed distance_key
  std::vector<PolicyBin> bins;
};

// The analogs that are measured; `base`'s archive.
ForecastOptions distance_options(const Policy& policy, const ForecastOptions& base);

// The options for a query of this measure: `base`'s members, seed, archive; the bin's rest, at the
// rule's depth.
ForecastOptions choose(const Policy& policy, double measured, const ForecastOptions& base);
// The same for a query: measured where the policy asks.
Result<ForecastOptions> choose_for(Forecaster& forecaster, const Policy& policy, int64_t origin,
                                   const ForecastOptions& base);

// The forecast a policy asks for: measure, choice, forecast; one timing for all of it.
Result<Forecast> forecast_by(Forecaster& forecaster, const Policy& policy, int64_t origin,
                             const ForecastOptions& base);

// Sets `copies` to what the bins need of the model's. REQUIRES that it has them.
void bind_copies(const Model& model, Policy& policy);

// JSON text of a policy and of the options it chooses; both exact.
std::string to_json(const Policy& policy);
Result<Policy> policy_from_json(std::string_view text);

// The policy in a file; its errors name the file. kNotFound, kBadInput, kUnsupported.
Result<Policy> read_policy(const std::string& path);

// Written to a temporary name and renamed; folders are made. kIo names the file.
Status save(const Policy& policy, const std::string& path);
// Does any of its keys need the learned metric?
bool uses_metric(const Policy& policy);
// kRefused when made for another archive, model or learned metric; kNotFound lists the policies
// there are.
Result<Policy> load_policy(const Forecaster& forecaster, const std::string& name_or_path);

}  // namespace skipcast::engine
