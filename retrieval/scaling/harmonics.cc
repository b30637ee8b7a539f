#include "retrieval/scaling/harmonics.h"

#include <cmath>
#include <numbers>
#include <utility>

namespace skipcast::retrieval {
namespace {

constexpr int64_t kValuesMin = 30;
constexpr double kYear = 365.25;
constexpr double kRidge = 1e-3;  // in units of the number of values

}  // namespace

Harmonics::Row Harmonics::row_at(int64_t day_of_year) {
  const double w = 2 * std::numbers::pi * static_cast<double>(day_of_year) / kYear;
  return {1, std::sin(w), std::cos(w), std::sin(2 * w), std::cos(2 * w)};
}

double Harmonics::value(const Row& factors, const Row& row) {
  double sum = 0;
  for (size_t i = 0; i < row.size(); ++i) sum += factors[i] * row[i];
  return sum;
}

void Harmonics::add(const Row& row, double y) {
  for (size_t i = 0; i < row.size(); ++i) {
    for (size_t j = 0; j <= i; ++j) matrix_[i][j] += row[i] * row[j];
    right_[i] += row[i] * y;
  }
  ++count_;
}

// Cholesky: the ridge makes the matrix positive definite.
std::optional<Harmonics::Row> Harmonics::solve() const {
  if (count_ < kValuesMin) return std::nullopt;
  std::array<Row, 5> l = matrix_;
  Row x = right_;
  const size_t n = x.size();
  for (size_t i = 1; i < n; ++i) l[i][i] += kRidge * static_cast<double>(count_);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j <= i; ++j) {
      double sum = l[i][j];
      for (size_t k = 0; k < j; ++k) sum -= l[i][k] * l[j][k];
      l[i][j] = i == j ? std::sqrt(sum) : sum / l[j][j];
    }
  }
  for (size_t i = 0; i < n; ++i) {
    for (size_t k = 0; k < i; ++k) x[i] -= l[i][k] * x[k];
    x[i] /= l[i][i];
  }
  for (size_t i = n; i-- > 0;) {
    for (size_t k = i + 1; k < n; ++k) x[i] -= l[k][i] * x[k];
    x[i] /= l[i][i];
  }
  return x;
}

}  // namespace skipcast::retrieval
