// Quick validation during training: few-step cold ensembles of a handful of windows, scored.
// Internal to engine; the full scores are scores.h and evaluate.h.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/data/dataset.h"
#include "engine/models/model_file.h"

namespace skipcast::engine {

inline constexpr int64_t kValidationMembers = 8;
inline constexpr int64_t kValidationSteps = 6;

struct ValidationScores {
  double crps = 0;                    // fair, normalised units
  std::vector<double> crps_physical;  // fair, physical units, [V]
  // Mean over variables of crps_physical / the observations' mean absolute deviation: what is
  // minimised, because users read physical units and log-space scores may fall while those rise.
  double score = 0;
  double spread_skill = 0;  // normalised units
};

// 8 members by DPM-Solver++(2M) with 6 evaluations from sigma_max, noise keyed by the task's seed
// and the origin: the same network gives the same scores.
ValidationScores validate(const ModelParts& parts, const Dataset& dataset,
                          std::span<const int64_t> origins);

// crps_physical and score of other ensembles: members [M, T_out, V, P] in physical units, M >= 2,
// on the CPU, for an origin.
ValidationScores score_ensembles(const Dataset& dataset, std::span<const int64_t> origins,
                                 const std::function<at::Tensor(int64_t)>& members);

// Those of climatology: up to 16 futures of the training part that began at the origin's slot of
// the week (retrieval/scaling/slots.h), the latest ones; where it has not seen four, at the
// origin's slot of the day, or else at any time.
ValidationScores validate_climatology(const Dataset& dataset, const Split& split,
                                      std::span<const int64_t> origins);

}  // namespace skipcast::engine
