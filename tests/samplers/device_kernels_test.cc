// The arithmetic of the kernels, without a GPU: what each thread would do, done here thread by
// thread; and that the compiler leaves every operation its own rounding.
#include "samplers/device_kernels.h"

// Before anything else that brings doctest or a CHECK of LibTorch.
#include <ATen/ATen.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <numeric>
#include <sstream>
#include <vector>

#include "samplers/noise.h"
#include "samplers/noise_math.h"
#include "samplers/starts.h"
#include "tests/support/skip.h"
#include "tests/support/torch_doctest.h"

namespace {

using namespace skipcast::samplers;

std::vector<int64_t> numbers(int64_t count) {
  std::vector<int64_t> all(static_cast<size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

at::Tensor random(int64_t stream, at::IntArrayRef shape) {
  const std::vector<int64_t> member = {0};
  return gaussian(3, 4, member, stream, shape)[0].contiguous();
}

// Three members, five lead times, two variables at seven places; some values run into the range.
AlignedStart some_start() {
  const at::Tensor last = random(3, {2, 7});
  return {.future = random(1, {3, 5, 2, 7}),
          .analog_last = random(2, {3, 2, 7}),
          .query_last = last,
          .decay = offset_decay(5, 2.5, at::kFloat),
          .low = at::minimum(last, at::full({2, 7}, -0.7f)),
          .high = at::maximum(last, at::full({2, 7}, 0.9f)),
          .damping = random(5, {5, 2, 7}),
          .scale = random(6, {5, 2, 7}).abs() + 0.1};
}

TEST_CASE("Device kernels: thread by thread, the noise has the bits of the CPU's loops") {
  for (const int64_t count : {1, 15, 16, 17, 63, 64, 65, 500, 1031}) {
    for (const int64_t member : {0, 7, 70000}) {
      const NoiseKey key{.seed = 0xFEDCBA9876543210u, .query = -5, .member = member, .step = 2};
      std::vector<float> expected(static_cast<size_t>(count));
      fill_gaussian(key, expected);
      const auto [key0, key1] = stream_key(key);
      std::vector<float> made(expected.size(), std::numeric_limits<float>::quiet_NaN());
      for (int64_t block = 0; block < blocks_for(count); ++block) {
        const MemberStream stream = {key0, key1, static_cast<uint64_t>(member)};
        put_block(stream, block, count, [&](int64_t element, float value) {
          made[static_cast<size_t>(element)] = value;
        });
      }
      CHECK(made == expected);
    }
  }
}

TEST_CASE("Device kernels: one pass from futures to entry states has the bits of the four steps") {
  const AlignedStart start = some_start();
  const std::vector<int64_t> members = {4, 0, 9};
  for (const double sigma : {0.0, 0.37, 12.0}) {
    const at::Tensor moved = align_offset(start.future, start.analog_last, start.query_last, 2.5);
    const at::Tensor kept = at::clamp(moved, start.low, start.high);
    CHECK_FALSE(at::equal(kept, moved));
    const at::Tensor target = (kept - start.damping * start.query_last) / start.scale;
    const at::Tensor expected = enter_at(target, gaussian(8, 99, members, 0, {5, 2, 7}), sigma);
    CHECK(at::equal(enter_aligned(start, 8, 99, members, sigma), expected));
  }
}

TEST_CASE("Device kernels: tensors of another form are refused") {
  AlignedStart start = some_start();
  const std::vector<int64_t> two = numbers(2), three = numbers(3);
  CHECK_THROWS_AS(enter_aligned(start, 1, 1, two, 1), c10::Error);
  start.low = start.low.to(at::kDouble);
  CHECK_THROWS_AS(enter_aligned(start, 1, 1, three, 1), c10::Error);
  start = some_start();
  start.future = start.future.transpose(1, 3);
  CHECK_THROWS_AS(enter_aligned(start, 1, 1, three, 1), c10::Error);
}

}  // namespace
