// A few columns of every row side by side, from which an exact scan sees cheaply that most rows
// are too far away: what they differ in these columns alone is a lower bound of their distance.
//
// The columns are those that vary most among the first rows: of PCA coordinates the leading ones,
// which carry most of a distance. Which they are changes how fast a scan is, never what it finds.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace skipcast::retrieval {

class LeadingColumns {
 public:
  static constexpr int64_t kColumns = 16;
  static constexpr int64_t kBlockRows = 16;
  static constexpr int64_t kRowsMin = 1024;     // fewer rows are scanned at once anyway
  static constexpr int64_t kDimensionMin = 32;  // shorter rows, too

  // Takes in the rows that are new; vectors[rows, dimension], as before but for what follows.
  void follow(const float* vectors, int64_t dimension, int64_t rows);
  void reserve(int64_t dimension, int64_t rows);
  void clear() { values_.clear(); }

  // True when there are columns and they carry most of what sets the first rows apart: then a scan
  // looks at little else. (PCA coordinates: yes; rows alike in all directions: no.)
  bool tell() const { return rows() > 0 && share_ > 0.6; }

  // Rows 0..rows()-1 are covered, always whole blocks; 0 while there are too few.
  int64_t rows() const { return static_cast<int64_t>(values_.size()) / kColumns; }
  static int64_t bytes(int64_t dimension, int64_t rows) {
    return dimension < kDimensionMin ? 0 : rows * kColumns * static_cast<int64_t>(sizeof(float));
  }

  // The lower bounds of the rows of blocks first..first+count-1 into out[count, kBlockRows], and
  // the least one of each block into least[count].
  struct Bounds {
    float* out;
    float* least;
  };
  void bound(const float* query, int64_t first, int64_t count, const Bounds& bounds) const;

  // A row whose bound exceeds this cannot be nearer than `distance`, whatever the rounding of
  // either sum (each at most 2^-17 of it for less than 100 terms, in any order).
  static float reach(float distance) { return distance * 1.0001f + 1e-35f; }

 private:
  void choose(const float* vectors, int64_t dimension, int64_t rows);

  std::array<int64_t, kColumns> columns_ = {};
  double share_ = 0;           // of the spread of the first rows that lies in these columns
  std::vector<float> values_;  // [blocks, kColumns, kBlockRows]
};

}  // namespace skipcast::retrieval
