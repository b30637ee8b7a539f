// Which block holds which states: the in-memory table of a series, and the reading plan made of it.
//
// A value without locks; SeriesStore guards it.
#pragma once

#include <cstdint>
#include <vector>

#include "storage/block_format.h"
#include "storage/series_store.h"

namespace skipcast::storage {

class BlockTable {
 public:
  explicit BlockTable(int32_t row_states) : row_states_(row_states) {}

  int64_t size() const { return size_; }                      // states
  int64_t count() const { return static_cast<int64_t>(firsts_.size()); }  // blocks
  int32_t row_states() const { return row_states_; }

  // Adds block count() + 1 with the next `states` states.
  void add(int64_t states);
  BlockInfo info(int64_t block) const;
  // Number of the block that holds the state. REQUIRES: 0 <= state < size().
  int64_t block_of(int64_t state) const;

  // The rows (variable 0) that hold states first..first+count-1, in order of their first state;
  // a complete stretch that several blocks share is read as its one gathered row.
  std::vector<RowId> plan(int64_t first, int64_t count) const;

  // The piece rows (variable 0) of a block; and the stretch it completed, if several blocks
  // contributed to that (kGathered; states = 0: none).
  std::vector<RowId> pieces(int64_t block) const;
  RowId gathered(int64_t block) const;

 private:
  void plan_stretch(int64_t stretch, int64_t first, int64_t last, std::vector<RowId>& rows) const;

  int32_t row_states_;
  int64_t size_ = 0;
  std::vector<int64_t> firsts_;
};

// The piece rows (variable 0) of consecutive states, cut at multiples of row_states.
std::vector<RowId> cut_rows(int64_t first, int64_t states, int32_t row_states);

// The gathered row that appending `states` states to a series of `size` completes; its states
// are 0 when there is none.
RowId completed_stretch(int64_t size, int64_t states, int32_t row_states);

}  // namespace skipcast::storage
