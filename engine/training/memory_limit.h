// How much memory a process may take. Thread-safe. Internal to engine.
#pragma once

#include <cstdint>
#include <string>

namespace skipcast::engine {

// Bytes that can be had without anything being killed: what the system says is available, or less
// where this process's group has a limit (cgroup v2); 0 when nobody knows. `root` is for tests.
int64_t available_memory_bytes(const std::string& root = "");

}  // namespace skipcast::engine
