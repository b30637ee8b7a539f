#include "retrieval/encoders/pca_fit.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "storage/files/fingerprint.h"
#include "storage/status.h"

namespace skipcast::retrieval {
namespace {

constexpr int kIterations = 8;
constexpr int64_t kOversampling = 8;
constexpr int kSweepsMax = 30;

// A row-major matrix.
template <typename T>
struct Matrix {
  int64_t rows, columns;
  std::vector<T> values;

  Matrix(int64_t r, int64_t c) : rows(r), columns(c), values(static_cast<size_t>(r * c)) {}
  T* row(int64_t i) { return values.data() + i * columns; }
  const T* row(int64_t i) const { return values.data() + i * columns; }
};

void add_scaled(float factor, const float* row, int64_t size, float* sum) {
  for (int64_t j = 0; j < size; ++j) sum[j] += factor * row[j];
}

// y = x q, one thread a row.
void multiply(const Matrix<float>& x, const Matrix<float>& q, Matrix<float>& y) {
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < x.rows; ++i) {
    std::fill_n(y.row(i), y.columns, 0.0f);
    for (int64_t j = 0; j < x.columns; ++j) add_scaled(x.row(i)[j], q.row(j), y.columns, y.row(i));
  }
}

// z = x^T y, one thread a block of z's rows.
void multiply_transposed(const Matrix<float>& x, const Matrix<float>& y, Matrix<float>& z) {
  constexpr int64_t kBlock = 64;
#pragma omp parallel for schedule(static)
  for (int64_t begin = 0; begin < z.rows; begin += kBlock) {
    const int64_t end = std::min(begin + kBlock, z.rows);
    std::fill(z.row(begin), z.row(end - 1) + z.columns, 0.0f);
    for (int64_t i = 0; i < x.rows; ++i) {
      for (int64_t j = begin; j < end; ++j) add_scaled(x.row(i)[j], y.row(i), z.columns, z.row(j));
    }
  }
}

// A fixed start: standard normal numbers from the position alone (Box-Muller).
void fill_start(Matrix<float>& q) {
  for (size_t i = 0; i < q.values.size(); ++i) {
    const double u = (static_cast<double>(storage::mix_bits(2 * i) >> 11) + 0.5) * 0x1p-53;
    const double v = static_cast<double>(storage::mix_bits(2 * i + 1) >> 11) * 0x1p-53;
    q.values[i] =
        static_cast<float>(std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v));
  }
}

// Orthonormal columns spanning the same space: Gram-Schmidt, twice, in double. A column that
// vanishes (rank exhausted) becomes 0.
void orthonormalise(Matrix<float>& q) {
  std::vector<std::vector<double>> columns(static_cast<size_t>(q.columns));
  for (int64_t c = 0; c < q.columns; ++c) {
    std::vector<double>& column = columns[static_cast<size_t>(c)];
    column.resize(static_cast<size_t>(q.rows));
    for (int64_t i = 0; i < q.rows; ++i) column[static_cast<size_t>(i)] = q.row(i)[c];
    const auto norm = [&] {
      return std::sqrt(std::inner_product(column.begin(), column.end(), column.begin(), 0.0));
    };
    const double before = norm();
    for (int64_t other = 0; other < 2 * c; ++other) {
      const std::vector<double>& done = columns[static_cast<size_t>(other % c)];
      const double dot = std::inner_product(column.begin(), column.end(), done.begin(), 0.0);
      for (size_t i = 0; i < column.size(); ++i) column[i] -= dot * done[i];
    }
    const double after = norm();
    const double factor = after > 1e-10 * before && after > 0 ? 1 / after : 0;
    for (double& value : column) value *= factor;
    for (int64_t i = 0; i < q.rows; ++i) {
      q.row(i)[c] = static_cast<float>(column[static_cast<size_t>(i)]);
    }
  }
}

// One Jacobi rotation of s and the eigenvectors v that makes s[a][b] zero.
void rotate(Matrix<double>& s, Matrix<double>& v, int64_t a, int64_t b) {
  const double off = s.row(a)[b];
  if (off == 0) return;
  const double theta = (s.row(b)[b] - s.row(a)[a]) / (2 * off);
  const double t = (theta >= 0 ? 1 : -1) / (std::abs(theta) + std::sqrt(theta * theta + 1));
  const double cosine = 1 / std::sqrt(t * t + 1), sine = t * cosine;
  for (int64_t i = 0; i < s.rows; ++i) {
    const double x = s.row(i)[a], y = s.row(i)[b];
    s.row(i)[a] = cosine * x - sine * y;
    s.row(i)[b] = sine * x + cosine * y;
  }
  for (int64_t i = 0; i < s.rows; ++i) {
    const double x = s.row(a)[i], y = s.row(b)[i];
    s.row(a)[i] = cosine * x - sine * y;
    s.row(b)[i] = sine * x + cosine * y;
  }
  for (int64_t i = 0; i < v.rows; ++i) {
    const double x = v.row(i)[a], y = v.row(i)[b];
    v.row(i)[a] = cosine * x - sine * y;
    v.row(i)[b] = sine * x + cosine * y;
  }
}

double off_diagonal(const Matrix<double>& s) {
  double sum = 0;
  for (int64_t i = 0; i < s.rows; ++i) {
    for (int64_t j = 0; j < s.rows; ++j) sum += i == j ? 0 : s.row(i)[j] * s.row(i)[j];
  }
  return sum;
}

// Eigenvectors (columns) of the symmetric s by cyclic Jacobi; s becomes diagonal.
Matrix<double> eigenvectors(Matrix<double>& s) {
  Matrix<double> v(s.rows, s.rows);
  for (int64_t i = 0; i < s.rows; ++i) v.row(i)[i] = 1;
  double size = 0;
  for (const double value : s.values) size += value * value;
  for (int sweep = 0; sweep < kSweepsMax && off_diagonal(s) > 1e-20 * size; ++sweep) {
    for (int64_t a = 0; a < s.rows; ++a) {
      for (int64_t b = a + 1; b < s.rows; ++b) rotate(s, v, a, b);
    }
  }
  return v;
}

// y^T y.
Matrix<double> gram(const Matrix<float>& y) {
  Matrix<double> s(y.columns, y.columns);
  for (int64_t i = 0; i < y.rows; ++i) {
    for (int64_t a = 0; a < y.columns; ++a) {
      const double factor = y.row(i)[a];
      for (int64_t b = 0; b < y.columns; ++b) s.row(a)[b] += factor * y.row(i)[b];
    }
  }
  return s;
}

std::vector<float> centre(std::span<float> values, int64_t rows, int64_t dimension) {
  std::vector<double> sum(static_cast<size_t>(dimension));
  for (size_t i = 0; i < values.size(); ++i) sum[i % sum.size()] += values[i];
  std::vector<float> mean(sum.size());
  for (size_t j = 0; j < sum.size(); ++j) mean[j] = static_cast<float>(sum[j] / rows);
  for (size_t i = 0; i < values.size(); ++i) values[i] -= mean[i % mean.size()];
  return mean;
}

// directions = q * (leading eigenvectors of s), each with its largest entry positive.
void set_directions(const Matrix<float>& q, Matrix<double>& s, Pca& pca) {
  const Matrix<double> v = eigenvectors(s);
  std::vector<int64_t> order(static_cast<size_t>(s.rows));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return s.row(a)[a] > s.row(b)[b]; });
  pca.directions.resize(static_cast<size_t>(pca.dimension * pca.components));
  std::vector<double> direction(static_cast<size_t>(pca.dimension));
  for (int64_t c = 0; c < pca.components; ++c) {
    double largest = 0;
    for (int64_t i = 0; i < pca.dimension; ++i) {
      double sum = 0;
      for (int64_t j = 0; j < s.rows; ++j) {
        sum += q.row(i)[j] * v.row(j)[order[static_cast<size_t>(c)]];
      }
      direction[static_cast<size_t>(i)] = sum;
      if (std::abs(sum) > std::abs(largest)) largest = sum;
    }
    for (int64_t i = 0; i < pca.dimension; ++i) {
      pca.directions[static_cast<size_t>(i * pca.components + c)] = static_cast<float>(
          largest < 0 ? -direction[static_cast<size_t>(i)] : direction[static_cast<size_t>(i)]);
    }
  }
}

}  // namespace

Pca fit_pca(std::span<float> values, int64_t rows, int64_t dimension, int64_t components) {
  SKIPCAST_CHECK(components >= 1 && components < rows && components <= dimension);
  Pca pca{dimension, components, centre(values, rows, dimension), {}};
  Matrix<float> x(0, dimension);
  x.rows = rows;
  x.values.assign(values.begin(), values.end());
  const int64_t wide = std::min({components + kOversampling, rows, dimension});
  Matrix<float> q(dimension, wide), y(rows, wide);
  fill_start(q);
  orthonormalise(q);
  for (int i = 0; i < kIterations; ++i) {
    multiply(x, q, y);
    multiply_transposed(x, y, q);
    orthonormalise(q);
  }
  multiply(x, q, y);
  Matrix<double> s = gram(y);
  set_directions(q, s, pca);
  return pca;
}

void project(const Pca& pca, const float* x, float* out) {
  std::fill_n(out, pca.components, 0.0f);
  for (int64_t i = 0; i < pca.dimension; ++i) {
    add_scaled(x[i] - pca.mean[static_cast<size_t>(i)], pca.directions.data() + i * pca.components,
               pca.components, out);
  }
}

}  // namespace skipcast::retrieval
