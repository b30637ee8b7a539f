// Archives made up for benches: daily waves with noise that neighbouring places share, and what
// every bench of forecasts needs around them.
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "storage/series/series_store.h"

namespace skipcast::bench {

// The value, or the end of the program with the reason.
template <typename T>
T require(Result<T> result) {
  if (result.ok()) return std::move(result).value();
  fmt::print(stderr, "bench: {}\n", result.status().message());
  std::exit(1);
}

inline std::string argument(int argc, char** argv, const std::string& name,
                            const std::string& otherwise) {
  for (int i = 1; i + 1 < argc; ++i) {
    if (argv[i] == name) return argv[i + 1];
  }
  return otherwise;
}

inline std::string temporary_folder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "skipcast-XXXXXX").string();
  return mkdtemp(pattern.data()) == nullptr ? "" : pattern;
}

struct SimulatedShape {
  int64_t states = 0;
  int64_t nodes = 0;              // of a graph, or 0:
  int64_t rows = 0, columns = 0;  // of a grid
  std::string tasks_json;
};

inline std::unique_ptr<storage::SeriesStore> simulated(const std::string& path,
                                                       const SimulatedShape& shape) {
  storage::Schema schema = {.title = "bench", .tasks_json = shape.tasks_json};
  schema.axis = {.start_s = 1514764800, .step_s = 3600};
  schema.variables = {{.name = "x", .units = "1"}};
  const int64_t places = shape.nodes > 0 ? shape.nodes : shape.rows * shape.columns;
  if (shape.nodes > 0) {
    for (int64_t p = 0; p < places; ++p) schema.places.names.push_back(fmt::format("p{}", p));
  } else {
    schema.places.kind = storage::PlacesKind::kGrid;
    for (int64_t r = 0; r < shape.rows; ++r) {
      schema.places.lat.push_back(90 - 180.0 * double(r) / double(shape.rows - 1));
    }
    for (int64_t c = 0; c < shape.columns; ++c) {
      schema.places.lon.push_back(360.0 * double(c) / double(shape.columns));
    }
  }
  auto store = require(storage::SeriesStore::create(path, schema));
  uint64_t random = 1;
  double weather = 0;
  constexpr int64_t kAtOnce = 256;
  for (int64_t first = 0; first < shape.states; first += kAtOnce) {
    storage::StateBlock block = {.first = first, .states = std::min(kAtOnce, shape.states - first)};
    for (int64_t i = 0; i < block.states * places; ++i) {
      random = random * 6364136223846793005ULL + 1442695040888963407ULL;
      const double kick = static_cast<double>(random >> 33) / double(1ULL << 31) - 0.5;
      weather = 0.995 * weather + 0.1 * kick;
      const double hour = static_cast<double>(first + i / places);
      block.values.push_back(static_cast<float>(std::sin(0.2618 * hour) + weather + kick));
    }
    require(store->append(block));
  }
  return store;
}

}  // namespace skipcast::bench
