// Rows of an index once more in the memory of a GPU, and searches there. An interface, so that what
// surrounds it is tested without a GPU; FAISS for GPUs lies behind it (gpu_scan.cc). A scan only
// proposes rows: make_device_index() ranks them by the distances of the CPU, lets the leakage guard
// through on the CPU, and searches on the CPU whatever a scan fails to answer.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "retrieval/indexes/vector_index.h"

namespace skipcast::retrieval {

class DeviceScan {
 public:
  virtual ~DeviceScan() = default;
  // Rows [n, dimension] that follow those present. kUnsupported when the device's memory is full.
  virtual Status append(std::span<const float> vectors) = 0;
  // For each of `queries` [q, dimension] the rows in `range` that are nearest by the device's
  // arithmetic, in no order: the k nearest of them all when exact(), else of those looked at, which
  // may lie outside the range. k <= k_max().
  virtual Result<std::vector<std::vector<int64_t>>> nearest(std::span<const float> queries,
                                                            int64_t k, Interval range) = 0;
  virtual bool exact() const = 0;
  virtual int64_t k_max() const = 0;
};

// Makes an empty scan for rows of so many values. Errors: no device, no memory, no such build.
using DeviceScanMaker = std::function<Result<std::unique_ptr<DeviceScan>>(int64_t dimension)>;

// An index that is searched on a device: `rows` (of a kind that keeps its rows, whatever is in it)
// with a scan, which is made when there is a row to search. With an exact scan results are those of
// a flat index, whatever the kind: distances are the CPU's, and of equal ones the smaller id comes
// first; the scan is asked for a quarter more than k and 16, so that rounding on the device loses a
// neighbour only where that many lie within its error of the k-th (about 1e-6 of the squared
// norms). With another scan neighbours may be missed, but k allowed ones are k found. Where a scan
// fails, or cannot be made, the CPU answers alone from then on, and device_status() says why; it is
// OK for other indexes.
std::unique_ptr<VectorIndex> make_device_index(std::unique_ptr<VectorIndex> rows,
                                               DeviceScanMaker maker);
Status device_status(const VectorIndex& index);

// Many queries that may see the same rows, in one call of the scan: [q][..], as search_exact() of
// each. `index` is one of make_device_index().
Result<std::vector<std::vector<Neighbour>>> search_together(const VectorIndex& index,
                                                            std::span<const float> queries,
                                                            int64_t k,
                                                            std::span<const Interval> allowed);
// The largest k of which search_together() has the device find the k nearest; 0 where it does not:
// with other indexes, and scans that are not exact or have failed.
int64_t together_max(const VectorIndex& index);

enum class GpuScanKind { kFlat, kIvfFlat, kIvfPq };
struct GpuScanOptions {
  GpuScanKind kind = GpuScanKind::kFlat;
  int device = 0;
  int64_t temp_bytes = int64_t{256} << 20;  // FAISS's scratch memory: LibTorch has the rest
  int64_t train_rows = 200000;              // of the kinds with lists, before which they are flat
  int64_t probes = 64;                      // lists looked at
};
// kUnsupported where this build has no FAISS for GPUs, or no device answers.
DeviceScanMaker gpu_scan(const GpuScanOptions& options = {});
bool has_gpu_scan();  // of this build

}  // namespace skipcast::retrieval
