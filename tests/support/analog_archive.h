// A small archive in memory, its encoder and its analog index, for tests; folders for their files.
#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "retrieval/search/analog_index.h"
#include "storage/files/file_io.h"
#include "tests/support/memory_store.h"
#include "tests/support/synthetic_series.h"

namespace skipcast::tests {

inline constexpr storage::WindowSpec kSpec{6, 4};
inline constexpr int64_t kStates = 400;

inline std::vector<float> values_of(int64_t states) {
  return synthetic_values({states, 1, 3, 61, 0.02});
}

// A store of `states` states of one fixed series, and its encoder.
struct Archive {
  std::unique_ptr<MemoryStore> store;
  std::shared_ptr<const retrieval::Normalizer> normalizer;
  std::shared_ptr<const retrieval::Encoder> encoder;

  explicit Archive(int64_t states, storage::Schema schema = memory_schema(1, 3))
      : store(std::make_unique<MemoryStore>(std::move(schema), values_of(states))) {
    normalizer = std::make_shared<retrieval::Normalizer>(
        retrieval::Normalizer::fit(*store,
                                   {{0}, retrieval::Base::kMean, std::min<int64_t>(200, states)})
            .value());
    encoder = retrieval::make_context_encoder(*store, *normalizer, {kSpec, {0}}).value();
  }

  void grow(int64_t states) {
    const std::vector<float> all = values_of(states);
    const int64_t first = store->size();
    REQUIRE(store->append({first, states - first, {all.begin() + first * 3, all.end()}}).ok());
  }

  std::unique_ptr<retrieval::AnalogIndex> index(const std::string& path = "",
                                                const std::string& kind = "flat",
                                                const retrieval::DeviceScanMaker& scan = {}) const {
    retrieval::AnalogIndexOptions options{kSpec, kind};
    options.scan = scan;
    options.path = path;
    options.batch = 64;
    return retrieval::AnalogIndex::open(*store, encoder, options).value();
  }
};

inline std::vector<std::vector<retrieval::Neighbour>> answers(const retrieval::AnalogIndex& index,
                                                              int64_t states) {
  std::vector<std::vector<retrieval::Neighbour>> found;
  for (int64_t origin = 100; origin < states; origin += 29) {
    found.push_back(index.search(origin, {kSpec}, {8, 3}).value().analogs);
  }
  return found;
}

inline bool says(const retrieval::AnalogIndex& index, const std::string& words) {
  for (const std::string& note : index.notes()) {
    if (note.find(words) != std::string::npos) return true;
  }
  return false;
}

// A folder where a sync costs nothing, for tests that write thousands of files.
struct MemoryFolder {
  std::string path =
      (std::filesystem::is_directory("/dev/shm") ? std::filesystem::path("/dev/shm")
                                                 : std::filesystem::temp_directory_path()) /
      "skipcast-XXXXXX";

  MemoryFolder() { REQUIRE(mkdtemp(path.data()) != nullptr); }
  ~MemoryFolder() { std::filesystem::remove_all(path); }
};

inline void write_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

inline std::string read_bytes(const std::string& path) {
  return storage::read_file(path, int64_t{1} << 30).value();
}

}  // namespace skipcast::tests
