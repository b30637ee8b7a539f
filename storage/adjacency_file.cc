#include "storage/adjacency_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <memory>
#include <utility>

#include "storage/cell_value.h"
#include "storage/csv_cells.h"
#include "storage/npy_array.h"

namespace skipcast::storage {
namespace {

constexpr int64_t kNodesMax = 16384;

Status check_weight(double weight, const std::string& where) {
  if (std::isfinite(weight) && weight >= 0 && std::isfinite(static_cast<float>(weight))) return {};
  return bad_input(
      fmt::format("{}: the weight {} in the adjacency is not a finite number from 0 up; "
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
    SKIPCAST_TRY_OK(check_weight(*number, where()));
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
      if (!std::isfinite(weight) || weight < 0) {
        SKIPCAST_TRY_OK(check_weight(
            weight, fmt::format("{}, row {}, column {}", npy.position(), at / n + 1, at % n + 1)));
      }
      out[static_cast<size_t>(at)] = static_cast<float>(weight);
    }
  }
  return out;
}

// One scalar or short text array as a single text, "" when there is none.
std::string text_array(const std::string& path, const std::string& array) {
  const auto npy = NpyArray::open(path, array);
  if (!npy.ok()) return "";
  const auto texts = (*npy)->read_texts();
  return texts.ok() && texts->size() == 1 ? texts->front() : "";
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
      SKIPCAST_TRY_OK(check_weight(weights[k], fmt::format("{}, entry {}", path, k)));
      const int64_t at = format == "csr" ? major * n + minor : minor * n + major;
      out[static_cast<size_t>(at)] = static_cast<float>(weights[k]);
    }
  }
  return out;
}

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
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
  if (!ends_with(path, ".npz") && !ends_with(path, ".npy")) return read_table(path, n);
  if (array.empty() && ends_with(path, ".npz")) {
    const std::string format = text_array(path, "format");
    if (format == "csr" || format == "csc") return read_sparse(path, format, n);
    return bad_input(path + ": give \"adjacency\": {\"array\": ...}, the matrix' name in this npz");
  }
  SKIPCAST_TRY(const std::unique_ptr<NpyArray> npy, NpyArray::open(path, array));
  return read_dense(*npy, n);
}

}  // namespace skipcast::storage
