// How a bound on memory is shared out among the parts of an open archive.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "storage/status.h"

namespace skipcast::storage {

inline constexpr int64_t kMemoryBytesDefault = int64_t{1} << 30;
inline constexpr int64_t kMemoryBytesMin = int64_t{64} << 20;  // the program itself takes some

// RocksDB holds up to two write buffers and builds one block beside them; ingest holds its
// lookahead and a few blocks; half of the budget is left for the program and what RocksDB does not
// count.
struct MemoryPlan {
  size_t write_buffer_bytes, row_cache_bytes;
  int64_t block_bytes, lookahead_bytes;
  int32_t open_files_max;  // of a writer: each holds its index and filter in memory
};

inline MemoryPlan plan_memory(int64_t budget) {
  constexpr int64_t kKiB = 1024, kMiB = 1024 * kKiB;
  const auto share = [budget](int64_t parts, int64_t most) {
    return std::min(budget / parts, most);
  };
  return {.write_buffer_bytes = static_cast<size_t>(share(12, 64 * kMiB)),
          .row_cache_bytes = static_cast<size_t>(share(12, 70 * kMiB)),
          .block_bytes = share(96, 8 * kMiB),
          .lookahead_bytes = share(12, 64 * kMiB),
          .open_files_max = static_cast<int32_t>(std::max<int64_t>(share(4 * kMiB, 512), 32))};
}

// kUsage when the budget is too small for anything.
inline Status check_memory(int64_t budget) {
  if (budget >= kMemoryBytesMin) return Status();
  return usage("a memory budget is at least 64 MiB");
}

}  // namespace skipcast::storage
