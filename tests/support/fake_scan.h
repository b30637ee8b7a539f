// A device that is none: rows scanned here, in the way of a GPU, or badly, as a test wants it.
#pragma once

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "retrieval/indexes/device_scan.h"

namespace skipcast::tests {

// What the fake device does.
struct Behaviour {
  bool partial = false;       // looks at every other row, also outside the range
  int fails_after = 1 << 30;  // searches
  int64_t room = 1 << 30;     // rows
  int searches = 0;
  int made = 0;  // scans
};

class FakeScan : public retrieval::DeviceScan {
 public:
  FakeScan(int64_t width, Behaviour& behaviour) : width_(width), behaviour_(behaviour) {}
  bool exact() const override { return !behaviour_.partial; }
  int64_t k_max() const override { return 100; }

  Status append(std::span<const float> vectors) override {
    rows_.insert(rows_.end(), vectors.begin(), vectors.end());
    if (count() > behaviour_.room) return {Code::kUnsupported, "the memory is full"};
    return {};
  }

  Result<std::vector<std::vector<int64_t>>> nearest(std::span<const float> queries, int64_t k,
                                                    retrieval::Interval range) override {
    if (++behaviour_.searches > behaviour_.fails_after) return Status(Code::kUnsupported, "gone");
    std::vector<std::vector<int64_t>> all;
    for (size_t q = 0; q < queries.size(); q += static_cast<size_t>(width_)) {
      all.push_back(one(queries.data() + q, k, range));
    }
    return all;
  }

 private:
  int64_t count() const { return static_cast<int64_t>(rows_.size()) / width_; }

  // Distances by |x|^2 - 2 x y + |y|^2 in half of float's digits, as matrix products round them.
  std::vector<int64_t> one(const float* query, int64_t k, retrieval::Interval range) const {
    std::vector<std::pair<float, int64_t>> found;
    const int64_t step = behaviour_.partial ? 2 : 1;
    const retrieval::Interval seen = behaviour_.partial ? retrieval::Interval{0, count()} : range;
    for (int64_t row = seen.begin; row < seen.end; row += step) {
      float norms = 0, product = 0;
      for (int64_t i = 0; i < width_; ++i) {
        const float x = query[i], y = rows_[static_cast<size_t>(row * width_ + i)];
        norms += x * x + y * y;
        product += x * y;
      }
      found.emplace_back(std::round((norms - 2 * product) * 1e4f) / 1e4f, -row);
    }
    std::sort(found.begin(), found.end());
    found.resize(std::min(found.size(), static_cast<size_t>(k)));
    std::vector<int64_t> rows;
    for (const auto& [distance, row] : found) rows.push_back(-row);
    std::reverse(rows.begin(), rows.end());
    return rows;
  }

  const int64_t width_;
  Behaviour& behaviour_;
  std::vector<float> rows_;
};

// Scans that behave so; `behaviour` must outlive them.
inline retrieval::DeviceScanMaker scan_maker(Behaviour& behaviour) {
  return [&behaviour](int64_t width) -> Result<std::unique_ptr<retrieval::DeviceScan>> {
    ++behaviour.made;
    return std::unique_ptr<retrieval::DeviceScan>(std::make_unique<FakeScan>(width, behaviour));
  };
}

}  // namespace skipcast::tests
