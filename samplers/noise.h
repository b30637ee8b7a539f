// Counter-based standard normal noise: the same bits for any batch size, thread count, process
// split or resume, because every value is a pure function of (seed, query, member, step, element).
//
// Philox4x32-10 (Salmon et al., SC'11, "Parallel random numbers: as easy as 1, 2, 3") and a
// Box-Muller transform whose log, sine and cosine are evaluated with our own polynomials in IEEE
// single or double arithmetic (+ - * / sqrt only, no contraction), so that another device can
// reproduce the bits. Pure functions, thread-safe.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

namespace skipcast::samplers {

struct NoiseKey {
  uint64_t seed = 0;
  int64_t query = 0;   // the query's origin time in UTC seconds: stable when an archive grows
  int64_t member = 0;
  int64_t step = 0;    // 0 = the start; 1.. = solver steps that draw noise
};

// Standard normal values of one member into `out`, element 0 first.
void fill_gaussian(const NoiseKey& key, std::span<float> out);

// float32 tensor [members.size(), shape...]; row i is fill_gaussian of members[i].
at::Tensor gaussian(uint64_t seed, int64_t query, std::span<const int64_t> members, int64_t step,
                    at::IntArrayRef shape);

// Uniform integers in [0, bound) keyed the same way (blind choice of a past window).
uint64_t uniform_index(const NoiseKey& key, uint64_t bound);

}  // namespace skipcast::samplers
