// Built with -ffp-contract=off: a fused multiply-add would change bits between machines. The loops
// over lanes are written so that compilers vectorise them; all lanes do the same IEEE operations.
#include "samplers/noise.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <vector>

#include "samplers/device_kernels.h"
#include "samplers/noise_math.h"

namespace skipcast::samplers {
namespace {

struct Stream {
  std::array<uint32_t, 2> key;
  uint64_t member;
};

// Keys of the streams of (seed, query, step): words 0, 1 for normal values, 2, 3 for integers.
std::array<uint32_t, 4> stream_keys(const NoiseKey& key) {
  const auto query = static_cast<uint64_t>(key.query), step = static_cast<uint64_t>(key.step);
  return philox4x32({low_word(query), high_word(query), low_word(step), high_word(step)},
                    {low_word(key.seed), high_word(key.seed)});
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
      const PhiloxWords words = philox(
          {low_word(block), high_word(block), low_word(stream.member), high_word(stream.member)},
          stream.key[0], stream.key[1]);
      w0[lane] = words.a, w1[lane] = words.b, w2[lane] = words.c, w3[lane] = words.d;
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
  const PhiloxWords words =
      philox({counter[0], counter[1], counter[2], counter[3]}, key[0], key[1]);
  return {words.a, words.b, words.c, words.d};
}

std::array<uint32_t, 2> stream_key(const NoiseKey& key) {
  const auto keys = stream_keys(key);
  return {keys[0], keys[1]};
}

void fill_gaussian(const NoiseKey& key, std::span<float> out) {
  const auto count = static_cast<int64_t>(out.size());
  const Stream stream = {stream_key(key), static_cast<uint64_t>(key.member)};
  const int64_t whole = count / kGroup, rest = count % kGroup;
  fill_groups(stream, 0, whole, out.data());
  if (rest == 0) return;
  std::array<float, kGroup> last;
  fill_groups(stream, whole, 1, last.data());
  std::copy_n(last.begin(), rest, out.end() - rest);
}

at::Tensor gaussian(uint64_t seed, int64_t query, std::span<const int64_t> members, int64_t step,
                    const NoiseShape& wanted) {
  const at::IntArrayRef shape = wanted.sizes;
  const at::Device device = wanted.device;
  std::vector<int64_t> sizes = {static_cast<int64_t>(members.size())};
  sizes.insert(sizes.end(), shape.begin(), shape.end());
  if (device.is_cuda() && has_device_kernels()) {
    return gaussian_on_device(stream_key({seed, query, 0, step}), members, sizes, device);
  }
  at::Tensor noise = at::empty(sizes, at::kFloat);
  const auto each = static_cast<size_t>(c10::multiply_integers(shape));
  float* values = noise.mutable_data_ptr<float>();
  for (size_t row = 0; row < members.size(); ++row) {
    fill_gaussian({seed, query, members[row], step}, {values + row * each, each});
  }
  return noise.to(device);
}

uint64_t uniform_index(const NoiseKey& key, uint64_t bound) {
  TORCH_CHECK(bound >= 1, "uniform_index needs a bound of at least 1");
  const auto keys = stream_keys(key);
  const auto member = static_cast<uint64_t>(key.member);
  const uint64_t rejected = (0 - bound) % bound;  // 2^64 mod bound low values would be unfair
  for (uint32_t attempt = 0;; ++attempt) {
    const auto words =
        philox4x32({attempt, 0, low_word(member), high_word(member)}, {keys[2], keys[3]});
    const uint64_t draw = (static_cast<uint64_t>(words[1]) << 32) | words[0];
    if (draw >= rejected) return draw % bound;
  }
}

}  // namespace skipcast::samplers
