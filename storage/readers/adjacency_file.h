// Adjacency matrices from files: square CSV tables, NumPy arrays, SciPy's sparse files.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "storage/status.h"

namespace skipcast::storage {

// The [n, n] row-major weights in `path`: an npz's or npy's `array`; an npz that SciPy's
// save_npz() wrote (csr or csc; `array` empty); otherwise a CSV table without header, plain or
// gzip. kBadInput names the file, row and column of another shape, of NaN, infinite or negative
// weights; n above 16,384 is refused.
Result<std::vector<float>> read_adjacency_file(const std::string& path, const std::string& array,
                                               int64_t n);

}  // namespace skipcast::storage
