#include "engine/evaluation/candidates.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "engine/forecast/start_table.h"
#include "storage/status.h"

namespace skipcast::engine {
namespace {

using Kind = Candidate::Kind;

constexpr int64_t kReferenceSteps = 18;  // of Heun: 35 evaluations

// " guided 0.1 inflated 0.9/1.2".
std::string changes_of(const ForecastOptions& options) {
  std::string text;
  if (options.guidance > 0) text += fmt::format(" guided {:g}", options.guidance);
  if (!options.inflation.empty()) {
    text += fmt::format(" inflated {:g}", fmt::join(options.inflation, "/"));
  }
  return text;
}

std::string chain_name(const ForecastOptions& options) {
  std::string name = word(options.start.kind);
  if (is_retrieved(options.start.kind)) {
    const bool mixed = options.start.key == KeyKind::kMixed;
    name += fmt::format("/{}", word(options.start.key));
    if (mixed) name += fmt::format(" {:g}", options.start.key_mix);
    name += fmt::format("/{}", word(options.start.alignment));
  }
  if (options.steps == 0) return name + ", no chain" + changes_of(options);
  if (options.depth.entry_sigma) name += fmt::format(" s{:g}", *options.depth.entry_sigma);
  if (options.depth.skip_steps) name += fmt::format(" after {} of", *options.depth.skip_steps);
  name += fmt::format(" x{}", options.steps);
  if (options.solver != "dpmpp_2m") name += " " + options.solver;
  if (options.noise_amount) name += fmt::format(" noise {:g}", *options.noise_amount);
  return name + changes_of(options);
}

std::string name_of(Kind kind, const ForecastOptions& options) {
  switch (kind) {
    case Kind::kPersistence:
      return "persistence";
    case Kind::kClimatology:
      return "climatology";
    case Kind::kClimatologyEnsemble:
      return "climatology ensemble";
    case Kind::kAnalogRaw:
      return fmt::format("analogs raw, {}", word(options.start.key));
    case Kind::kAnalogAligned:
      return fmt::format("analogs aligned, {}", word(options.start.key));
    case Kind::kChain:
    case Kind::kPolicy:
      break;
  }
  SKIPCAST_CHECK(kind == Kind::kChain);
  return chain_name(options);
}

}  // namespace

Candidate cold_reference() {
  Candidate candidate = {.name = "cold heun 35"};
  candidate.options.start.kind = StartKind::kCold;
  candidate.options.solver = "heun";
  candidate.options.steps = kReferenceSteps;
  return candidate;
}

Candidate cold_start(int64_t nfe) {
  SKIPCAST_CHECK(nfe >= 1);
  ForecastOptions options = {{.steps = nfe}};
  options.start.kind = StartKind::kCold;
  return candidate_of(Kind::kChain, options);
}

Candidate policy_candidate(Policy policy, const ForecastOptions& request) {
  return {.name = "policy " + policy.name,
          .kind = Kind::kPolicy,
          .options = request,
          .policy = std::move(policy)};
}

Candidate candidate_of(Kind kind, const ForecastOptions& options) {
  return {.name = name_of(kind, options), .kind = kind, .options = options};
}

Candidate blind_control(const ForecastOptions& chain) {
  ForecastOptions options = chain;
  options.start.kind = StartKind::kRandom;
  return candidate_of(Kind::kChain, options);
}

std::vector<Candidate> baselines_of(const ForecastOptions& options,
                                    const std::vector<KeyKind>& keys) {
  std::vector<Candidate> all;
  for (const Kind kind : {Kind::kPersistence, Kind::kClimatology, Kind::kClimatologyEnsemble}) {
    all.push_back(candidate_of(kind, options));
  }
  for (const KeyKind key : keys) {
    ForecastOptions by_key = options;
    by_key.start.key = key;
    all.push_back(candidate_of(Kind::kAnalogRaw, by_key));
    all.push_back(candidate_of(Kind::kAnalogAligned, by_key));
  }
  return all;
}

}  // namespace skipcast::engine
