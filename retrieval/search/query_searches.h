// The searches made for one query: its embedding is made once for each index, and what was found is
// used again where the same, or fewer of the same, is asked for. Not thread-safe: one for a query.
#pragma once

#include <cstdint>
#include <vector>

#include "retrieval/search/analog_index.h"

namespace skipcast::retrieval {

class QuerySearches {
 public:
  // index.search(origin, guard, options), from memory where that is known: a search with the same
  // guard and separation for as many, or an exact one for more. The index must outlive this.
  Result<AnalogResult> search(const AnalogIndex& index, int64_t origin, const Guard& guard,
                              const SearchOptions& options);

  // Embeddings and searches made, not those used again.
  int64_t encoded() const { return static_cast<int64_t>(embeddings_.size()); }
  int64_t searched() const { return static_cast<int64_t>(searches_.size()); }

 private:
  struct Embedding {
    const AnalogIndex* index;
    int64_t origin;
    std::vector<float> values;
  };
  struct Search {
    const AnalogIndex* index;
    int64_t origin;
    Guard guard;
    SearchOptions options;
    AnalogResult found;
  };

  Result<std::vector<float>> embedding(const AnalogIndex& index, int64_t origin);

  std::vector<Embedding> embeddings_;
  std::vector<Search> searches_;
};

}  // namespace skipcast::retrieval
