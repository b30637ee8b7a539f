// Where networks run, and in which arithmetic. One binary runs with and without a GPU: the device
// is chosen at run time, and a build without CUDA knows only the CPU.
//
// Bits are promised on the CPU in float32 alone. tf32 rounds the inputs of matrix products and
// convolutions to 10 bits of mantissa, bfloat16 runs them, and attention, at 7 (autocast: weights,
// sums, norms and the chain itself stay float32).
#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "storage/status.h"

namespace skipcast::engine {

enum class DeviceChoice { kAuto, kCpu, kCuda };
enum class Precision { kFloat32, kTf32, kBfloat16 };
Result<DeviceChoice> device_from(std::string_view word);  // kUsage lists the words
Result<Precision> precision_from(std::string_view word);
const char* word(Precision precision);

// A resolved choice.
struct Compute {
  at::Device device = at::kCPU;
  Precision precision = Precision::kFloat32;
  bool graphs = true;              // CUDA graphs of network evaluations, where there is a GPU
  bool half_archive = false;       // float16 for the archive on the device: half the memory
  int64_t resident_bytes_max = 0;  // of the archive on the device; beyond it stays on the host,
                                   // in pinned memory. 0 = half of what is free on the GPU
};

// kAuto: a CUDA device that answers, else the CPU. kUnsupported when kCuda is asked for and this
// build is for the CPU, or no device answers (says which); tf32 on the CPU is refused as well.
Result<Compute> resolve(DeviceChoice device, Precision precision);

// "cpu, float32", "cuda:0 NVIDIA H100, bfloat16".
std::string describe(const Compute& compute);

// What this build can do where there is a GPU: run networks, and search analogs.
bool built_for_gpu();
bool searches_on_gpu();

// Bytes free on a device; 0 on the CPU.
int64_t free_bytes(at::Device device);

// While it lives, this thread's network evaluations run in the precision.
class ArithmeticGuard {
 public:
  explicit ArithmeticGuard(const Compute& compute);
  ~ArithmeticGuard();
  ArithmeticGuard(const ArithmeticGuard&) = delete;
  ArithmeticGuard& operator=(const ArithmeticGuard&) = delete;

 private:
  const bool on_;
  const at::DeviceType device_;
  bool before_ = false;
  at::ScalarType type_before_ = at::kFloat;
};

}  // namespace skipcast::engine
