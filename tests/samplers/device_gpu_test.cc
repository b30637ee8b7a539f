// labels: gpu
// The kernels on a GPU against the CPU, bit by bit.
#include <ATen/ATen.h>

#include <numeric>
#include <vector>

#include "samplers/device_kernels.h"
#include "samplers/noise.h"
#include "samplers/starts.h"
#include "tests/support/skip.h"
#include "tests/support/torch_doctest.h"

namespace {

using namespace skipcast::samplers;

const at::Device kGpu(at::kCUDA, 0);

// Says why when there is nothing to run on.
bool can_run() {
  if (!has_device_kernels()) {
    skipcast::tests::skip("this build is for the CPU (preset cuda has the kernels)");
    return false;
  }
  if (!at::hasCUDA()) {
    skipcast::tests::skip("no CUDA device answers");
    return false;
  }
  return true;
}

TEST_CASE("GPU: noise has the CPU's bits for every size, member and draw") {
  if (!can_run()) return;
  std::vector<int64_t> members(33);
  std::iota(members.begin(), members.end(), 5);
  for (const int64_t count : {1, 63, 64, 65, 12345}) {
    for (const int64_t step : {0, 1, 17}) {
      const at::Tensor expected = gaussian(11, -7, members, step, {count});
      const at::Tensor made = gaussian(11, -7, members, step, {at::IntArrayRef(count), kGpu});
      CHECK(made.is_cuda());
      CHECK(at::equal(made.cpu(), expected));
    }
  }
}

TEST_CASE("GPU: entry states have the CPU's bits") {
  if (!can_run()) return;
  std::vector<int64_t> members(16);
  std::iota(members.begin(), members.end(), 0);
  const at::Tensor last = at::randn({2, 50});
  AlignedStart start = {.future = at::randn({16, 12, 2, 50}),
                        .analog_last = at::randn({16, 2, 50}),
                        .query_last = last,
                        .decay = offset_decay(12, 3, at::kFloat),
                        .low = at::minimum(last, at::full({2, 50}, -1.0f)),
                        .high = at::maximum(last, at::full({2, 50}, 1.0f)),
                        .damping = at::rand({12, 2, 50}),
                        .scale = at::rand({12, 2, 50}) + 0.1};
  const at::Tensor expected = enter_aligned(start, 1, 2, members, 3.5);
  for (at::Tensor* each : {&start.future, &start.analog_last, &start.query_last, &start.decay,
                           &start.low, &start.high, &start.damping, &start.scale}) {
    *each = each->to(kGpu);
  }
  CHECK(at::equal(enter_aligned(start, 1, 2, members, 3.5).cpu(), expected));
}

}  // namespace
