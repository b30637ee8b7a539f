// Ways to forecast that evaluations and reports compare, and the names they have in tables.
// Plain values and pure functions, thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/settings/forecast_options.h"
#include "engine/settings/policy.h"

namespace skipcast::engine {

struct Candidate {
  enum class Kind {
    kChain,                // options, as Forecaster::forecast
    kPolicy,               // policy, with options' members, seed and archive
    kPersistence,          // the last observation held: one member
    kClimatology,          // slot-of-week mean of the training part: one member
    kClimatologyEnsemble,  // the same slot in the latest earlier weeks, whole futures
    kAnalogRaw,            // futures of analogs by options.start.key, as they were
    kAnalogAligned,        // moved as options.start says
  };
  std::string name;
  Kind kind = Kind::kChain;
  ForecastOptions options;
  Policy policy;
};

// The opponent of every comparison: a cold start of 35 evaluations (Heun, 18 steps).
Candidate cold_reference();
// A cold start of so many evaluations with the default solver. REQUIRES: nfe >= 1.
Candidate cold_start(int64_t nfe);
// A tuned policy; of `request` count members, seed, archive and batch.
Candidate policy_candidate(Policy policy, const ForecastOptions& request = {});
// Any other kind by these options, named after the kind; a chain after its start, key, alignment,
// entry sigma, steps and solver: "analog/forecast/residual s3 x3". REQUIRES: kind != kPolicy.
Candidate candidate_of(Candidate::Kind kind, const ForecastOptions& options);
// The same chain from past futures drawn blindly: what retrieval is worth is the difference.
Candidate blind_control(const ForecastOptions& chain);
// Persistence, climatology, the same slots of past weeks; then, by each key, the analogs as they
// were and aligned.
std::vector<Candidate> baselines_of(const ForecastOptions& options,
                                    const std::vector<KeyKind>& keys);

}  // namespace skipcast::engine
