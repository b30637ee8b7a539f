// Noise and entry states made where they are used. On a CUDA device one kernel each (built with
// SKIPCAST_CUDA), on the CPU a loop over the same arithmetic (noise_math.h): the same bits.
// Pure functions of their arguments, thread-safe; kernels run on the current stream.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <span>

namespace skipcast::samplers {

// Whether this build has them. Without, noise is made on the CPU and copied.
bool has_device_kernels();

// gaussian() of the stream with this key (noise.h), float32 `sizes` with a row a member.
// REQUIRES has_device_kernels() and a CUDA device.
at::Tensor gaussian_on_device(std::array<uint32_t, 2> key, std::span<const int64_t> members,
                              at::IntArrayRef sizes, at::Device device);

// Analog futures on their way into a chain; float32, contiguous, on one device.
struct AlignedStart {
  at::Tensor future;          // [M, T, V, P] in normalised units
  at::Tensor analog_last;     // [M, V, P]
  at::Tensor query_last;      // [V, P]
  at::Tensor decay;           // [T]; the offset's weight (starts.h's align_offset)
  at::Tensor low, high;       // [V, P]: what is moved is kept within
  at::Tensor damping, scale;  // [T, V, P] of target space
};

// (align_offset(..) kept in range - damping * query_last) / scale + sigma * eps, [M, T, V, P] in
// target space, with the noise of draw 0 of (seed, query, member): in one pass, each operation
// rounded by itself.
at::Tensor enter_aligned(const AlignedStart& start, uint64_t seed, int64_t query,
                         std::span<const int64_t> members, double sigma);

}  // namespace skipcast::samplers
