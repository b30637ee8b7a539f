// Streams and events of the tests' own device (fake_device.h). Its work is done as soon as it is
// asked for, so what can be tried is the order in which a stream would get it: with `log` set,
// copies from the host, events and memory's users are written down with the stream's number.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Stream.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>

#include <string>
#include <utility>
#include <vector>

namespace skipcast::tests {

struct FakeStreams {
  static constexpr c10::StreamId kSide = 1;  // what the pool gives
  static inline thread_local c10::StreamId current = 0;
  static inline std::vector<std::string>* log = nullptr;

  static void note(const std::string& what, c10::StreamId stream) {
    if (log != nullptr) log->push_back(what + " " + std::to_string(stream));
  }
};

struct FakeGuard final : c10::impl::NoOpDeviceGuardImpl<c10::DeviceType::HPU> {
  static c10::Stream stream(c10::StreamId number) {
    return c10::Stream(c10::Stream::UNSAFE, c10::Device(c10::DeviceType::HPU, 0), number);
  }
  c10::Stream getStream(c10::Device) const noexcept override {
    return stream(FakeStreams::current);
  }
  c10::Stream getStreamFromGlobalPool(c10::Device, bool) const override {
    return stream(FakeStreams::kSide);
  }
  c10::Stream exchangeStream(c10::Stream next) const noexcept override {
    return stream(std::exchange(FakeStreams::current, next.id()));
  }
  void record(void**, const c10::Stream& at, c10::DeviceIndex, c10::EventFlag) const override {
    FakeStreams::note("event on", at.id());
  }
  void block(void*, const c10::Stream& waiting) const override {
    FakeStreams::note("wait on", waiting.id());
  }
};

inline void note_user(at::Tensor&, at::Stream stream) {
  FakeStreams::note("memory of", stream.id());
}

}  // namespace skipcast::tests

namespace at::detail {
C10_REGISTER_GUARD_IMPL(HPU, skipcast::tests::FakeGuard)
}

TORCH_LIBRARY_IMPL(aten, HPU, library) {
  library.impl("record_stream", &skipcast::tests::note_user);
}
