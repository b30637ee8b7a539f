#include "engine/data/compute.h"

#include <ATen/Context.h>
#include <ATen/autocast_mode.h>
#include <fmt/format.h>

#include "engine/settings/words.h"
#include "retrieval/indexes/device_scan.h"
#include "samplers/device_kernels.h"

#ifdef SKIPCAST_WITH_CUDA
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDAGuard.h>
#endif

namespace skipcast::engine {
namespace {

constexpr Words<DeviceChoice, 3> kDevices = {
    {{"auto", DeviceChoice::kAuto}, {"cpu", DeviceChoice::kCpu}, {"cuda", DeviceChoice::kCuda}}};
constexpr Words<Precision, 3> kPrecisions = {{{"float32", Precision::kFloat32},
                                              {"tf32", Precision::kTf32},
                                              {"bfloat16", Precision::kBfloat16}}};

}  // namespace

Result<DeviceChoice> device_from(std::string_view word) {
  return from_word(kDevices, "device", word);
}
Result<Precision> precision_from(std::string_view word) {
  return from_word(kPrecisions, "precision", word);
}
const char* word(Precision precision) { return to_word(kPrecisions, precision); }

Result<Compute> resolve(DeviceChoice device, Precision precision) {
  Compute compute = {.precision = precision};
  const bool answers = at::hasCUDA();
  if (device == DeviceChoice::kCuda && !answers) {
#ifdef SKIPCAST_WITH_CUDA
    return Status(Code::kUnsupported,
                  "no CUDA device answers: check nvidia-smi and the driver, or "
                  "take --device cpu");
#else
    return Status(Code::kUnsupported,
                  "this build is for the CPU: run tools/setup --cuda and build "
                  "the preset cuda, or take --device cpu");
#endif
  }
  if (device != DeviceChoice::kCpu && answers) compute.device = at::Device(at::kCUDA, 0);
  if (precision == Precision::kTf32 && compute.device.is_cpu()) {
    return usage("tf32 is an arithmetic of GPUs: take float32 or bfloat16 on the CPU");
  }
  if (compute.device.is_cuda()) {
    at::globalContext().setAllowTF32CuBLAS(precision == Precision::kTf32);
    at::globalContext().setAllowTF32CuDNN(precision == Precision::kTf32);
  }
  return compute;
}

std::string describe(const Compute& compute) {
  std::string name = compute.device.str();
#ifdef SKIPCAST_WITH_CUDA
  if (compute.device.is_cuda()) {
    name += fmt::format(" {}", at::cuda::getDeviceProperties(compute.device.index())->name);
  }
#endif
  return fmt::format("{}, {}", name, word(compute.precision));
}

bool built_for_gpu() { return samplers::has_device_kernels(); }
bool searches_on_gpu() { return retrieval::has_gpu_scan(); }

int64_t free_bytes(at::Device device) {
#ifdef SKIPCAST_WITH_CUDA
  if (device.is_cuda()) {
    const c10::cuda::CUDAGuard guard(device);
    size_t free = 0, total = 0;
    if (cudaMemGetInfo(&free, &total) == cudaSuccess) return static_cast<int64_t>(free);
  }
#endif
  static_cast<void>(device);
  return 0;
}

ArithmeticGuard::ArithmeticGuard(const Compute& compute)
    : on_(compute.precision == Precision::kBfloat16), device_(compute.device.type()) {
  if (!on_) return;
  before_ = at::autocast::is_autocast_enabled(device_);
  type_before_ = at::autocast::get_autocast_dtype(device_);
  at::autocast::set_autocast_enabled(device_, true);
  at::autocast::set_autocast_dtype(device_, at::kBFloat16);
  at::autocast::increment_nesting();
}

ArithmeticGuard::~ArithmeticGuard() {
  if (!on_) return;
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(device_, before_);
  at::autocast::set_autocast_dtype(device_, type_before_);
}

}  // namespace skipcast::engine
