#include "storage/series/block_table.h"

#include <algorithm>
#include <limits>

namespace skipcast::storage {

void BlockTable::add(int64_t states, uint32_t chain) {
  SKIPCAST_CHECK(states > 0);
  firsts_.push_back(size_);
  chains_.push_back(chain);
  size_ += states;
}

void BlockTable::add(Erasure erasure, uint32_t chain) {
  SKIPCAST_CHECK(erasure.block == count() + 1);
  firsts_.push_back(size_);
  chains_.push_back(chain);
  erasures_.push_back(std::move(erasure));
}

uint32_t BlockTable::chain(int64_t block) const {
  SKIPCAST_CHECK(block >= 1 && block <= count());
  return chains_[static_cast<size_t>(block - 1)];
}

std::vector<Erasure> BlockTable::erasures_in(int64_t first, int64_t count) const {
  std::vector<Erasure> touching;
  for (const Erasure& erasure : erasures_) {
    const bool touches = erasure.first < first + count && first < erasure.first + erasure.states;
    if (touches) touching.push_back(erasure);
  }
  return touching;
}

bool BlockTable::can_erase(const Erasure& erasure, int64_t places) const {
  if (erasure.first < 0 || erasure.states < 1 || erasure.first >= size_ ||
      erasure.states > size_ - erasure.first) {
    return false;
  }
  int32_t last = -1;
  for (const int32_t place : erasure.places) {
    if (place <= last || place >= places) return false;
    last = place;
  }
  return true;
}

BlockInfo BlockTable::info(int64_t block) const {
  SKIPCAST_CHECK(block >= 1 && block <= count());
  const int64_t first = firsts_[block - 1];
  const int64_t end = block < count() ? firsts_[block] : size_;
  return {block, first, end - first};
}

int64_t BlockTable::block_of(int64_t state) const {
  SKIPCAST_CHECK(state >= 0 && state < size_);
  return std::upper_bound(firsts_.begin(), firsts_.end(), state) - firsts_.begin();
}

std::vector<RowId> BlockTable::plan(int64_t first, int64_t count) const {
  std::vector<RowId> rows;
  if (count == 0) return rows;
  const int64_t last = first + count - 1;
  for (int64_t stretch = first / row_states_; stretch <= last / row_states_; ++stretch) {
    plan_stretch(stretch, first, last, rows);
  }
  return rows;
}

void BlockTable::plan_stretch(int64_t stretch, int64_t first, int64_t last,
                              std::vector<RowId>& rows) const {
  const int64_t begin = stretch * row_states_;
  const int64_t end = std::min(begin + row_states_, size_);
  const int64_t first_block = block_of(std::max(begin, first));
  const int64_t last_block = block_of(std::min(end - 1, last));
  if (end == begin + row_states_ && first_block != last_block) {
    rows.push_back({RowKind::kGathered, 0, begin, row_states_});
    return;
  }
  for (int64_t block = first_block; block <= last_block; ++block) {
    const BlockInfo part = info(block);
    const int64_t from = std::max(begin, part.first);
    const int64_t to = std::min(end, part.first + part.states);
    if (from < to) rows.push_back({RowKind::kPiece, 0, from, to - from});  // else a tombstone
  }
}

std::vector<RowId> BlockTable::pieces(int64_t block) const {
  const BlockInfo part = info(block);
  return cut_rows(part.first, part.states, row_states_);
}

RowId BlockTable::gathered(int64_t block) const {
  const BlockInfo part = info(block);
  return completed_stretch(part.first, part.states, row_states_);
}

void blank_erased(std::span<const Erasure> erasures, int64_t first, int64_t places,
                  int64_t variables, std::span<float> values) {
  const int64_t state_values = variables * places;
  const int64_t count = static_cast<int64_t>(values.size()) / std::max<int64_t>(1, state_values);
  constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();
  for (const Erasure& erasure : erasures) {
    const int64_t from = std::max(first, erasure.first);
    const int64_t to = std::min(first + count, erasure.first + erasure.states);
    for (int64_t line = (from - first) * variables; line < (to - first) * variables; ++line) {
      float* const out = values.data() + line * places;
      if (erasure.places.empty()) std::fill_n(out, places, kMissing);
      for (const int32_t place : erasure.places) out[place] = kMissing;
    }
  }
}

std::vector<RowId> cut_rows(int64_t first, int64_t states, int32_t row_states) {
  std::vector<RowId> rows;
  const int64_t end = first + states;
  for (int64_t from = first; from < end;) {
    const int64_t to = std::min(end, (from / row_states + 1) * row_states);
    rows.push_back({RowKind::kPiece, 0, from, to - from});
    from = to;
  }
  return rows;
}

RowId completed_stretch(int64_t size, int64_t states, int32_t row_states) {
  const int64_t begin = size / row_states * row_states;
  const bool shared = size > begin && size + states >= begin + row_states;
  return {RowKind::kGathered, 0, begin, shared ? row_states : 0};
}

}  // namespace skipcast::storage
