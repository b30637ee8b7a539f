// Built with -ffp-contract=off, as noise.cc.
#include "samplers/device_kernels.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/tensor.h>
#include <c10/util/Exception.h>

#include <vector>

#include "samplers/device_launch.h"
#include "samplers/noise.h"
#include "samplers/noise_math.h"

#ifdef SKIPCAST_WITH_CUDA
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#endif

namespace skipcast::samplers {
namespace {

void check_start(const AlignedStart& start, std::span<const int64_t> members) {
  TORCH_CHECK(start.future.dim() == 4 && start.analog_last.dim() == 3,
              "enter_aligned takes futures [M, T, V, P] and last observations [M, V, P]");
  TORCH_CHECK(start.future.size(0) == static_cast<int64_t>(members.size()),
              "enter_aligned: one future a member");
  for (const at::Tensor* each : {&start.future, &start.analog_last, &start.query_last, &start.decay,
                                 &start.low, &start.high, &start.damping, &start.scale}) {
    TORCH_CHECK(each->scalar_type() == at::kFloat && each->is_contiguous() &&
                    each->device() == start.future.device(),
                "enter_aligned takes contiguous float32 tensors of one device");
  }
}

AlignedPointers pointers(const AlignedStart& start, double sigma) {
  const auto at = [](const at::Tensor& tensor) { return tensor.const_data_ptr<float>(); };
  return {at(start.future),         at(start.analog_last), at(start.query_last),
          at(start.decay),          at(start.low),         at(start.high),
          at(start.damping),        at(start.scale),       start.query_last.numel(),
          static_cast<float>(sigma)};
}

at::Tensor enter_on_cpu(const AlignedStart& start, uint64_t seed, int64_t query,
                        std::span<const int64_t> members, double sigma) {
  const AlignedPointers from = pointers(start, sigma);
  at::Tensor states = at::empty_like(start.future);
  const int64_t each = start.future[0].numel();
  std::vector<float> eps(static_cast<size_t>(each));
  float* out = states.mutable_data_ptr<float>();
  for (size_t row = 0; row < members.size(); ++row) {
    fill_gaussian({seed, query, members[row], 0}, eps);
    for (int64_t element = 0; element < each; ++element) {
      *out++ = entry_value(from, static_cast<int64_t>(row), each, element,
                           eps[static_cast<size_t>(element)]);
    }
  }
  return states;
}

#ifdef SKIPCAST_WITH_CUDA

// Members' numbers on the device, kept alive as long as the rows are used.
struct DeviceRows {
  at::Tensor members;
  NoiseRows rows;
};

DeviceRows rows_on(at::Device device, std::array<uint32_t, 2> key, std::span<const int64_t> members,
                   int64_t each) {
  DeviceRows made;
  made.members = at::tensor(at::ArrayRef<int64_t>(members.data(), members.size())).to(device);
  made.rows = {key[0], key[1], made.members.const_data_ptr<int64_t>(), made.members.numel(), each};
  return made;
}

void check_launch(int error) {
  TORCH_CHECK(error == 0, "the GPU refused a kernel: ", launch_error(error));
}

CUstream_st* stream_of(at::Device device) {
  return c10::cuda::getCurrentCUDAStream(device.index()).stream();
}

#endif

}  // namespace

#ifdef SKIPCAST_WITH_CUDA

bool has_device_kernels() { return true; }

at::Tensor gaussian_on_device(std::array<uint32_t, 2> key, std::span<const int64_t> members,
                              at::IntArrayRef sizes, at::Device device) {
  const c10::cuda::CUDAGuard guard(device);
  at::Tensor noise = at::empty(sizes, at::TensorOptions(at::kFloat).device(device));
  const int64_t each = members.empty() ? 0 : noise.numel() / noise.size(0);
  const DeviceRows on = rows_on(device, key, members, each);
  check_launch(launch_gaussian(on.rows, noise.mutable_data_ptr<float>(), stream_of(device)));
  return noise;
}

at::Tensor enter_aligned(const AlignedStart& start, uint64_t seed, int64_t query,
                         std::span<const int64_t> members, double sigma) {
  check_start(start, members);
  const at::Device device = start.future.device();
  if (!device.is_cuda()) return enter_on_cpu(start, seed, query, members, sigma);
  const c10::cuda::CUDAGuard guard(device);
  at::Tensor states = at::empty_like(start.future);
  const DeviceRows on =
      rows_on(device, stream_key({seed, query, 0, 0}), members, start.future[0].numel());
  check_launch(launch_enter(on.rows, pointers(start, sigma), states.mutable_data_ptr<float>(),
                            stream_of(device)));
  return states;
}

#else

bool has_device_kernels() { return false; }

at::Tensor gaussian_on_device(std::array<uint32_t, 2>, std::span<const int64_t>, at::IntArrayRef,
                              at::Device) {
  TORCH_CHECK(false, "this build has no kernels for a GPU");
}

at::Tensor enter_aligned(const AlignedStart& start, uint64_t seed, int64_t query,
                         std::span<const int64_t> members, double sigma) {
  check_start(start, members);
  TORCH_CHECK(start.future.is_cpu(), "this build has no kernels for a GPU");
  return enter_on_cpu(start, seed, query, members, sigma);
}

#endif

}  // namespace skipcast::samplers
