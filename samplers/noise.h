// Counter-based standard normal noise: the same bits for any batch size, thread count, process
// split or resume, because every value is a pure function of (seed, query, member, step, element).
//
// Philox4x32-10 (Salmon et al., SC'11, "Parallel random numbers: as easy as 1, 2, 3") and a
// Box-Muller transform whose log, sine and cosine are evaluated with our own polynomials in IEEE
// single or double arithmetic (+ - * / sqrt only, no contraction), so that another device can
// reproduce the bits. Pure functions, thread-safe.
//
// Where the bits come from: (seed, query, step) make a stream key by one Philox call; the counter
// of a stream is (block, member). Elements go in groups of 64 made of 16 blocks of 4 words:
// element e is word (e / 16) % 4 of block 16 (e / 64) + e % 16. Words 0, 1 and words 2, 3 of a
// block are one Box-Muller pair each: radius from the first (31 bits: |z| <= 6.66), angle from the
// second (2 bits of quadrant, 30 bits in it). A shorter fill is a prefix of a longer one.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

namespace skipcast::samplers {

struct NoiseKey {
  uint64_t seed = 0;
  int64_t query = 0;  // the query's origin time in UTC seconds: stable when an archive grows
  int64_t member = 0;
  int64_t step = 0;  // 0 = the start; 1.. = solver steps that draw noise
};

// Ten rounds of Philox4x32: a bijection of the counter for every key.
std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

// The key of the stream of normal values of (seed, query, step), whatever the member.
std::array<uint32_t, 2> stream_key(const NoiseKey& key);

// Standard normal values of one member into `out`, element 0 first.
void fill_gaussian(const NoiseKey& key, std::span<float> out);

// The sizes of a member's noise, and where it is wanted. Refers to them.
struct NoiseShape {
  NoiseShape(at::IntArrayRef of, at::Device on = at::kCPU) : sizes(of), device(on) {}
  NoiseShape(const std::vector<int64_t>& of, at::Device on = at::kCPU) : sizes(of), device(on) {}
  NoiseShape(std::initializer_list<int64_t> of) : sizes(of) {}

  at::IntArrayRef sizes;
  at::Device device = at::kCPU;
};

// float32 tensor [members.size(), sizes...] on the device; row i is fill_gaussian of members[i],
// the same bits on every device: made there by a kernel where this build has one, else copied.
at::Tensor gaussian(uint64_t seed, int64_t query, std::span<const int64_t> members, int64_t step,
                    const NoiseShape& wanted);

// Uniform integers in [0, bound) keyed the same way (blind choice of a past window), independent
// of the normal values of the same key. Exact, by rejection. REQUIRES bound >= 1.
uint64_t uniform_index(const NoiseKey& key, uint64_t bound);

}  // namespace skipcast::samplers
