// The operator new of this binary: it can be told to fail. Only operator new: what C libraries
// (zlib, zstd, libzip, netcdf-c, RocksDB's own arenas) take from malloc is left alone.
#pragma once

#include <cstdint>

namespace skipcast::tests {

enum class Failing { kOnce, kFromThenOn };

// While it lives, the n-th allocation of this thread fails (n from 1), and with kFromThenOn all
// later ones. One at a time a thread.
class FailingNew {
 public:
  FailingNew(int64_t n, Failing mode);
  ~FailingNew();
  FailingNew(const FailingNew&) = delete;
  FailingNew& operator=(const FailingNew&) = delete;

  // True when an allocation was refused.
  bool failed() const;
  // Allocations made since the beginning that were not given back.
  int64_t live() const;
};

}  // namespace skipcast::tests
