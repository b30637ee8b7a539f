// Built with -ffp-contract=off: a fused multiply-add would change bits between machines. The loops
// over lanes are written so that compilers vectorise them; all lanes do the same IEEE operations.
#include "samplers/noise.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>

namespace skipcast::samplers {
namespace {

constexpr uint32_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;  // Salmon et al., table 2
constexpr uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
constexpr int kRounds = 10;

constexpr int kLanes = 16;  // blocks computed side by side
constexpr int kGroup = 4 * kLanes;

struct Stream {
  std::array<uint32_t, 2> key;
  uint64_t member;
};

inline uint32_t low(uint64_t value) { return static_cast<uint32_t>(value); }
inline uint32_t high(uint64_t value) { return static_cast<uint32_t>(value >> 32); }

// Keys of the streams of (seed, query, step): words 0, 1 for normal values, 2, 3 for integers.
std::array<uint32_t, 4> stream_keys(const NoiseKey& key) {
  const auto query = static_cast<uint64_t>(key.query), step = static_cast<uint64_t>(key.step);
  return philox4x32({low(query), high(query), low(step), high(step)},
                    {low(key.seed), high(key.seed)});
}

// -2 ln(u), u in (0, 1]: u = 2^e m with m in [sqrt(1/2), sqrt(2)) and
// ln m = 2 artanh(s), s = (m-1)/(m+1), |s| < 0.172: the series to s^9 errs by 2e-9.
inline float minus_two_log(float u) {
  constexpr uint32_t kSqrtHalf = 0x3F3504F3;
  const uint32_t shifted = std::bit_cast<uint32_t>(u) - kSqrtHalf;
  const auto exponent = static_cast<int32_t>(shifted) >> 23;
  const float m = std::bit_cast<float>((shifted & 0x007FFFFFu) + kSqrtHalf);
  const float s = (m - 1.0f) / (m + 1.0f), s2 = s * s;
  const float series = 1.0f + s2 * (1.0f / 3 + s2 * (1.0f / 5 + s2 * (1.0f / 7 + s2 * (1.0f / 9))));
  return -1.38629436f * static_cast<float>(exponent) - 4.0f * s * series;  // 2 ln 2 = 1.386...
}

// Taylor series on [-pi/4, pi/4]: errors below 2e-9.
inline float sine(float x) {
  const float x2 = x * x;
  return x + x * x2 * (-1.0f / 6 + x2 * (1.0f / 120 + x2 * (-1.0f / 5040 + x2 * (1.0f / 362880))));
}
inline float cosine(float x) {
  const float x2 = x * x;
  return 1.0f + x2 * (-0.5f + x2 * (1.0f / 24 + x2 * (-1.0f / 720 + x2 * (1.0f / 40320 +
         x2 * (-1.0f / 3628800)))));
}

// Box & Muller 1958: a pair of normal values from a word for the radius and one for the angle.
inline void box_muller(uint32_t radius_word, uint32_t angle_word, float* first, float* second) {
  const float u = (static_cast<float>(static_cast<int32_t>(radius_word >> 1)) + 0.5f) * 0x1p-31f;
  const float log_part = minus_two_log(u);
  const float radius = std::sqrt(log_part > 0.0f ? log_part : 0.0f);
  constexpr float kHalfPi = 1.57079633f;
  const auto fraction = static_cast<int32_t>(angle_word << 2);  // of a quarter turn, 2^-32
  const float angle = static_cast<float>(fraction) * 0x1p-32f * kHalfPi;
  const float c = cosine(angle), s = sine(angle);
  const bool odd = (angle_word >> 30) & 1;  // turn by 90 degrees
  const float sign = (angle_word >> 31) ? -radius : radius;
  *first = sign * (odd ? s : c);
  *second = sign * (odd ? -c : s);
}

// `groups` groups of 64 normal values from group `first` on: 16 blocks side by side each.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
__attribute__((target_clones("default", "avx2", "arch=x86-64-v4")))
#endif
void fill_groups(const Stream& stream, int64_t first, int64_t groups, float* out) {
  for (int64_t group = first; group < first + groups; ++group, out += kGroup) {
    uint32_t w0[kLanes], w1[kLanes], w2[kLanes], w3[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) {
      const uint64_t block = static_cast<uint64_t>(group) * kLanes + static_cast<uint64_t>(lane);
      uint32_t a = low(block), b = high(block);
      uint32_t c = low(stream.member), d = high(stream.member);
      uint32_t k0 = stream.key[0], k1 = stream.key[1];
      for (int round = 0; round < kRounds; ++round) {
        const uint64_t p0 = static_cast<uint64_t>(kMultiplier0) * a;
        const uint64_t p1 = static_cast<uint64_t>(kMultiplier1) * c;
        a = high(p1) ^ b ^ k0;
        b = low(p1);
        c = high(p0) ^ d ^ k1;
        d = low(p0);
        k0 += kWeyl0;
        k1 += kWeyl1;
      }
      w0[lane] = a, w1[lane] = b, w2[lane] = c, w3[lane] = d;
    }
    for (int lane = 0; lane < kLanes; ++lane) {
      box_muller(w0[lane], w1[lane], out + lane, out + kLanes + lane);
    }
    for (int lane = 0; lane < kLanes; ++lane) {
      box_muller(w2[lane], w3[lane], out + 2 * kLanes + lane, out + 3 * kLanes + lane);
    }
  }
}

}  // namespace

std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t p0 = static_cast<uint64_t>(kMultiplier0) * counter[0];
    const uint64_t p1 = static_cast<uint64_t>(kMultiplier1) * counter[2];
    counter = {high(p1) ^ counter[1] ^ key[0], low(p1), high(p0) ^ counter[3] ^ key[1], low(p0)};
    key = {key[0] + kWeyl0, key[1] + kWeyl1};
  }
  return counter;
}

void fill_gaussian(const NoiseKey& key, std::span<float> out) {
  const auto keys = stream_keys(key);
  const auto count = static_cast<int64_t>(out.size());
  const Stream stream = {{keys[0], keys[1]}, static_cast<uint64_t>(key.member)};
  const int64_t whole = count / kGroup, rest = count % kGroup;
  fill_groups(stream, 0, whole, out.data());
  if (rest == 0) return;
  std::array<float, kGroup> last;
  fill_groups(stream, whole, 1, last.data());
  std::copy_n(last.begin(), rest, out.end() - rest);
}

at::Tensor gaussian(uint64_t seed, int64_t query, std::span<const int64_t> members, int64_t step,
                    at::IntArrayRef shape) {
  std::vector<int64_t> sizes = {static_cast<int64_t>(members.size())};
  sizes.insert(sizes.end(), shape.begin(), shape.end());
  at::Tensor noise = at::empty(sizes, at::kFloat);
  const auto each = static_cast<size_t>(c10::multiply_integers(shape));
  float* values = noise.mutable_data_ptr<float>();
  for (size_t row = 0; row < members.size(); ++row) {
    fill_gaussian({seed, query, members[row], step}, {values + row * each, each});
  }
  return noise;
}

uint64_t uniform_index(const NoiseKey& key, uint64_t bound) {
  TORCH_CHECK(bound >= 1, "uniform_index needs a bound of at least 1");
  const auto keys = stream_keys(key);
  const auto member = static_cast<uint64_t>(key.member);
  const uint64_t rejected = (0 - bound) % bound;  // 2^64 mod bound low values would be unfair
  for (uint32_t attempt = 0;; ++attempt) {
    const auto words = philox4x32({attempt, 0, low(member), high(member)}, {keys[2], keys[3]});
    const uint64_t draw = (static_cast<uint64_t>(words[1]) << 32) | words[0];
    if (draw >= rejected) return draw % bound;
  }
}

}  // namespace skipcast::samplers
