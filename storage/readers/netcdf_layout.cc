#include "storage/readers/netcdf_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <sstream>
#include <utility>

#include "storage/formats/csv_cells.h"
#include "storage/readers/place_sources.h"

namespace skipcast::storage {
namespace {

bool is_one_of(const std::string& text, std::initializer_list<const char*> words) {
  return std::any_of(words.begin(), words.end(), [&](const char* word) { return text == word; });
}

bool is_latitude(const NcFile& file, const NcVariable& variable) {
  return file.text(&variable, "standard_name") == "latitude" ||
         is_one_of(file.text(&variable, "units"),
                   {"degrees_north", "degree_north", "degrees_N", "degree_N", "degreesN"}) ||
         is_one_of(variable.name, {"lat", "latitude", "Latitude", "LAT"});
}

bool is_longitude(const NcFile& file, const NcVariable& variable) {
  return file.text(&variable, "standard_name") == "longitude" ||
         is_one_of(file.text(&variable, "units"),
                   {"degrees_east", "degree_east", "degrees_E", "degree_E", "degreesE"}) ||
         is_one_of(variable.name, {"lon", "longitude", "Longitude", "LON"});
}

const NcDimension& dimension(const NcFile& file, int id) {
  return file.dimensions()[static_cast<size_t>(id)];
}

// The one-dimensional number variable named like the dimension.
const NcVariable* coordinate_of(const NcFile& file, int id) {
  const NcVariable* variable = file.find(dimension(file, id).name);
  const bool fits = variable && variable->kind == NcKind::kNumber &&
                    variable->dimensions.size() == 1 && variable->dimensions[0] == id;
  return fits ? variable : nullptr;
}

std::vector<const NcVariable*> time_candidates(const NcFile& file) {
  std::vector<const NcVariable*> found;
  for (const NcVariable& variable : file.variables()) {
    const bool line = variable.kind == NcKind::kNumber && variable.dimensions.size() == 1;
    if (line && CfTime::looks_like_units(file.text(&variable, "units"))) found.push_back(&variable);
  }
  const auto is_main = [&](const NcVariable* variable) {
    return variable->name == dimension(file, variable->dimensions[0]).name;
  };
  if (std::any_of(found.begin(), found.end(), is_main)) {
    found.erase(std::remove_if(found.begin(), found.end(), [&](auto* v) { return !is_main(v); }),
                found.end());
  }
  return found;
}

// Names that other variables mention as their bounds, coordinates and the like.
std::set<std::string> helper_names(const NcFile& file) {
  std::set<std::string> names;
  for (const NcVariable& variable : file.variables()) {
    for (const char* attribute : {"bounds", "coordinates", "grid_mapping", "climatology",
                                  "ancillary_variables", "cell_measures"}) {
      std::istringstream words(file.text(&variable, attribute));
      for (std::string word; words >> word;) names.insert(word);
    }
  }
  return names;
}

std::string text_of(double number) {
  const bool whole = number == std::floor(number) && std::abs(number) < 1e15;
  return whole ? fmt::format("{}", static_cast<int64_t>(number)) : fmt::format("{}", number);
}

Result<std::vector<std::string>> station_names(const NcFile& file, int id) {
  const NcVariable* best = nullptr;
  for (const NcVariable& variable : file.variables()) {
    const bool text = variable.kind == NcKind::kString
                          ? variable.dimensions.size() == 1
                          : variable.kind == NcKind::kCharacter && variable.dimensions.size() == 2;
    if (variable.dimensions.empty() || variable.dimensions[0] != id) continue;
    const bool role = file.text(&variable, "cf_role") == "timeseries_id";
    if (role || (text && !best)) best = &variable;
  }
  if (!best) best = coordinate_of(file, id);
  if (!best) return std::vector<std::string>();
  if (best->kind != NcKind::kNumber) return file.read_texts(*best);
  SKIPCAST_TRY(const std::vector<double> numbers, file.read_vector(*best));
  std::vector<std::string> names;
  names.reserve(numbers.size());
  for (const double number : numbers) names.push_back(text_of(number));
  return names;
}

Result<Places> grid_of(const NcFile& file, const NcField& field) {
  Places places;
  places.kind = PlacesKind::kGrid;
  const auto& ids = field.variable.dimensions;
  const NcVariable* lat = coordinate_of(file, ids[static_cast<size_t>(field.layout.lat)]);
  const NcVariable* lon = coordinate_of(file, ids[static_cast<size_t>(field.layout.lon)]);
  SKIPCAST_TRY(places.lat, file.read_vector(*lat));
  SKIPCAST_TRY(places.lon, file.read_vector(*lon));
  return places;
}

Result<Places> graph_of(const NcFile& file, const NcField& field) {
  Places places;
  if (field.layout.place < 0) {
    name_places(1, places);
    return places;
  }
  const int id = field.variable.dimensions[static_cast<size_t>(field.layout.place)];
  SKIPCAST_TRY(places.names, station_names(file, id));
  if (places.names.empty()) name_places(dimension(file, id).length, places);
  for (const NcVariable& variable : file.variables()) {
    if (variable.dimensions != std::vector<int>{id} || variable.kind != NcKind::kNumber) continue;
    if (is_latitude(file, variable)) {
      SKIPCAST_TRY(places.lat, file.read_vector(variable));
    } else if (is_longitude(file, variable)) {
      SKIPCAST_TRY(places.lon, file.read_vector(variable));
    }
  }
  if (places.lat.size() != places.lon.size()) places.lat.clear(), places.lon.clear();
  return places;
}

}  // namespace

Result<NcTimeAxis> find_time_axis(const NcFile& file, const std::string& recipe_name) {
  std::vector<const NcVariable*> found = time_candidates(file);
  if (!recipe_name.empty()) {
    const NcVariable* named = file.find(recipe_name);
    if (!named || named->dimensions.size() != 1 || named->kind != NcKind::kNumber) {
      return bad_input(
          fmt::format("{}: {}, the recipe's time column, is no variable of numbers with "
                      "one dimension; correct \"time\": {{\"column\": ...}}",
                      file.path(), shown(recipe_name)));
    }
    found = {named};
  }
  if (found.empty()) {
    return bad_input(file.path() +
                     ": no variable is a time axis (one dimension, units such as 'hours "
                     "since 2013-01-01 00:00:00'); skipcast needs one, so add it (ncap2, xarray)");
  }
  if (found.size() > 1) {
    return bad_input(
        fmt::format("{}: both {} and {} could be the time axis; pick one with \"time\": "
                    "{{\"column\": ...}} in a recipe",
                    file.path(), found[0]->name, found[1]->name));
  }
  const NcVariable& variable = *found[0];
  const Result<CfTime> units =
      CfTime::parse(file.text(&variable, "units"), file.text(&variable, "calendar"));
  if (units.ok()) return NcTimeAxis{variable, variable.dimensions[0], *units};
  return bad_input(
      fmt::format("{}, variable {}: {}", file.path(), variable.name, units.status().message()));
}

Result<NcLayout> lay_out(const NcFile& file, const NcTimeAxis& time, const NcVariable& variable) {
  NcLayout layout;
  const auto fault = [&](const std::string& what) {
    return bad_input(fmt::format("{}, variable {}: {}", file.path(), variable.name, what));
  };
  if (variable.kind != NcKind::kNumber)
    return fault("does not hold numbers; pick another with --var");
  int others = 0;
  for (size_t k = 0; k < variable.dimensions.size(); ++k) {
    const int id = variable.dimensions[k], at = static_cast<int>(k);
    const NcVariable* coordinate = coordinate_of(file, id);
    if (id == time.dimension && layout.time >= 0)
      return fault("has the time dimension twice; pick another with --var");
    if (id == time.dimension)
      layout.time = at;
    else if (coordinate && is_latitude(file, *coordinate))
      layout.lat = at;
    else if (coordinate && is_longitude(file, *coordinate))
      layout.lon = at;
    else if (dimension(file, id).length != 1)
      layout.place = at, ++others;
  }
  if (layout.time < 0) return fault("has no time dimension; pick another with --var");
  if (others > 1 || (others == 1 && layout.lat >= 0)) {
    return fault(
        "has more dimensions than time and places (a level, a curvilinear grid?); select "
        "one level or regrid first (ncks -d, cdo remapbil)");
  }
  if ((layout.lat >= 0) != (layout.lon >= 0)) {
    return fault("has latitude or longitude alone; a grid needs both, average or select first");
  }
  return layout;
}

std::vector<NcField> fields_of(const NcFile& file, const NcTimeAxis& time) {
  const std::set<std::string> helpers = helper_names(file);
  std::vector<NcField> fields;
  for (const NcVariable& variable : file.variables()) {
    const bool is_time = CfTime::looks_like_units(file.text(&variable, "units"));
    if (is_time || helpers.count(variable.name) || variable.kind != NcKind::kNumber) continue;
    const bool coordinate =
        variable.dimensions.size() == 1 && coordinate_of(file, variable.dimensions[0]) == &variable;
    if (coordinate) continue;
    const Result<NcLayout> layout = lay_out(file, time, variable);
    if (layout.ok()) fields.push_back({variable, *layout});
  }
  return fields;
}

Result<Places> places_of(const NcFile& file, const NcField& field) {
  return field.layout.is_grid() ? grid_of(file, field) : graph_of(file, field);
}

}  // namespace skipcast::storage
