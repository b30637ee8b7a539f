#include <algorithm>
#include <mutex>
#include <utility>

#include "retrieval/indexes/device_scan.h"
#include "retrieval/indexes/row_scan.h"

namespace skipcast::retrieval {
namespace {

constexpr int64_t kSpare = 16;            // proposals beyond k, and a quarter of k
constexpr int64_t kAppendRows = 1 << 16;  // at once

int64_t proposed_for(int64_t k) { return k + k / 4 + kSpare; }

class DeviceIndex final : public VectorIndex {
 public:
  DeviceIndex(std::unique_ptr<VectorIndex> rows, DeviceScanMaker maker)
      : host_(std::move(rows)), maker_(std::move(maker)) {
    follow();
  }

  const char* kind() const override { return host_->kind(); }
  int64_t dimension() const override { return host_->dimension(); }
  std::span<const int64_t> ids() const override { return host_->ids(); }
  RowsView rows() const override { return host_->rows(); }
  Approach approach(const Wanted& wanted) const override { return host_->approach(wanted); }
  Status write(const ByteSink& sink) const override { return host_->write(sink); }
  void reserve(int64_t rows) override { host_->reserve(rows); }

  Status add(std::span<const int64_t> ids, std::span<const float> vectors) override {
    SKIPCAST_TRY_OK(host_->add(ids, vectors));
    follow();
    return {};
  }

  Result<std::vector<Neighbour>> search(std::span<const float> query, int64_t k,
                                        std::span<const Interval> allowed,
                                        int64_t /*beam*/) const override {
    return search_exact(query, k, allowed);
  }

  Result<std::vector<Neighbour>> search_exact(std::span<const float> query, int64_t k,
                                              std::span<const Interval> allowed) const override {
    SKIPCAST_TRY_OK(check_query(dimension(), query, k));
    SKIPCAST_TRY(auto found, search_many(query, k, allowed));
    return std::move(found.front());
  }

  Result<std::vector<std::vector<Neighbour>>> search_many(std::span<const float> queries, int64_t k,
                                                          std::span<const Interval> allowed) const;

  Status status() const {
    const std::lock_guard lock(mutex_);
    return failure_;
  }
  int64_t together_max() const {
    const std::lock_guard lock(mutex_);
    if (scan_ == nullptr || !scan_->exact()) return 0;
    int64_t k = scan_->k_max();
    while (k > 0 && proposed_for(k) > scan_->k_max()) --k;
    return k;
  }

 private:
  std::span<const float> query_at(std::span<const float> queries, size_t number) const {
    const auto width = static_cast<size_t>(dimension());
    return queries.subspan(number * width, width);
  }
  void follow();
  void give_up(Status failure) const;
  std::vector<std::vector<int64_t>> proposals(std::span<const float> queries, int64_t k,
                                              std::span<const Interval> rows) const;
  Result<std::vector<Neighbour>> ranked(std::span<const float> query, int64_t k,
                                        std::vector<int64_t> proposed,
                                        std::span<const Interval> rows) const;

  std::unique_ptr<VectorIndex> host_;
  // Guards what follows: a device works off one search after the other.
  mutable std::mutex mutex_;
  DeviceScanMaker maker_;                     // until there are rows
  mutable std::unique_ptr<DeviceScan> scan_;  // null before, and once it has failed
  mutable Status failure_;
  int64_t followed_ = 0;  // rows that are on the device
};

// REQUIRES: mutex_ is held.
void DeviceIndex::give_up(Status failure) const {
  scan_.reset();
  failure_ = std::move(failure);
}

// What is not on the device yet. A scan that cannot take it is given up.
void DeviceIndex::follow() {
  const std::lock_guard lock(mutex_);
  const RowsView view = host_->rows();
  const auto total = static_cast<int64_t>(view.ids.size());
  if (total > 0 && maker_) {
    Result<std::unique_ptr<DeviceScan>> made = std::exchange(maker_, nullptr)(dimension());
    failure_ = made.status();
    if (made.ok()) scan_ = std::move(made).value();
  }
  while (scan_ != nullptr && followed_ < total) {
    const int64_t count = std::min(kAppendRows, total - followed_);
    const float* first = view.vectors + followed_ * view.dimension;
    Status added = scan_->append({first, static_cast<size_t>(count * view.dimension)});
    if (!added.ok()) give_up(std::move(added));
    followed_ += count;
  }
}

// Rows that may be among the nearest, for each query; empty when the device has nothing to say.
std::vector<std::vector<int64_t>> DeviceIndex::proposals(std::span<const float> queries, int64_t k,
                                                         std::span<const Interval> rows) const {
  const std::lock_guard lock(mutex_);
  const int64_t wanted = proposed_for(k);
  if (scan_ == nullptr || wanted > scan_->k_max()) return {};
  std::vector<std::vector<int64_t>> all(queries.size() / static_cast<size_t>(dimension()));
  for (const Interval& range : rows) {
    const auto found = scan_->nearest(queries, std::min(wanted, range.end - range.begin), range);
    if (!found.ok()) {
      give_up(found.status());
      return {};
    }
    for (size_t q = 0; q < all.size(); ++q) {
      all[q].insert(all[q].end(), (*found)[q].begin(), (*found)[q].end());
    }
  }
  return all;
}

// The k nearest of the proposed rows that are allowed, by the CPU's distances.
Result<std::vector<Neighbour>> DeviceIndex::ranked(std::span<const float> query, int64_t k,
                                                   std::vector<int64_t> proposed,
                                                   std::span<const Interval> rows) const {
  std::sort(proposed.begin(), proposed.end());
  proposed.erase(std::unique(proposed.begin(), proposed.end()), proposed.end());
  std::vector<Interval> single;
  for (const int64_t row : proposed) {
    const bool allowed = std::any_of(rows.begin(), rows.end(), [row](const Interval& range) {
      return row >= range.begin && row < range.end;
    });
    if (allowed) single.push_back({row, row + 1});
  }
  RowsView view = host_->rows();
  view.leading = nullptr;  // for long scans
  return scan_rows(view, query, k, single);
}

Result<std::vector<std::vector<Neighbour>>> DeviceIndex::search_many(
    std::span<const float> queries, int64_t k, std::span<const Interval> allowed) const {
  const std::vector<Interval> rows = rows_within(ids(), allowed);
  int64_t available = 0;
  for (const Interval& range : rows) available += range.end - range.begin;
  const auto proposed = proposals(queries, k, rows);
  const size_t count = queries.size() / static_cast<size_t>(dimension());
  std::vector<std::vector<Neighbour>> all;
  for (size_t q = 0; q < count; ++q) {
    std::vector<Neighbour> found;
    if (!proposed.empty()) {
      SKIPCAST_TRY(found, ranked(query_at(queries, q), k, proposed[q], rows));
    }
    if (static_cast<int64_t>(found.size()) < std::min(k, available)) {
      SKIPCAST_TRY(found, host_->search_exact(query_at(queries, q), k, allowed));
    }
    all.push_back(std::move(found));
  }
  return all;
}

}  // namespace

std::unique_ptr<VectorIndex> make_device_index(std::unique_ptr<VectorIndex> rows,
                                               DeviceScanMaker maker) {
  SKIPCAST_CHECK(rows->rows().ids.size() == rows->ids().size());
  return std::make_unique<DeviceIndex>(std::move(rows), std::move(maker));
}

Status device_status(const VectorIndex& index) {
  const auto* on_device = dynamic_cast<const DeviceIndex*>(&index);
  return on_device == nullptr ? Status() : on_device->status();
}

Result<std::vector<std::vector<Neighbour>>> search_together(const VectorIndex& index,
                                                            std::span<const float> queries,
                                                            int64_t k,
                                                            std::span<const Interval> allowed) {
  const auto* on_device = dynamic_cast<const DeviceIndex*>(&index);
  SKIPCAST_CHECK(on_device != nullptr);
  const auto width = static_cast<size_t>(index.dimension());
  if (queries.size() % width != 0) return usage("queries of another size than the index's rows");
  for (size_t first = 0; first < queries.size(); first += width) {
    SKIPCAST_TRY_OK(check_query(index.dimension(), queries.subspan(first, width), k));
  }
  return on_device->search_many(queries, k, allowed);
}

int64_t together_max(const VectorIndex& index) {
  const auto* on_device = dynamic_cast<const DeviceIndex*>(&index);
  return on_device == nullptr ? 0 : on_device->together_max();
}

}  // namespace skipcast::retrieval
