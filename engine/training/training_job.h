// What every training job does around its work: threads, and errors of LibTorch as a status.
// Internal to engine.
#pragma once

#include <ATen/Parallel.h>
#include <c10/util/Exception.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <new>
#include <string>
#include <thread>

#include "storage/status.h"

namespace skipcast::engine {

// What `job` returns, on so many intra-op threads (0 = all cores). kUnsupported, naming the task,
// when LibTorch fails or memory is short; `remedy` says what to do about the latter ("; lower
// \"batch\"").
template <typename Job>
auto training_job(const std::string& task, int64_t threads, const std::string& remedy,
                  const Job& job) -> decltype(job()) {
  const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
  at::set_num_threads(threads > 0 ? static_cast<int>(threads) : static_cast<int>(cores));
  try {
    return job();
  } catch (const c10::Error& error) {
    return Status(Code::kUnsupported, fmt::format("task {}: LibTorch failed: {}", task,
                                                  error.what_without_backtrace()));
  } catch (const std::bad_alloc&) {
    return Status(Code::kUnsupported, fmt::format("task {}: not enough memory{}", task, remedy));
  }
}

}  // namespace skipcast::engine
