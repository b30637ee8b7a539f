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

#include "retrieval/scaling/normalizer.h"
#include "storage/schema/window.h"
#include "storage/series/series_store.h"
#include "storage/status.h"

namespace skipcast::retrieval {

class Encoder {
 public:
  virtual ~Encoder() = default;
  virtual int64_t dimension() const = 0;
  virtual std::string fingerprint() const = 0;  // at most 256 characters
  // Embeddings of the contexts ending at `origins` (any order) into out[origins.size(),
  // dimension()]. The bits of a row depend on its origin alone, not on its companions. A context
  // without a single observed value gets a row of NaN: it has no embedding, cannot be an analog
  // and cannot be searched for. kNotFound / kBadInput name the origin's time when its context is
  // not in the archive.
  virtual Status encode(std::span<const int64_t> origins, std::span<float> out) const = 0;
};

struct ContextKeyOptions {
  storage::WindowSpec spec;
  std::vector<int64_t> variables;  // positions in the normalizer that are compared (the targets)
  // Weight w of each calendar cycle (sin, cos) below against the window, 0 = off: over random
  // pairs a cycle adds w^2 times the mean squared distance of a unit-variance window.
  double calendar_weight = 0.3;
  bool hour_of_day = true, day_of_week = true, day_of_year = false;
};

// Flattened normalised context (missing values filled forward, then with 0), variables x places
// x T_in, plus weighted calendar features (UTC) at the origin. Consecutive origins share one read.
// kUsage for an empty or unknown variable, an empty context, a negative weight. Store and
// normalizer must outlive it.
Result<std::unique_ptr<Encoder>> make_context_encoder(const storage::SeriesStore& store,
                                                      const Normalizer& normalizer,
                                                      const ContextKeyOptions& options);

// A PCA of another encoder's embeddings, fitted on `origins` (training part; at most 2,048 of
// them, evenly spread), `components` leading directions, unscaled (distances approximate the
// inner encoder's from below). Owns `inner`. The same bits on any number of threads. kUsage when
// `components` is not in 1..512 or exceeds the rank that the origins can give.
Result<std::unique_ptr<Encoder>> make_pca_encoder(std::unique_ptr<Encoder> inner,
                                                  std::span<const int64_t> origins,
                                                  int64_t components);

// Weighted mix: distance^2 = w*d_a^2/s_a + (1-w)*d_b^2/s_b, where s is the mean squared distance
// of each key over pairs drawn from `origins`. Concatenates scaled embeddings. Owns both.
// kUsage when the weight is outside [0, 1] or fewer than 2 origins have an embedding.
Result<std::unique_ptr<Encoder>> make_mixed_encoder(std::unique_ptr<Encoder> a,
                                                    std::unique_ptr<Encoder> b, double weight_a,
                                                    std::span<const int64_t> origins);

}  // namespace skipcast::retrieval
