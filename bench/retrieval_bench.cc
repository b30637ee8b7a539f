// Searches through AnalogIndex beside the same search as one raw FAISS call: the same rows, k and
// queries, repetitions interleaved, medians. `--out FILE.json` writes the pairs; `--large` adds a
// graph of 200,000 rows, which takes minutes to build twice.

// With LibTorch the wheel's fmt headers come first, and their library is in engine only.
#define FMT_HEADER_ONLY

#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>

#include <cstdlib>
#include <random>

#include "bench/pairs.h"
#include "retrieval/search/analog_index.h"
#include "tests/support/memory_store.h"

namespace skipcast::bench {
namespace {

using namespace skipcast::retrieval;

constexpr int64_t kDimension = 64;
constexpr int64_t kNeighbours = 32;
constexpr int64_t kQueries = 64;
constexpr double kTarget = 1.05;
constexpr double kBatchTarget = 1.1;

// Rows on a random path through 16 directions, as embeddings of successive windows are.
std::vector<float> path_rows(int64_t rows) {
  constexpr int64_t kDirections = 16;
  std::mt19937_64 random(7);
  std::normal_distribution<float> normal;
  std::vector<float> mixing(kDirections * kDimension), state(kDirections);
  for (float& value : mixing) value = normal(random);
  std::vector<float> out(static_cast<size_t>(rows * kDimension));
  for (int64_t i = 0; i < rows; ++i) {
    for (float& value : state) value = 0.8f * value + 0.6f * normal(random);
    for (int64_t j = 0; j < kDimension; ++j) {
      float sum = 0.1f * normal(random);
      for (int64_t d = 0; d < kDirections; ++d) {
        sum += state[static_cast<size_t>(d)] * mixing[static_cast<size_t>(d * kDimension + j)];
      }
      out[static_cast<size_t>(i * kDimension + j)] = sum;
    }
  }
  return out;
}

// Hands out rows made before.
class TableEncoder final : public Encoder {
 public:
  explicit TableEncoder(const std::vector<float>& rows) : rows_(rows) {}
  int64_t dimension() const override { return kDimension; }
  std::string fingerprint() const override { return "table"; }
  Status encode(std::span<const int64_t> origins, std::span<float> out) const override {
    for (size_t i = 0; i < origins.size(); ++i) {
      std::copy_n(rows_.begin() + origins[i] * kDimension, kDimension,
                  out.begin() + static_cast<int64_t>(i) * kDimension);
    }
    return Status();
  }

 private:
  const std::vector<float>& rows_;
};

// An archive of `rows` windows of one context and one future state, its index, and FAISS's.
struct Setup {
  int64_t rows;
  std::vector<float> vectors;
  tests::MemoryStore store;
  std::unique_ptr<AnalogIndex> index;
  std::unique_ptr<faiss::Index> raw;

  Setup(int64_t rows_wanted, const std::string& kind, const HnswOptions& hnsw)
      : rows(rows_wanted),
        vectors(path_rows(rows_wanted)),
        store(tests::memory_schema(1, 1), std::vector<float>(static_cast<size_t>(rows) + 1)) {
    AnalogIndexOptions options{{1, 1}, kind, hnsw};
    index = AnalogIndex::open(store, std::make_shared<TableEncoder>(vectors), options).value();
    if (kind == "flat") {
      raw = std::make_unique<faiss::IndexFlatL2>(kDimension);
    } else {
      auto graph = std::make_unique<faiss::IndexHNSWFlat>(kDimension, hnsw.links);
      graph->hnsw.efConstruction = hnsw.ef_construction;
      graph->hnsw.efSearch = hnsw.ef_search;
      raw = std::move(graph);
    }
    raw->add(rows, vectors.data());
  }

  std::span<const float> query(int64_t i) const {
    const int64_t row = i * 104729 % rows;
    return std::span(vectors).subspan(static_cast<size_t>(row * kDimension), kDimension);
  }
};

Pair make_pair_of(const std::string& name, const Medians& medians, double count, double target) {
  const double ratio = medians.ours_s / medians.raw_s;
  return {name,
          medians.ours_s / count * 1e6,
          medians.raw_s / count * 1e6,
          "us/query",
          ratio,
          fmt::format("<= {}", target),
          ratio <= target};
}

// One query at a time.
Pair search_pair(const std::string& name, const Setup& setup, int repetitions) {
  const Guard guard{{1, 1}};
  const int64_t origin = setup.rows;  // the last observed state: every row is allowed
  std::vector<float> distances(kNeighbours);
  std::vector<int64_t> labels(kNeighbours);
  const auto ours = [&] {
    return seconds_of([&] {
      for (int64_t i = 0; i < kQueries; ++i) {
        const auto found = setup.index->search(setup.query(i), origin, guard, {kNeighbours});
        if (found.value().analogs.size() != kNeighbours) std::abort();
      }
    });
  };
  const auto raw = [&] {
    return seconds_of([&] {
      for (int64_t i = 0; i < kQueries; ++i) {
        setup.raw->search(1, setup.query(i).data(), kNeighbours, distances.data(), labels.data());
      }
    });
  };
  return make_pair_of(name, interleaved(repetitions, ours, raw), kQueries, kTarget);
}

// All queries in one call: both multiply matrices, ours keeps the bits of single searches.
Pair batch_pair(const std::string& name, const Setup& setup, int repetitions) {
  const Guard guard{{1, 1}};
  std::vector<int64_t> origins;
  std::vector<float> queries;
  for (int64_t i = 0; i < kQueries; ++i) {
    origins.push_back(setup.rows - 1 - i);
    const auto row = setup.vectors.begin() + origins.back() * kDimension;
    queries.insert(queries.end(), row, row + kDimension);
  }
  std::vector<float> distances(kQueries * kNeighbours);
  std::vector<int64_t> labels(distances.size());
  const auto ours = [&] {
    return seconds_of([&] {
      if (!setup.index->search_many(origins, guard, {kNeighbours}).ok()) std::abort();
    });
  };
  const auto raw = [&] {
    return seconds_of([&] {
      setup.raw->search(kQueries, queries.data(), kNeighbours, distances.data(), labels.data());
    });
  };
  return make_pair_of(name, interleaved(repetitions, ours, raw), kQueries, kBatchTarget);
}

}  // namespace
}  // namespace skipcast::bench

int main(int argc, char** argv) {
  using namespace skipcast::bench;
  std::vector<Pair> pairs;
  {
    const Setup setup(20000, "flat", {});
    pairs.push_back(search_pair("flat search, 20,000 x 64, k 32", setup, 31));
    pairs.push_back(batch_pair("flat search, 20,000 x 64, 64 at once", setup, 31));
  }
  {
    const Setup setup(200000, "flat", {});
    pairs.push_back(search_pair("flat search, 200,000 x 64, k 32", setup, 11));
    pairs.push_back(batch_pair("flat search, 200,000 x 64, 64 at once", setup, 11));
  }
  {
    const Setup setup(20000, "hnsw", {16, 40, 64});
    pairs.push_back(search_pair("hnsw search, 20,000 x 64, k 32", setup, 51));
  }
  if (argc > 1 && std::string(argv[argc - 1]) == "--large") {
    const Setup setup(200000, "hnsw", {16, 40, 64});
    pairs.push_back(search_pair("hnsw search, 200,000 x 64, k 32", setup, 51));
  }
  return report(pairs, out_file(argc, argv));
}
