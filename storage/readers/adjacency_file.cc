#include "storage/readers/adjacency_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <limits>
#include <memory>
#include <utility>

#include "storage/formats/csv_cells.h"
#include "storage/formats/npy_array.h"
#include "storage/formats/number_text.h"
#include "storage/readers/cell_value.h"

namespace skipcast::storage {
namespace {

constexpr int64_t kNodesMax = 16384;

bool is_weight(double weight) {
  return weight >= 0 && weight <= double{std::numeric_limits<float>::max()};
}

Status not_a_weight(double weight, const std::string& where) {
  return bad_input(
      fmt::format("{}: the weight {} in the adjacency is not a finite 32-bit number from 0 up; "
                  "write 0 where two places are not joined",
                  where, weight));
}

Status other_shape(const std::string& where, const std::string& shape, int64_t n) {
  return bad_input(
      fmt::format("{}: the adjacency is {}, but there are {} places; it must be a "
                  "square table [{}, {}]",
                  where, shape, n, n, n));
}

Status read_table_row(const CsvCells& cells, const CsvRow& row, int64_t n,
                      std::vector<float>& out) {
  if (static_cast<int64_t>(row.size()) != n) {
    return other_shape(cells.position(), fmt::format("{} columns wide", row.size()), n);
  }
  for (int64_t k = 0; k < n; ++k) {
    const std::string_view text = row[static_cast<size_t>(k)];
    const auto where = [&] { return fmt::format("{}, column {}", cells.position(), k + 1); };
    const auto number = parse_number(text);
    if (!number)
      return bad_input(where() + ": " + shown(text) + " is not a weight; write 0 for none");
    if (!is_weight(*number)) return not_a_weight(*number, where());
    out.push_back(static_cast<float>(*number));
  }
  return {};
}

Result<std::vector<float>> read_table(const std::string& path, int64_t n) {
  SKIPCAST_TRY(const std::unique_ptr<CsvCells> cells, CsvCells::open(path, ','));
  std::vector<float> out;
  out.reserve(static_cast<size_t>(n * n));
  CsvRow row;
  for (int64_t rows = 0;; ++rows) {
    SKIPCAST_TRY_OK(cells->read_row(row));
    if (row.empty() && rows == n) return out;
    if (row.empty() || rows == n) {
      return other_shape(path, fmt::format("{}{} rows long", row.empty() ? "" : "more than ", rows),
                         n);
    }
    SKIPCAST_TRY_OK(read_table_row(*cells, row, n, out));
  }
}

Result<std::vector<float>> read_dense(NpyArray& npy, int64_t n) {
  const std::vector<int64_t>& shape = npy.header().shape;
  if (shape.size() != 2 || shape[0] != n || shape[1] != n) {
    return other_shape(npy.position(), fmt::format("[{}]", fmt::join(shape, ", ")), n);
  }
  std::vector<float> out(static_cast<size_t>(n * n));
  std::vector<double> row(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) {
    SKIPCAST_TRY_OK(npy.read(row));
    for (int64_t j = 0; j < n; ++j) {
      const int64_t at = npy.header().fortran_order ? j * n + i : i * n + j;
      const double weight = row[static_cast<size_t>(j)];
      if (!is_weight(weight)) {
        return not_a_weight(
            weight, fmt::format("{}, row {}, column {}", npy.position(), at / n + 1, at % n + 1));
      }
      out[static_cast<size_t>(at)] = static_cast<float>(weight);
    }
  }
  return out;
}

// How SciPy stored the sparse matrix of an npz, "" when the npz holds none.
Result<std::string> sparse_format(const std::string& path) {
  const auto npy = NpyArray::open(path, "format");
  if (npy.status().code() == Code::kNotFound) return std::string();
  if (!npy.ok()) return npy.status();
  SKIPCAST_TRY(const std::vector<std::string> texts, (*npy)->read_texts());
  return texts.size() == 1 ? texts.front() : std::string();
}

Result<std::vector<float>> read_sparse(const std::string& path, const std::string& format,
                                       int64_t n) {
  SKIPCAST_TRY(const std::vector<double> shape, read_npy_vector(path, "shape"));
  if (shape.size() != 2 || shape[0] != static_cast<double>(n) || shape[1] != shape[0]) {
    return other_shape(path, fmt::format("[{}]", fmt::join(shape, ", ")), n);
  }
  SKIPCAST_TRY(const std::vector<double> begins, read_npy_vector(path, "indptr"));
  SKIPCAST_TRY(const std::vector<double> indices, read_npy_vector(path, "indices"));
  SKIPCAST_TRY(const std::vector<double> weights, read_npy_vector(path, "data"));
  const Status damaged = bad_input(path + ": the sparse matrix' arrays do not fit together");
  if (static_cast<int64_t>(begins.size()) != n + 1 || indices.size() != weights.size())
    return damaged;
  std::vector<float> out(static_cast<size_t>(n * n), 0.0F);
  const auto limit = static_cast<double>(weights.size());
  for (int64_t major = 0; major < n; ++major) {
    const double begin = begins[static_cast<size_t>(major)],
                 end = begins[static_cast<size_t>(major) + 1];
    if (!(begin >= 0 && begin <= end && end <= limit)) return damaged;
    for (auto k = static_cast<size_t>(begin); k < static_cast<size_t>(end); ++k) {
      if (!(indices[k] >= 0 && indices[k] < static_cast<double>(n))) return damaged;
      const auto minor = static_cast<int64_t>(indices[k]);
      if (!is_weight(weights[k]))
        return not_a_weight(weights[k], fmt::format("{}, entry {}", path, k));
      const int64_t at = format == "csr" ? major * n + minor : minor * n + major;
      out[static_cast<size_t>(at)] = static_cast<float>(weights[k]);
    }
  }
  return out;
}

}  // namespace

Result<std::vector<float>> read_adjacency_file(const std::string& path, const std::string& array,
                                               int64_t n) {
  if (n > kNodesMax) {
    return bad_input(
        fmt::format("{}: an adjacency of {} places is too large ({} at most); leave "
                    "it out",
                    path, n, kNodesMax));
  }
  if (!path.ends_with(".npz") && !path.ends_with(".npy")) {
    if (array.empty()) return read_table(path, n);
    return bad_input(
        fmt::format("{}: the adjacency {} is looked for in this file, which is no npz; "
                    "correct \"adjacency\" in the recipe",
                    path, shown(array)));
  }
  if (array.empty() && path.ends_with(".npz")) {
    SKIPCAST_TRY(const std::string format, sparse_format(path));
    if (format == "csr" || format == "csc") return read_sparse(path, format, n);
    if (!format.empty()) {
      return bad_input(
          fmt::format("{}: the sparse matrix has the format {}; save it with "
                      "scipy.sparse.save_npz(path, matrix.tocsr())",
                      path, shown(format)));
    }
    return bad_input(path + ": give \"adjacency\": {\"array\": ...}, the matrix' name in this npz");
  }
  SKIPCAST_TRY(const std::unique_ptr<NpyArray> npy, NpyArray::open(path, array));
  return read_dense(*npy, n);
}

}  // namespace skipcast::storage
