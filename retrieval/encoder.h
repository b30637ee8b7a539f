// Encoders: from a window's context to its embedding (the key that retrieval compares).
//
// Queries are windows of the archive too, so every encoder takes origins. A fingerprint changes
// whenever the bits of embeddings may change; an index built with another one is rebuilt.
// The forecast key (the denoiser's mean forecast) implements this interface in engine, so that
// nothing here needs LibTorch. Thread safety: encode() is const and may run from several threads
// unless an implementation says otherwise.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "retrieval/normalizer.h"
#include "storage/series_store.h"
#include "storage/status.h"
#include "storage/window.h"

namespace skipcast::retrieval {

class Encoder {
 public:
  virtual ~Encoder() = default;
  virtual int64_t dimension() const = 0;
  virtual std::string fingerprint() const = 0;
  // Embeddings of the contexts ending at `origins` into out[origins.size(), dimension()].
  // kNotFound / kBadInput name the origin's time when its context is not in the archive.
  virtual Status encode(std::span<const int64_t> origins, std::span<float> out) const = 0;
};

struct ContextKeyOptions {
  storage::WindowSpec spec;
  std::vector<int64_t> variables;   // positions in the normalizer that are compared (the targets)
  double calendar_weight = 0.3;     // weight of sin/cos of hour of day and day of week, 0 = off
  bool hour_of_day = true, day_of_week = true, day_of_year = false;
};

// Flattened normalised context (missing values filled forward, then with 0), variables x places
// x T_in, plus weighted calendar features at the origin. Store and normalizer must outlive it.
Result<std::unique_ptr<Encoder>> make_context_encoder(const storage::SeriesStore& store,
                                                      const Normalizer& normalizer,
                                                      const ContextKeyOptions& options);

// A PCA of another encoder's embeddings, fitted on `origins` (training part), `components`
// leading directions, unscaled (distances approximate the inner encoder's). Owns `inner`.
Result<std::unique_ptr<Encoder>> make_pca_encoder(std::unique_ptr<Encoder> inner,
                                                  std::span<const int64_t> origins,
                                                  int64_t components);

// Weighted mix: distance^2 = w*d_a^2/s_a + (1-w)*d_b^2/s_b, where s is the mean squared distance
// of each key over pairs drawn from `origins`. Concatenates scaled embeddings. Owns both.
Result<std::unique_ptr<Encoder>> make_mixed_encoder(std::unique_ptr<Encoder> a,
                                                    std::unique_ptr<Encoder> b, double weight_a,
                                                    std::span<const int64_t> origins);

}  // namespace skipcast::retrieval
