// Counter-based noise, and noise with the start it is added to. A thread computes one Philox block,
// four values that lie 16 apart, so that neighbouring threads write neighbouring values. Built with
// -fmad=false: contraction would change bits.
#include <cuda_runtime.h>

#include "samplers/device_launch.h"
#include "samplers/noise_math.h"

namespace skipcast::samplers {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kBlocksMax = 1 << 16;  // of a launch; threads go on from there

template <bool kEnter>
__global__ void noise_kernel(NoiseRows noise, AlignedPointers start, float* out) {
  const int64_t blocks = blocks_for(noise.each), total = blocks * noise.rows;
  const int64_t stride = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < total; i += stride) {
    const int64_t row = i / blocks;
    const MemberStream stream = {noise.key0, noise.key1, static_cast<uint64_t>(noise.members[row])};
    put_block(stream, i % blocks, noise.each, [&](int64_t element, float eps) {
      out[row * noise.each + element] =
          kEnter ? entry_value(start, row, noise.each, element, eps) : eps;
    });
  }
}

template <bool kEnter>
int launch(const NoiseRows& noise, const AlignedPointers& start, float* out, cudaStream_t stream) {
  const int64_t threads = blocks_for(noise.each) * noise.rows;
  if (threads == 0) return 0;
  const int64_t wanted = (threads + kThreads - 1) / kThreads;
  const auto blocks = static_cast<unsigned>(wanted < kBlocksMax ? wanted : kBlocksMax);
  noise_kernel<kEnter><<<blocks, kThreads, 0, stream>>>(noise, start, out);
  return cudaGetLastError();
}

}  // namespace

int launch_gaussian(const NoiseRows& noise, float* out, CUstream_st* stream) {
  return launch<false>(noise, {}, out, stream);
}

int launch_enter(const NoiseRows& noise, const AlignedPointers& start, float* out,
                 CUstream_st* stream) {
  return launch<true>(noise, start, out, stream);
}

const char* launch_error(int error) { return cudaGetErrorString(static_cast<cudaError_t>(error)); }

}  // namespace skipcast::samplers
