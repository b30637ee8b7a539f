// An encoder that anyone can recompute: the context as it is, missing values as -1. With whole
// numbers in the series all distances are exact, so every correct search gives the same bits.
#pragma once

#include <cmath>
#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "retrieval/encoders/encoder.h"
#include "tests/support/window_values.h"

namespace skipcast::tests {

class PlainEncoder final : public retrieval::Encoder {
 public:
  PlainEncoder(const storage::SeriesStore& store, const storage::WindowSpec& spec)
      : store_(store), spec_(spec), variables_(store.schema().variables.size()) {
    std::iota(variables_.begin(), variables_.end(), 0);
  }

  int64_t dimension() const override {
    return spec_.context_states * store_.schema().state_values();
  }
  std::string fingerprint() const override { return "plain 1"; }

  Status encode(std::span<const int64_t> origins, std::span<float> out) const override {
    const auto width = static_cast<size_t>(dimension());
    for (size_t i = 0; i < origins.size(); ++i) {
      const auto row = out.subspan(i * width, width);
      SKIPCAST_TRY_OK(read_context(store_, spec_, origins[i], variables_, row));
      embed(row);
    }
    return Status();
  }

  // What becomes of a context: NaN everywhere when it holds no value at all.
  static void embed(std::span<float> row) {
    bool any = false;
    for (const float value : row) any |= !std::isnan(value);
    for (float& value : row) {
      if (any && std::isnan(value)) value = -1;
    }
  }

 private:
  const storage::SeriesStore& store_;
  const storage::WindowSpec spec_;
  std::vector<int32_t> variables_;
};

}  // namespace skipcast::tests
