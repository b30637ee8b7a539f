// Which block holds which states: the in-memory table of a series, and the reading plan made of it;
// what was erased of them.
//
// A value without locks; SeriesStore guards it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "storage/blocks/block_format.h"
#include "storage/series/series_store.h"

namespace skipcast::storage {

class BlockTable {
 public:
  explicit BlockTable(int32_t row_states) : row_states_(row_states) {}

  int64_t size() const { return size_; }                                  // states
  int64_t count() const { return static_cast<int64_t>(firsts_.size()); }  // blocks
  int32_t row_states() const { return row_states_; }

  // Adds block count() + 1 with the next `states` states; or the one that erases. `chain` is the
  // seal of its footer.
  void add(int64_t states, uint32_t chain);
  void add(Erasure erasure, uint32_t chain);
  uint32_t chain(int64_t block) const;  // REQUIRES: 1 <= block <= count()
  const std::vector<Erasure>& erasures() const { return erasures_; }
  std::vector<Erasure> erasures_in(int64_t first, int64_t count) const;  // that touch these states
  // True when the erasure names states and places that are there.
  bool can_erase(const Erasure& erasure, int64_t places) const;
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
  std::vector<uint32_t> chains_;
  std::vector<Erasure> erasures_;
};

// Sets erased values of states first..first+count-1, values[count, variables, places], to NaN.
void blank_erased(std::span<const Erasure> erasures, int64_t first, int64_t places,
                  int64_t variables, std::span<float> values);

// The piece rows (variable 0) of consecutive states, cut at multiples of row_states.
std::vector<RowId> cut_rows(int64_t first, int64_t states, int32_t row_states);

// The gathered row that appending `states` states to a series of `size` completes; its states
// are 0 when there is none.
RowId completed_stretch(int64_t size, int64_t states, int32_t row_states);

}  // namespace skipcast::storage
