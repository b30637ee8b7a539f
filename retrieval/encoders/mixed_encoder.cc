#include <fmt/format.h>

#include <cmath>

#include "retrieval/encoders/encoder.h"
#include "retrieval/encoders/evenly_spread.h"
#include "storage/files/fingerprint.h"

namespace skipcast::retrieval {
namespace {

constexpr int64_t kSampleRows = 512;  // origins whose pairs set the scale
constexpr int64_t kPairs = 4096;

class MixedEncoder final : public Encoder {
 public:
  MixedEncoder(std::unique_ptr<Encoder> a, std::unique_ptr<Encoder> b, float factor_a,
               float factor_b)
      : a_(std::move(a)), b_(std::move(b)), factor_a_(factor_a), factor_b_(factor_b) {}

  int64_t dimension() const override { return a_->dimension() + b_->dimension(); }

  std::string fingerprint() const override {
    const float factors[] = {factor_a_, factor_b_};
    return "mixed-" + storage::fingerprint_of(fmt::format("mixed 1 {} {} {}", a_->fingerprint(),
                                                          b_->fingerprint(),
                                                          storage::fingerprint_of(factors)));
  }

  Status encode(std::span<const int64_t> origins, std::span<float> out) const override {
    SKIPCAST_TRY_OK(encode_part(*a_, factor_a_, 0, origins, out));
    return encode_part(*b_, factor_b_, a_->dimension(), origins, out);
  }

 private:
  Status encode_part(const Encoder& part, float factor, int64_t column,
                     std::span<const int64_t> origins, std::span<float> out) const {
    const size_t width = static_cast<size_t>(part.dimension());
    std::vector<float> values(origins.size() * width);
    SKIPCAST_TRY_OK(part.encode(origins, values));
    for (size_t i = 0; i < origins.size(); ++i) {
      float* row = out.data() + i * static_cast<size_t>(dimension()) + column;
      for (size_t j = 0; j < width; ++j) row[j] = factor * values[i * width + j];
    }
    return Status();
  }

  std::unique_ptr<Encoder> a_, b_;
  const float factor_a_, factor_b_;
};

// Mean squared distance over pairs of different origins; pairs without embeddings are left out.
Result<double> mean_squared_distance(const Encoder& encoder, std::span<const int64_t> origins) {
  const uint64_t rows = origins.size();
  if (rows < 2) return usage("a mixed key needs at least 2 origins to set its scales");
  const size_t width = static_cast<size_t>(encoder.dimension());
  std::vector<float> values(rows * width);
  SKIPCAST_TRY_OK(encoder.encode(origins, values));
  double sum = 0;
  int64_t pairs = 0;
  for (uint64_t pair = 0; pair < kPairs; ++pair) {
    const uint64_t i = storage::mix_bits(2 * pair) % rows;
    const uint64_t j = (i + 1 + storage::mix_bits(2 * pair + 1) % (rows - 1)) % rows;
    double distance = 0;
    for (size_t c = 0; c < width; ++c) {
      const double d = double{values[i * width + c]} - double{values[j * width + c]};
      distance += d * d;
    }
    if (!std::isfinite(distance)) continue;
    sum += distance;
    ++pairs;
  }
  if (pairs == 0) return usage("a mixed key needs at least 2 origins with data in their contexts");
  return sum / static_cast<double>(pairs);
}

// A key that never varies says nothing: its weight is lost rather than divided by 0.
float factor(double weight, double mean_squared) {
  return mean_squared > 0 ? static_cast<float>(std::sqrt(weight / mean_squared)) : 0.0f;
}

}  // namespace

Result<std::unique_ptr<Encoder>> make_mixed_encoder(std::unique_ptr<Encoder> a,
                                                    std::unique_ptr<Encoder> b, double weight_a,
                                                    std::span<const int64_t> origins) {
  if (!(weight_a >= 0 && weight_a <= 1)) {
    return usage(fmt::format("a mixed key's weight of {} is outside 0..1", weight_a));
  }
  const std::vector<int64_t> chosen = evenly_spread(origins, kSampleRows);
  SKIPCAST_TRY(const double scale_a, mean_squared_distance(*a, chosen));
  SKIPCAST_TRY(const double scale_b, mean_squared_distance(*b, chosen));
  const float factor_a = factor(weight_a, scale_a), factor_b = factor(1 - weight_a, scale_b);
  return std::unique_ptr<Encoder>(new MixedEncoder(std::move(a), std::move(b), factor_a, factor_b));
}

}  // namespace skipcast::retrieval
