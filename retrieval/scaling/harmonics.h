// Least squares of a series on a constant and two harmonics of the year: a seasonal climatology.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace skipcast::retrieval {

// Normal equations, summed value by value. Plain values; O(1) a call.
class Harmonics {
 public:
  using Row = std::array<double, 5>;  // 1, sin w, cos w, sin 2w, cos 2w

  // The regressors of a day of the year, 0..365.
  static Row row_at(int64_t day_of_year);
  static double value(const Row& factors, const Row& row);

  void add(const Row& row, double y);
  // Factors with a slight ridge on the harmonics, so that part of a year stays solvable; nullopt
  // below 30 values.
  std::optional<Row> solve() const;

 private:
  std::array<Row, 5> matrix_ = {};
  Row right_ = {};
  int64_t count_ = 0;
};

}  // namespace skipcast::retrieval
