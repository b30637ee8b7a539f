// Launchers of the kernels in device_kernels.cu: raw device pointers and a stream, so that neither
// side sees the other's headers. Internal to samplers. Each returns 0 or CUDA's error number.
#pragma once

#include <stdint.h>

struct CUstream_st;

namespace skipcast::samplers {

// Where a member's noise comes from: the key of (seed, query, step), and the members by row.
struct NoiseRows {
  uint32_t key0, key1;
  const int64_t* members;  // [rows]
  int64_t rows, each;      // values a row
};

struct AlignedPointers;  // samplers/noise_math.h

int launch_gaussian(const NoiseRows& noise, float* out, CUstream_st* stream);
int launch_enter(const NoiseRows& noise, const AlignedPointers& start, float* out,
                 CUstream_st* stream);
const char* launch_error(int error);

}  // namespace skipcast::samplers
