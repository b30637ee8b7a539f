// A device of our own, so that what runs on a GPU can be tried without one: LibTorch's HPU backend,
// for which its wheels hold no kernels, here on host memory. Every operation demands that its
// tensors lie there (numbers without dimensions aside) and then runs on the CPU: a tensor left
// behind on the CPU, or one that took a way over it, throws. Results have the CPU's bits. Include
// in one file of a test binary, after LibTorch's headers and doctest. Streams: fake_streams.h.
#pragma once

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/util/Exception.h>
#include <torch/library.h>

#include <cstdlib>
#include <cstring>
#include <vector>

#include "tests/support/fake_streams.h"

namespace skipcast::tests {

inline const at::Device kFake(at::kHPU, 0);

class FakeAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    void* memory = bytes > 0 ? std::malloc(bytes) : nullptr;
    return {memory, memory, &std::free, kFake};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &std::free; }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    std::memcpy(to, from, bytes);
  }
};

// A tensor like another in a storage, of a backend.
inline at::Tensor with_storage(const c10::Storage& storage, const at::Tensor& like, int64_t offset,
                               c10::DispatchKey backend) {
  at::Tensor made = at::detail::make_tensor<c10::TensorImpl>(
      c10::Storage(storage), c10::DispatchKeySet(backend), like.dtype());
  made.unsafeGetTensorImpl()->set_sizes_and_strides(like.sizes(), like.strides(), offset);
  return made;
}

// The memory of a tensor as a storage of another device; it lives as long as that storage.
inline c10::Storage shared_memory(const at::Tensor& tensor, at::Device device) {
  const auto release = [](void* kept) { delete static_cast<at::Tensor*>(kept); };
  auto* memory = const_cast<void*>(tensor.storage().data());
  return {c10::Storage::use_byte_size_t(), tensor.storage().nbytes(),
          c10::DataPtr(memory, new at::Tensor(tensor), release, device),
          c10::GetAllocator(at::kCPU), /*resizable=*/true};
}

// The same memory as a tensor of the CPU.
inline at::Tensor on_host(const at::Tensor& tensor) {
  if (!tensor.defined() || !tensor.device().is_hpu()) return tensor;
  return with_storage(shared_memory(tensor, at::kCPU), tensor, tensor.storage_offset(),
                      c10::DispatchKey::CPU);
}

// A result of the CPU on the device: a view where it is one of an argument's memory.
inline at::Tensor on_device(const at::Tensor& result, const std::vector<at::Tensor>& arguments) {
  if (!result.defined()) return result;
  const char* first = static_cast<const char*>(result.data_ptr());
  for (const at::Tensor& each : arguments) {
    const char* begin = static_cast<const char*>(each.storage().data());
    const char* end = begin + each.storage().nbytes();
    if (first == nullptr || first < begin || first >= end) continue;
    return with_storage(each.storage(), result,
                        (first - begin) / static_cast<int64_t>(result.element_size()),
                        c10::DispatchKey::HPU);
  }
  return with_storage(shared_memory(result, kFake), result, result.storage_offset(),
                      c10::DispatchKey::HPU);
}

// Hosts an argument's tensors, collecting those of the device; throws for one of the CPU.
inline c10::IValue hosted(const c10::IValue& value, const std::string& operation,
                          std::vector<at::Tensor>& arguments) {
  const auto one = [&](const at::Tensor& tensor) {
    if (!tensor.defined()) return tensor;
    TORCH_CHECK(tensor.device().is_hpu() || tensor.dim() == 0, operation,
                " mixes devices: a tensor of sizes ", tensor.sizes(), " lies on the CPU");
    if (tensor.device().is_hpu()) arguments.push_back(tensor);
    return on_host(tensor);
  };
  if (value.isTensor()) return one(value.toTensor());
  if (value.isDevice()) return c10::Device(at::kCPU);
  if (value.isTensorList()) {
    c10::List<at::Tensor> list;
    for (const at::Tensor& each : value.toTensorVector()) list.push_back(one(each));
    return list;
  }
  if (value.isOptionalTensorList()) {
    c10::List<std::optional<at::Tensor>> list;
    for (const std::optional<at::Tensor>& each : value.toOptionalTensorVector()) {
      list.push_back(each ? std::optional(one(*each)) : std::nullopt);
    }
    return list;
  }
  return value;
}

// What was written to may have got another size, and other memory with it.
inline void follow_resize(const at::Tensor& tensor, const at::Tensor& host) {
  if (tensor.sizes() == host.sizes()) return;
  auto* made = tensor.unsafeGetTensorImpl();
  made->set_storage_keep_dtype(shared_memory(host, kFake));
  made->set_sizes_and_strides(host.sizes(), host.strides(), host.storage_offset());
}

// Every operation without a kernel of its own below.
inline void on_fake_device(const c10::OperatorHandle& operation, torch::jit::Stack* stack) {
  const c10::FunctionSchema& schema = operation.schema();
  const size_t count = schema.arguments().size(), first = stack->size() - count;
  const std::vector<c10::IValue> originals(stack->begin() + static_cast<long>(first), stack->end());
  std::vector<at::Tensor> arguments;
  for (size_t i = 0; i < count; ++i) {
    (*stack)[first + i] = hosted(originals[i], schema.name(), arguments);
  }
  const std::vector<c10::IValue> hosts(stack->begin() + static_cast<long>(first), stack->end());
  operation.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::CPU), stack);
  for (size_t i = 0; i < count; ++i) {
    const c10::AliasInfo* alias = schema.arguments()[i].alias_info();
    if (alias != nullptr && alias->isWrite() && hosts[i].isTensor()) {
      follow_resize(originals[i].toTensor(), hosts[i].toTensor());
    }
  }
  const size_t results = stack->size() - schema.returns().size();
  for (size_t r = 0; r < schema.returns().size(); ++r) {
    c10::IValue& result = (*stack)[results + r];
    const c10::AliasInfo* written = schema.returns()[r].alias_info();
    if (written != nullptr && written->isWrite()) {  // the argument itself
      for (size_t i = 0; i < count; ++i) {
        const c10::AliasInfo* alias = schema.arguments()[i].alias_info();
        if (alias != nullptr && *alias == *written) result = originals[i];
      }
    } else if (result.isTensor()) {
      result = on_device(result.toTensor(), arguments);
    } else if (result.isTensorList()) {
      c10::List<at::Tensor> list;
      for (const at::Tensor& each : result.toTensorVector()) {
        list.push_back(on_device(each, arguments));
      }
      result = list;
    }
  }
}

// Between devices, and on this one.
inline at::Tensor& copy_on_fake_device(at::Tensor& self, const at::Tensor& from, bool) {
  if (from.is_cpu()) FakeStreams::note("copy on", FakeStreams::current);
  at::Tensor to = on_host(self);
  to.copy_(on_host(from));
  return self;
}

// Convolutions of devices that LibTorch does not know go through an operation of their own, which
// the CPU has not.
inline void convolve_on_fake_device(const c10::OperatorHandle& operation,
                                    torch::jit::Stack* stack) {
  std::vector<at::Tensor> arguments;
  const size_t first = stack->size() - operation.schema().arguments().size();
  for (size_t i = first; i < stack->size(); ++i) {
    (*stack)[i] = hosted((*stack)[i], "convolution", arguments);
  }
  const auto at = [&](size_t i) -> const c10::IValue& { return (*stack)[first + i]; };
  const at::Tensor made = at::convolution(
      at(0).toTensor(), at(1).toTensor(), at(2).toOptional<at::Tensor>(), at(3).toIntVector(),
      at(4).toIntVector(), at(5).toIntVector(), at(6).toBool(), at(7).toIntVector(), at(8).toInt());
  stack->resize(first);
  stack->push_back(on_device(made, arguments));
}

}  // namespace skipcast::tests

namespace {

skipcast::tests::FakeAllocator fake_allocator;
const bool fake_allocator_set = [] {
  c10::SetAllocator(at::kHPU, &fake_allocator);
  return true;
}();

}  // namespace

TORCH_LIBRARY_IMPL(_, HPU, library) {
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&skipcast::tests::on_fake_device>());
}

TORCH_LIBRARY_IMPL(aten, HPU, library) {
  library.impl("copy_", &skipcast::tests::copy_on_fake_device);
  library.impl(
      "convolution_overrideable",
      torch::CppFunction::makeFromBoxedFunction<&skipcast::tests::convolve_on_fake_device>());
}
