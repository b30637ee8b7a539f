#include "engine/data/staging.h"

#include <ATen/ATen.h>
#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

namespace skipcast::engine {

Staging::Staging(at::Device device) : device_(device) {
  if (device.is_cpu()) return;
  stream_ = c10::impl::VirtualGuardImpl(device.type()).getStreamFromGlobalPool(device);
}

// The copy belongs to the side stream's memory: record_stream() keeps it from being used again
// before the current stream is done with it. The pinned buffer is kept by its allocator until the
// copy has left it.
at::Tensor Staging::copy(const at::Tensor& host) const {
  if (!stream_) return host;
  const at::Tensor from = device_.is_cuda() ? host.pin_memory() : host;
  at::Tensor there;
  c10::Event copied(device_.type());
  {
    const c10::StreamGuard aside(*stream_);
    there = from.to(device_, from.scalar_type(), /*non_blocking=*/true);
    copied.record(*stream_);
  }
  const c10::Stream current = c10::impl::VirtualGuardImpl(device_.type()).getStream(device_);
  copied.block(current);
  there.record_stream(current);
  return there;
}

at::Tensor Staging::copy_rows(const at::Tensor& table, const at::Tensor& rows) const {
  std::vector<int64_t> shape = table.sizes().vec();
  shape[0] = rows.numel();
  at::Tensor picked = at::empty(shape, table.options().pinned_memory(device_.is_cuda()));
  at::index_select_out(picked, table, 0, rows);
  return copy(picked);
}

}  // namespace skipcast::engine
