#include "tests/oom/failing_new.h"

#include <cstdlib>
#include <new>

namespace {

struct State {
  bool armed = false;
  bool keeps_failing = false;
  int64_t left = 0;  // allocations until the one that fails
  bool failed = false;
  int64_t live = 0;
};
thread_local State state;

bool refuses() {
  if (!state.armed) return false;
  --state.left;
  const bool refused = state.left == 0 || (state.left < 0 && state.keeps_failing);
  state.failed = state.failed || refused;
  return refused;
}

void* allocate(size_t bytes) {
  void* const memory = refuses() ? nullptr : std::malloc(bytes == 0 ? 1 : bytes);
  if (memory != nullptr && state.armed) ++state.live;
  return memory;
}

void give_back(void* memory) {
  if (memory != nullptr && state.armed) --state.live;
  std::free(memory);
}

}  // namespace

void* operator new(size_t bytes) {
  void* const memory = allocate(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void* operator new[](size_t bytes) { return operator new(bytes); }
void* operator new(size_t bytes, const std::nothrow_t&) noexcept { return allocate(bytes); }
void* operator new[](size_t bytes, const std::nothrow_t&) noexcept { return allocate(bytes); }
void operator delete(void* memory) noexcept { give_back(memory); }
void operator delete[](void* memory) noexcept { give_back(memory); }
void operator delete(void* memory, size_t) noexcept { give_back(memory); }
void operator delete[](void* memory, size_t) noexcept { give_back(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { give_back(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { give_back(memory); }

namespace skipcast::tests {

FailingNew::FailingNew(int64_t n, Failing mode) {
  state = {.armed = true, .keeps_failing = mode == Failing::kFromThenOn, .left = n};
}

FailingNew::~FailingNew() { state.armed = false; }

bool FailingNew::failed() const { return state.failed; }

int64_t FailingNew::live() const { return state.live; }

}  // namespace skipcast::tests
