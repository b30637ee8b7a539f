// Copies from the host to a device that run while the device computes: on a stream of their own,
// on a GPU from pinned memory of LibTorch's caching allocator. On the CPU nothing is copied.
// Thread safety: const methods may run together.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Stream.h>

#include <optional>

namespace skipcast::engine {

class Staging {
 public:
  explicit Staging(at::Device device);

  // `host`, a tensor of the CPU, on the device, in its own type. What the current stream is given
  // from now on waits for the copy; what it has been given already does not, nor does the caller.
  at::Tensor copy(const at::Tensor& host) const;

  // The rows `rows` [n] of `table`, both of the CPU, there likewise: [n, ..].
  at::Tensor copy_rows(const at::Tensor& table, const at::Tensor& rows) const;

 private:
  at::Device device_;
  std::optional<c10::Stream> stream_;  // the copies'; none on the CPU
};

}  // namespace skipcast::engine
