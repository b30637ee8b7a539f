// What a series consists of: its axis, variables and places. Stored as CONFIG.json.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "storage/schema/time_axis.h"
#include "storage/status.h"

namespace skipcast::storage {

// How the rows of a variable lie on disk; both are exact for float32.
enum class Codec { kFloat32, kZstd };

struct Variable {
  std::string name;            // unique in the series
  std::string units;           // UDUNITS text, "1" when dimensionless
  std::string long_name;       // for axis labels; may be empty
  bool log_transform = false;  // models work on log(1 + value); storage keeps values as they came
  Codec codec = Codec::kFloat32;

  bool operator==(const Variable&) const = default;
};

enum class PlacesKind { kGraph, kGrid };

// The places of a state, in storage order. A grid is row-major [lat, lon], latitude
// ascending (readers flip descending files).
struct Places {
  PlacesKind kind = PlacesKind::kGraph;
  std::vector<std::string> names;  // graph: one a node, unique; grid: empty
  std::vector<double> lat, lon;    // graph: one a node or empty; grid: the two axes
  std::vector<float> adjacency;    // graph: [n, n] row-major weights >= 0, or empty

  int64_t count() const;  // nodes, or cells
  // A grid whose longitudes, evenly spaced, go once around: its last column is beside its first.
  bool cyclic() const;
  // Of a grid: what share of the area each cell has, cos(latitude) at mean 1, [count()]; else
  // empty.
  std::vector<double> area_weights() const;
  bool operator==(const Places&) const = default;
};

struct Schema {
  std::string title;  // one line for plots and reports
  TimeAxis axis;
  std::vector<Variable> variables;
  Places places;
  int64_t gap_states_max = 0;     // longest run of missing states an append may bridge; 0 = any
  std::string tasks_json = "[]";  // JSON array of task objects; engine/data/task.h reads them

  int64_t variable_index(std::string_view name) const;  // -1 when absent
  int64_t state_values() const;                         // variables x places
};

// Unique non-empty names, finite adjacency of the right size, sane sizes
// (<= 4,096 variables, <= 16 Mi places); the message names the field and position.
Status validate(const Schema& schema);

// JSON text <-> Schema. from_json checks with validate(); unknown keys are errors.
std::string to_json(const Schema& schema);
Result<Schema> schema_from_json(std::string_view text, std::string_view file_name);

}  // namespace skipcast::storage
