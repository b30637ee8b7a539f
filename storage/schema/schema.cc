#include "storage/schema/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <unordered_map>

#include "storage/files/json_document.h"

namespace skipcast::storage {
namespace {

constexpr int64_t kVariablesMax = 4096;
constexpr int64_t kPlacesMax = int64_t{16} << 20;
constexpr int64_t kAdjacencyPlacesMax = 16'384;
constexpr size_t kTextMax = 1024;
constexpr size_t kTasksMax = size_t{1} << 20;
constexpr int kTasksDepthMax = 64;

// Bytes of the UTF-8 sequence at the front of `text`, 0 when it is not valid UTF-8.
size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const bool overlong = (lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xf0 && byte(1) < 0x90);
  const bool outside = (lead == 0xed && byte(1) > 0x9f) || (lead == 0xf4 && byte(1) > 0x8f);
  return overlong || outside ? 0 : length;
}

Status check_text(std::string_view text, const std::string& field) {
  if (text.size() > kTextMax) {
    return bad_input(fmt::format("{} is longer than {} bytes", field, kTextMax));
  }
  for (size_t i = 0; i < text.size();) {
    const size_t length = utf8_length(text.substr(i));
    if (length == 0) return bad_input(fmt::format("{} is not UTF-8 at byte {}", field, i));
    if (static_cast<unsigned char>(text[i]) < 0x20) {
      return bad_input(fmt::format("{} holds a control character at byte {}", field, i));
    }
    i += length;
  }
  return Status();
}

// Texts that name things: not empty, unique, clean.
template <typename NameOf>
Status check_names(int64_t count, NameOf name_of, std::string_view what) {
  std::unordered_map<std::string_view, int64_t> seen;
  for (int64_t i = 0; i < count; ++i) {
    const std::string& name = name_of(i);
    if (name.empty()) return bad_input(fmt::format("{} {} has no name", what, i));
    SKIPCAST_TRY_OK(check_text(name, fmt::format("the name of {} {}", what, i)));
    const auto [previous, added] = seen.emplace(name, i);
    if (!added) {
      return bad_input(fmt::format("{}s {} and {} are both called '{}'; names must be unique", what,
                                   previous->second, i, name));
    }
  }
  return Status();
}

Status check_finite(const std::vector<double>& values, std::string_view field) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) {
      return bad_input(fmt::format("{}[{}] is not a finite number", field, i));
    }
  }
  return Status();
}

Status check_adjacency(const Places& places) {
  if (places.adjacency.empty()) return Status();
  const auto n = static_cast<int64_t>(places.names.size());
  if (places.kind == PlacesKind::kGrid) return bad_input("a grid has no adjacency");
  if (n > kAdjacencyPlacesMax) {
    return bad_input(fmt::format("adjacency of {} places; at most {}", n, kAdjacencyPlacesMax));
  }
  if (static_cast<int64_t>(places.adjacency.size()) != n * n) {
    return bad_input(fmt::format("adjacency has {} values; {} places need {}",
                                 places.adjacency.size(), n, n * n));
  }
  for (int64_t i = 0; i < n * n; ++i) {
    if (!std::isfinite(places.adjacency[i]) || places.adjacency[i] < 0) {
      return bad_input(fmt::format("adjacency[{}, {}] = {}; weights must be finite and >= 0", i / n,
                                   i % n, places.adjacency[i]));
    }
  }
  return Status();
}

Status check_graph(const Places& places) {
  const auto n = static_cast<int64_t>(places.names.size());
  SKIPCAST_TRY_OK(check_names(
      n, [&](int64_t i) -> const std::string& { return places.names[i]; }, "place"));
  if (places.lat.size() != places.lon.size() ||
      (!places.lat.empty() && places.lat.size() != places.names.size())) {
    return bad_input(
        fmt::format("{} latitudes and {} longitudes for {} places; give one of each a "
                    "place, or none",
                    places.lat.size(), places.lon.size(), n));
  }
  return check_adjacency(places);
}

Status check_grid(const Places& places) {
  if (!places.names.empty()) return bad_input("a grid's cells have no names");
  for (size_t i = 1; i < places.lat.size(); ++i) {
    if (places.lat[i] <= places.lat[i - 1]) {
      return bad_input(fmt::format("grid latitudes must ascend; lat[{}] = {} follows {}", i,
                                   places.lat[i], places.lat[i - 1]));
    }
  }
  return check_adjacency(places);
}

Status check_places(const Places& places) {
  const int64_t count = places.count();
  if (count < 1 || count > kPlacesMax) {
    return bad_input(fmt::format("{} places; there must be 1..{}", count, kPlacesMax));
  }
  SKIPCAST_TRY_OK(check_finite(places.lat, "lat"));
  SKIPCAST_TRY_OK(check_finite(places.lon, "lon"));
  return places.kind == PlacesKind::kGrid ? check_grid(places) : check_graph(places);
}

Status check_tasks(const std::string& text) {
  if (text.size() > kTasksMax) {
    return bad_input(fmt::format("the task list is larger than {} bytes", kTasksMax));
  }
  if (json_depth(text) > kTasksDepthMax) return bad_input("the task list is nested too deeply");
  JsonDocument tasks;
  try {
    tasks.parse(text);
    if (tasks.value().is_array()) return Status();
  } catch (const nlohmann::json::exception&) {  // then it is no array either
  }
  return bad_input("the task list is not a JSON array");
}

}  // namespace

int64_t Places::count() const {
  if (kind == PlacesKind::kGraph) return static_cast<int64_t>(names.size());
  return static_cast<int64_t>(lat.size()) * static_cast<int64_t>(lon.size());
}

bool Places::cyclic() const {
  if (kind != PlacesKind::kGrid || lon.size() < 4) return false;
  const double step = lon[1] - lon[0], tolerance = 0.01 * std::abs(step);
  for (size_t i = 1; i < lon.size(); ++i) {
    if (std::abs(lon[i] - lon[i - 1] - step) > tolerance) return false;
  }
  return std::abs(std::abs(step) * static_cast<double>(lon.size()) - 360) <= tolerance;
}

std::vector<double> Places::area_weights() const {
  if (kind != PlacesKind::kGrid) return {};
  std::vector<double> weights;
  double sum = 0;
  for (const double latitude : lat) {
    // A row of cells at a pole has some area still: that of a quarter of a degree beside it.
    const double degrees = std::min(std::abs(latitude), 89.75);
    const double weight = std::cos(degrees * std::numbers::pi / 180);
    weights.insert(weights.end(), lon.size(), weight);
    sum += weight * static_cast<double>(lon.size());
  }
  for (double& weight : weights) weight *= static_cast<double>(count()) / sum;
  return weights;
}

int64_t Schema::variable_index(std::string_view name) const {
  for (size_t i = 0; i < variables.size(); ++i) {
    if (variables[i].name == name) return static_cast<int64_t>(i);
  }
  return -1;
}

int64_t Schema::state_values() const {
  return static_cast<int64_t>(variables.size()) * places.count();
}

Status validate(const Schema& schema) {
  SKIPCAST_TRY_OK(check_text(schema.title, "the title"));
  SKIPCAST_TRY_OK(validate(schema.axis));
  const auto count = static_cast<int64_t>(schema.variables.size());
  if (count < 1 || count > kVariablesMax) {
    return bad_input(fmt::format("{} variables; there must be 1..{}", count, kVariablesMax));
  }
  SKIPCAST_TRY_OK(check_names(
      count, [&](int64_t i) -> const std::string& { return schema.variables[i].name; },
      "variable"));
  for (const Variable& variable : schema.variables) {
    SKIPCAST_TRY_OK(check_text(variable.units, "the units of " + variable.name));
    SKIPCAST_TRY_OK(check_text(variable.long_name, "the long name of " + variable.name));
  }
  SKIPCAST_TRY_OK(check_places(schema.places));
  if (schema.gap_states_max < 0) return bad_input("gap_states_max must not be negative");
  return check_tasks(schema.tasks_json);
}

}  // namespace skipcast::storage
