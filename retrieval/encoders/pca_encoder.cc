#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "retrieval/encoders/encoder.h"
#include "retrieval/encoders/evenly_spread.h"
#include "retrieval/encoders/pca_fit.h"
#include "storage/files/fingerprint.h"

namespace skipcast::retrieval {
namespace {

constexpr int64_t kSampleRows = 2048;
constexpr int64_t kComponentsMax = 512;
constexpr int64_t kBatchValues = 1 << 21;  // floats of inner embeddings held at once, about

class PcaEncoder final : public Encoder {
 public:
  PcaEncoder(std::unique_ptr<Encoder> inner, Pca pca)
      : inner_(std::move(inner)), pca_(std::move(pca)) {}

  int64_t dimension() const override { return pca_.components; }

  std::string fingerprint() const override {
    return "pca-" +
           storage::fingerprint_of(fmt::format("pca 1 {} {} {} {}", inner_->fingerprint(),
                                               pca_.components, storage::fingerprint_of(pca_.mean),
                                               storage::fingerprint_of(pca_.directions)));
  }

  Status encode(std::span<const int64_t> origins, std::span<float> out) const override {
    const size_t batch = static_cast<size_t>(std::max<int64_t>(1, kBatchValues / pca_.dimension));
    std::vector<float> inner;
    for (size_t begin = 0; begin < origins.size(); begin += batch) {
      const size_t count = std::min(batch, origins.size() - begin);
      inner.resize(count * static_cast<size_t>(pca_.dimension));
      SKIPCAST_TRY_OK(inner_->encode(origins.subspan(begin, count), inner));
      for (size_t i = 0; i < count; ++i) {
        project(pca_, inner.data() + i * static_cast<size_t>(pca_.dimension),
                out.data() + (begin + i) * static_cast<size_t>(pca_.components));
      }
    }
    return Status();
  }

 private:
  std::unique_ptr<Encoder> inner_;
  const Pca pca_;
};

bool finite_row(std::span<const float> row) {
  return std::all_of(row.begin(), row.end(), [](float value) { return std::isfinite(value); });
}

// Embeddings of up to kSampleRows of the origins, evenly spread, rows without one left out.
Result<std::vector<float>> sample(const Encoder& inner, std::span<const int64_t> origins) {
  const std::vector<int64_t> chosen = evenly_spread(origins, kSampleRows);
  const size_t width = static_cast<size_t>(inner.dimension());
  std::vector<float> values(chosen.size() * width);
  SKIPCAST_TRY_OK(inner.encode(chosen, values));
  size_t kept = 0;
  for (size_t i = 0; i < chosen.size(); ++i) {
    const auto row = std::span<const float>(values).subspan(i * width, width);
    if (!finite_row(row)) continue;
    std::copy(row.begin(), row.end(), values.begin() + static_cast<int64_t>(kept * width));
    ++kept;
  }
  values.resize(kept * width);
  return values;
}

}  // namespace

Result<std::unique_ptr<Encoder>> make_pca_encoder(std::unique_ptr<Encoder> inner,
                                                  std::span<const int64_t> origins,
                                                  int64_t components) {
  SKIPCAST_TRY(std::vector<float> values, sample(*inner, origins));
  const int64_t dimension = inner->dimension();
  const int64_t rows = static_cast<int64_t>(values.size()) / dimension;
  const int64_t most = std::min({kComponentsMax, rows - 1, dimension});
  if (components < 1 || components > most) {
    return usage(
        fmt::format("{} components of a {}-dimensional key from {} windows: "
                    "choose 1 to {}",
                    components, dimension, rows, std::max<int64_t>(most, 1)));
  }
  Pca pca = fit_pca(values, rows, dimension, components);
  return std::unique_ptr<Encoder>(new PcaEncoder(std::move(inner), std::move(pca)));
}

}  // namespace skipcast::retrieval
