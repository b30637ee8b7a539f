// The statistics behind Normalizer::fit(): two streaming passes over the training part.
#pragma once

#include <cstdint>
#include <vector>

#include "retrieval/scaling/normalizer.h"

namespace skipcast::retrieval {

struct NormalizerStatistics {
  std::vector<Transform> transforms;  // [variables]
  int64_t places = 0, slots = 1;
  std::vector<float> base, scale;  // [variables, slots, places], [variables, places]
};

// Errors as Normalizer::fit() documents.
Result<NormalizerStatistics> fit_statistics(const storage::SeriesStore& store,
                                            const NormalizerOptions& options,
                                            const Progress& progress);

}  // namespace skipcast::retrieval
