// The facts that a network sees of a place in place of a learned embedding, so that it can serve
// places that it was not trained on: facts without units, from the training part's statistics
// (which come with every model) and from coordinates. Internal to engine. A pure function,
// thread-safe.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "engine/data/target_space.h"
#include "retrieval/scaling/normalizer.h"
#include "storage/schema/schema.h"

namespace skipcast::engine {

// F, for so many targets.
int64_t place_facts(int64_t variables);

// [P, F] float32 on the CPU. Of every target: its scale relative to the places' geometric mean, its
// level, the size of its cycle (slot climatology) and the cycle's first two harmonics of the day,
// all in units of its scale; damping and scale of the target space at the first, middle and last
// lead time. Then the position east and north of the places' middle, in units of their mean
// distance from it (0 without coordinates).
at::Tensor describe_places(const storage::Places& places, const retrieval::Normalizer& normalizer,
                           const TargetSpace& target);

}  // namespace skipcast::engine
