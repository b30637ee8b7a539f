// The arithmetic of counter-based noise (noise.h), one value at a time: shared by the loops of the
// CPU and the kernels of the GPU, so that both give the same bits. C++17 and nothing of the
// standard library, because nvcc compiles it too. IEEE single precision, + - * / sqrt only: whoever
// includes it forbids contraction (-ffp-contract=off, -fmad=false). Pure functions.
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__CUDACC__)
#define SKIPCAST_ANYWHERE static __host__ __device__ __forceinline__
#else
#define SKIPCAST_ANYWHERE static inline
#endif

namespace skipcast::samplers {

constexpr uint32_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;  // Salmon et al., table 2
constexpr uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
constexpr int kRounds = 10;
constexpr int kLanes = 16;          // blocks of a group, side by side
constexpr int kGroup = 4 * kLanes;  // values of a group

SKIPCAST_ANYWHERE uint32_t low_word(uint64_t value) { return static_cast<uint32_t>(value); }
SKIPCAST_ANYWHERE uint32_t high_word(uint64_t value) { return static_cast<uint32_t>(value >> 32); }

SKIPCAST_ANYWHERE uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

SKIPCAST_ANYWHERE float float_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

struct PhiloxWords {
  uint32_t a, b, c, d;
};

// Philox4x32-10 of a counter's words with a key.
SKIPCAST_ANYWHERE PhiloxWords philox(const PhiloxWords& counter, uint32_t k0, uint32_t k1) {
  uint32_t a = counter.a, b = counter.b, c = counter.c, d = counter.d;
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t p0 = static_cast<uint64_t>(kMultiplier0) * a;
    const uint64_t p1 = static_cast<uint64_t>(kMultiplier1) * c;
    a = high_word(p1) ^ b ^ k0;
    b = low_word(p1);
    c = high_word(p0) ^ d ^ k1;
    d = low_word(p0);
    k0 += kWeyl0;
    k1 += kWeyl1;
  }
  return {a, b, c, d};
}

// -2 ln(u), u in (0, 1]: u = 2^e m with m in [sqrt(1/2), sqrt(2)) and
// ln m = 2 artanh(s), s = (m-1)/(m+1), |s| < 0.172: the series to s^9 errs by 2e-9.
SKIPCAST_ANYWHERE float minus_two_log(float u) {
  constexpr uint32_t kSqrtHalf = 0x3F3504F3;
  const uint32_t shifted = bits_of(u) - kSqrtHalf;
  const auto exponent = static_cast<int32_t>(shifted) >> 23;
  const float m = float_of((shifted & 0x007FFFFFu) + kSqrtHalf);
  const float s = (m - 1.0f) / (m + 1.0f), s2 = s * s;
  const float series = 1.0f + s2 * (1.0f / 3 + s2 * (1.0f / 5 + s2 * (1.0f / 7 + s2 * (1.0f / 9))));
  return -1.38629436f * static_cast<float>(exponent) - 4.0f * s * series;  // 2 ln 2 = 1.386...
}

// Taylor series on [-pi/4, pi/4]: errors below 2e-9.
SKIPCAST_ANYWHERE float sine(float x) {
  const float x2 = x * x;
  return x + x * x2 * (-1.0f / 6 + x2 * (1.0f / 120 + x2 * (-1.0f / 5040 + x2 * (1.0f / 362880))));
}
SKIPCAST_ANYWHERE float cosine(float x) {
  const float x2 = x * x;
  return 1.0f +
         x2 * (-0.5f + x2 * (1.0f / 24 +
                             x2 * (-1.0f / 720 + x2 * (1.0f / 40320 + x2 * (-1.0f / 3628800)))));
}

// Box & Muller 1958: a pair of normal values from a word for the radius and one for the angle.
SKIPCAST_ANYWHERE void box_muller(uint32_t radius_word, uint32_t angle_word, float* first,
                                  float* second) {
  const float u =
      (static_cast<float>(static_cast<int32_t>(radius_word >> 1)) + 0.5f) * 4.656612873077393e-10f;
  const float log_part = minus_two_log(u);
  const float radius = sqrtf(log_part > 0.0f ? log_part : 0.0f);
  constexpr float kHalfPi = 1.57079633f;
  const auto fraction = static_cast<int32_t>(angle_word << 2);  // of a quarter turn, 2^-32
  const float angle = static_cast<float>(fraction) * 2.3283064365386963e-10f * kHalfPi;
  const float c = cosine(angle), s = sine(angle);
  const bool odd = (angle_word >> 30) & 1;  // turn by 90 degrees
  const float sign = (angle_word >> 31) ? -radius : radius;
  *first = sign * (odd ? s : c);
  *second = sign * (odd ? -c : s);
}

// The stream of normal values of one member.
struct MemberStream {
  uint32_t key0, key1;
  uint64_t member;
};

// Blocks that hold `count` values of a stream, whole groups of them.
SKIPCAST_ANYWHERE int64_t blocks_for(int64_t count) {
  return (count + kGroup - 1) / kGroup * kLanes;
}

// put(element, value) for the up to four of the stream's first `count` values that lie in a block:
// element 64 (block / 16) + block % 16 + 16 i is the block's i-th.
template <typename Put>
SKIPCAST_ANYWHERE void put_block(const MemberStream& stream, int64_t block, int64_t count,
                                 const Put& put) {
  const auto number = static_cast<uint64_t>(block);
  const PhiloxWords words = philox(
      {low_word(number), high_word(number), low_word(stream.member), high_word(stream.member)},
      stream.key0, stream.key1);
  float values[4];
  box_muller(words.a, words.b, values, values + 1);
  box_muller(words.c, words.d, values + 2, values + 3);
  const int64_t first = block / kLanes * kGroup + block % kLanes;
  for (int word = 0; word < 4; ++word) {
    const int64_t element = first + word * kLanes;
    if (element < count) put(element, values[word]);
  }
}

// Where a row's element finds its inputs in AlignedStart's tensors (device_kernels.h).
struct AlignedPointers {
  const float *future, *analog_last, *query_last, *decay, *low, *high, *damping, *scale;
  int64_t state_size;  // V P
  float sigma;
};

// The state at which a member's chain is entered, one element: the analog's future moved by an
// offset that has decayed, kept in a range, taken to target space, and noised. Every operation is
// rounded by itself, in the order of align_offset, clamp, to_target and enter_at.
SKIPCAST_ANYWHERE float entry_value(const AlignedPointers& start, int64_t row, int64_t each,
                                    int64_t element, float eps) {
  const int64_t lead = element / start.state_size, place = element % start.state_size;
  const float last = start.query_last[place];
  const float offset = last - start.analog_last[row * start.state_size + place];
  const float faded = offset * start.decay[lead];
  const float moved = start.future[row * each + element] + faded;
  const float above = moved < start.low[place] ? start.low[place] : moved;
  const float kept = above > start.high[place] ? start.high[place] : above;
  const float damped = start.damping[element] * last;
  const float target = (kept - damped) / start.scale[element];
  const float noise = eps * start.sigma;
  return target + noise;
}

}  // namespace skipcast::samplers
