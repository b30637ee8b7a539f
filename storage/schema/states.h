// States as they are passed around and accounted for: blocks, receipts, erasures. Plain values.
#pragma once

#include <cstdint>
#include <vector>

namespace skipcast::storage {

inline constexpr int64_t kRowStates = 64;

// Consecutive states starting at index `first`: values[state, variable, place], NaN = missing.
struct StateBlock {
  int64_t first = 0;
  int64_t states = 0;
  std::vector<float> values;
};

struct AppendReceipt {
  int64_t block = 0;  // number of the block, from 1; 0 = nothing new
  int64_t states_added = 0;
  int64_t states_skipped = 0;  // overlapped and identical
};

struct BlockInfo {
  int64_t block, first, states;  // states = 0: a tombstone, see Erasure
};

// How far a series goes: its newest block, and the checksum of the whole chain up to it. Two copies
// of an archive agree up to a block exactly when they agree on its chain.
struct Receipt {
  int64_t block = 0;   // 0 = an empty series
  int64_t states = 0;  // states in blocks 1..block
  uint32_t chain = 0;

  bool operator==(const Receipt&) const = default;
};

// States first..first+states-1 erased by the tombstone `block`: they read as missing (NaN).
struct Erasure {
  int64_t block = 0;
  int64_t first = 0, states = 0;
  std::vector<int32_t> places;  // increasing; empty = all

  bool operator==(const Erasure&) const = default;
};

}  // namespace skipcast::storage
