#include "storage/readers/place_sources.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "storage/formats/csv_cells.h"
#include "storage/formats/number_text.h"
#include "storage/readers/adjacency_file.h"
#include "storage/readers/cell_value.h"

namespace skipcast::storage {
namespace {

constexpr size_t kPlacesMax = size_t{1} << 24;

// The station file's columns: name, and lat and lon when the recipe names them.
struct StationColumns {
  size_t name = 0;
  std::optional<size_t> lat, lon;
};

Result<size_t> find_column(const CsvCells& cells, const CsvRow& header, const std::string& name) {
  for (size_t k = 0; k < header.size(); ++k) {
    if (header[k] == name) return k;
  }
  return bad_input(fmt::format("{}: there is no column {}; correct \"places\" in the recipe",
                               cells.position(), shown(name)));
}

Result<StationColumns> station_columns(const CsvCells& cells, const CsvRow& header,
                                       const PlacesRecipe& recipe) {
  StationColumns columns;
  if (!recipe.name_column.empty()) {
    SKIPCAST_TRY(columns.name, find_column(cells, header, recipe.name_column));
  }
  if (!recipe.lat_column.empty()) {
    SKIPCAST_TRY(columns.lat, find_column(cells, header, recipe.lat_column));
  }
  if (!recipe.lon_column.empty()) {
    SKIPCAST_TRY(columns.lon, find_column(cells, header, recipe.lon_column));
  }
  return columns;
}

Status add_degrees(const CsvCells& cells, const CsvRow& row, std::optional<size_t> column,
                   std::vector<double>& out) {
  if (!column) return {};
  const auto number = *column < row.size() ? parse_number(row[*column]) : std::nullopt;
  if (!number || !(std::abs(*number) <= 360)) {
    return bad_input(fmt::format("{}, column {}: {} is no coordinate in degrees; correct it",
                                 cells.position(), *column + 1,
                                 *column < row.size() ? shown(row[*column]) : "nothing"));
  }
  out.push_back(*number);
  return {};
}

Status read_station_file(const Sources& sources, Places& places) {
  const PlacesRecipe& recipe = sources.recipe.places;
  SKIPCAST_TRY(const std::string path, find_file(sources, recipe.file));
  SKIPCAST_TRY(const std::unique_ptr<CsvCells> cells,
               CsvCells::open(path, sources.recipe.separator));
  CsvRow row;
  StationColumns columns;
  if (!recipe.name_column.empty()) {
    SKIPCAST_TRY_OK(cells->read_row(row));
    SKIPCAST_TRY(columns, station_columns(*cells, row, recipe));
  }
  SKIPCAST_TRY_OK(cells->read_row(row));
  while (!row.empty()) {
    if (columns.name >= row.size() || places.names.size() == kPlacesMax) {
      return bad_input(cells->position() + ": no name of a place in this line; complete it");
    }
    places.names.emplace_back(row[columns.name]);
    SKIPCAST_TRY_OK(add_degrees(*cells, row, columns.lat, places.lat));
    SKIPCAST_TRY_OK(add_degrees(*cells, row, columns.lon, places.lon));
    SKIPCAST_TRY_OK(cells->read_row(row));
  }
  return {};
}

}  // namespace

Result<std::string> find_file(const Sources& sources, const std::string& name) {
  namespace fs = std::filesystem;
  const fs::path beside_data = fs::path(sources.files.front()).parent_path() / name;
  const fs::path beside_recipe = fs::path(sources.recipe.path).parent_path() / name;
  std::error_code error;
  for (const fs::path& path : {beside_data, beside_recipe, fs::path(name)}) {
    if (fs::is_regular_file(path, error)) return path.string();
  }
  return not_found(
      fmt::format("{}: the recipe names the file {}, which is neither at {} nor at {}; "
                  "put it there",
                  sources.recipe.path, shown(name), beside_data.string(), beside_recipe.string()));
}

Status read_place_list(const Sources& sources, Places& places) {
  const PlacesRecipe& recipe = sources.recipe.places;
  places.kind = recipe.grid ? PlacesKind::kGrid : PlacesKind::kGraph;
  places.names = recipe.names;
  places.lat = recipe.lat;
  places.lon = recipe.lon;
  return recipe.file.empty() ? Status() : read_station_file(sources, places);
}

void name_places(int64_t count, Places& places) {
  for (int64_t k = 1; k <= count; ++k) places.names.push_back(fmt::format("place_{:03}", k));
}

Status read_adjacency(const Sources& sources, Places& places) {
  const AdjacencyRecipe& recipe = sources.recipe.adjacency;
  if (recipe.file.empty() && recipe.array.empty()) return {};
  if (places.kind == PlacesKind::kGrid) {
    return bad_input(sources.recipe.path + ": a grid has no \"adjacency\"; remove it");
  }
  std::string path = sources.files.front();
  if (!recipe.file.empty()) {
    SKIPCAST_TRY(path, find_file(sources, recipe.file));
  }
  SKIPCAST_TRY(places.adjacency, read_adjacency_file(path, recipe.array, places.count()));
  return {};
}

}  // namespace skipcast::storage
