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

// Whether a variable holds a text for each element of a dimension.
bool is_text_of(const NcVariable& variable, int id) {
  if (variable.dimensions.empty() || variable.dimensions[0] != id) return false;
  return variable.kind == NcKind::kString
             ? variable.dimensions.size() == 1
             : variable.kind == NcKind::kCharacter && variable.dimensions.size() == 2;
}

// What names the places along a dimension: by its role, its standard name, or as the only text;
// null where nothing does.
Result<const NcVariable*> names_variable(const NcFile& file, int id) {
  const NcVariable *named = nullptr, *role = nullptr;
  std::vector<const NcVariable*> texts;
  for (const NcVariable& variable : file.variables()) {
    if (variable.dimensions.empty() || variable.dimensions[0] != id) continue;
    const bool text = is_text_of(variable, id);
    const bool list = text || (variable.kind == NcKind::kNumber && variable.dimensions.size() == 1);
    const std::string standard = file.text(&variable, "standard_name");
    if (list && file.text(&variable, "cf_role") == "timeseries_id") role = &variable;
    if (list && standard == "platform_name") named = &variable;
    if (list && standard == "platform_id" && !named) named = &variable;
    if (text) texts.push_back(&variable);
  }
  if (role) return role;
  if (named) return named;
  if (texts.size() > 1) {
    return bad_input(fmt::format(
        "{}: both {} and {} could name the places along {}; mark the one that does with the "
        "attribute cf_role = \"timeseries_id\" (ncatted)",
        file.path(), texts[0]->name, texts[1]->name, dimension(file, id).name));
  }
  return texts.empty() ? coordinate_of(file, id) : texts[0];
}

// Whether a dimension is one of places, even where there is only one.
bool lists_places(const NcFile& file, int id) {
  if (is_one_of(dimension(file, id).name, {"station", "stations", "place", "site", "sensor"}))
    return true;
  const auto& all = file.variables();
  return std::any_of(all.begin(), all.end(), [&](const NcVariable& variable) {
    if (is_text_of(variable, id)) return true;
    const bool line =
        variable.dimensions == std::vector<int>{id} && &variable != coordinate_of(file, id);
    return line && (file.text(&variable, "cf_role") == "timeseries_id" ||
                    is_latitude(file, variable) || is_longitude(file, variable));
  });
}

// Whether a dimension is of something else than places: heights, members, versions of the data.
bool is_no_place(const NcFile& file, int id) {
  if (is_one_of(dimension(file, id).name, {"expver",
                                           "level",
                                           "lev",
                                           "levels",
                                           "plev",
                                           "pressure",
                                           "pressure_level",
                                           "isobaricInhPa",
                                           "height",
                                           "altitude",
                                           "depth",
                                           "number",
                                           "member",
                                           "members",
                                           "ensemble",
                                           "ensemble_member",
                                           "ens",
                                           "realization",
                                           "quantile",
                                           "percentile",
                                           "band",
                                           "step",
                                           "bnds",
                                           "nv"}))
    return true;
  const NcVariable* coordinate = coordinate_of(file, id);
  if (!coordinate) return false;
  return file.text(coordinate, "axis") == "Z" || !file.text(coordinate, "positive").empty() ||
         is_one_of(file.text(coordinate, "standard_name"),
                   {"realization", "air_pressure", "height", "altitude", "depth",
                    "model_level_number", "forecast_period"});
}

Result<std::vector<std::string>> station_names(const NcFile& file, int id) {
  SKIPCAST_TRY(const NcVariable* const best, names_variable(file, id));
  if (!best) return std::vector<std::string>();
  if (best->kind != NcKind::kNumber) return file.read_texts(*best);
  SKIPCAST_TRY(const std::vector<double> numbers, read_values(file, *best));
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
  SKIPCAST_TRY(places.lat, read_values(file, *lat));
  SKIPCAST_TRY(places.lon, read_values(file, *lon));
  return places;
}

// The name and position that variables without dimensions give the only place.
Result<Places> place_alone(const NcFile& file, Places places) {
  for (const NcVariable& variable : file.variables()) {
    const size_t rank = variable.kind == NcKind::kCharacter ? 1 : 0;
    if (variable.dimensions.size() != rank) continue;
    const std::string standard = file.text(&variable, "standard_name");
    const bool names = file.text(&variable, "cf_role") == "timeseries_id" ||
                       is_one_of(standard, {"platform_name", "platform_id"});
    if (names && variable.kind != NcKind::kOther && variable.kind != NcKind::kNumber) {
      SKIPCAST_TRY(const std::string name, file.read_text(variable));
      if (!name.empty()) places.names = {name};
    }
    if (variable.kind != NcKind::kNumber) continue;
    const bool lat = is_latitude(file, variable);
    if (!lat && !is_longitude(file, variable)) continue;
    SKIPCAST_TRY(std::vector<double> value, read_values(file, variable));
    (lat ? places.lat : places.lon) = std::move(value);
  }
  if (places.lat.size() != places.lon.size()) places.lat.clear(), places.lon.clear();
  return places;
}

Result<Places> graph_of(const NcFile& file, const NcField& field) {
  Places places;
  if (field.layout.place < 0) {
    name_places(1, places);
    return place_alone(file, places);
  }
  const int id = field.variable.dimensions[static_cast<size_t>(field.layout.place)];
  SKIPCAST_TRY(places.names, station_names(file, id));
  if (places.names.empty()) name_places(dimension(file, id).length, places);
  for (const NcVariable& variable : file.variables()) {
    if (variable.dimensions != std::vector<int>{id} || variable.kind != NcKind::kNumber) continue;
    if (is_latitude(file, variable)) {
      SKIPCAST_TRY(places.lat, read_values(file, variable));
    } else if (is_longitude(file, variable)) {
      SKIPCAST_TRY(places.lon, read_values(file, variable));
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
  if (units.ok()) {
    SKIPCAST_TRY(NcPacking packing, packing_of(file, variable));
    return NcTimeAxis{variable, variable.dimensions[0], *units, std::move(packing)};
  }
  return bad_input(
      fmt::format("{}, variable {}: {}", file.path(), variable.name, units.status().message()));
}

Status check_not_ragged(const NcFile& file) {
  for (const NcVariable& variable : file.variables()) {
    for (const char* attribute : {"sample_dimension", "instance_dimension"}) {
      if (file.text(&variable, attribute).empty()) continue;
      return bad_input(fmt::format(
          "{}: the stations' series lie one after the other along one dimension (a ragged array: "
          "{} has the attribute {}); skipcast needs time x station, so make that first (xarray: "
          "one series a station, then concat)",
          file.path(), variable.name, attribute));
    }
  }
  return {};
}

Result<NcLayout> lay_out(const NcFile& file, const NcTimeAxis& time, const NcVariable& variable) {
  NcLayout layout;
  const auto fault = [&](const std::string& what) {
    return bad_input(fmt::format("{}, variable {}: {}", file.path(), variable.name, what));
  };
  if (variable.kind != NcKind::kNumber)
    return fault("does not hold numbers; pick another with --var");
  int others = 0;
  SKIPCAST_TRY_OK(check_not_ragged(file));
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
    else if (is_no_place(file, id) && dimension(file, id).length != 1)
      return fault(
          fmt::format("its dimension {} is none of places; select one of it first (ncks "
                      "-d {},0, or ncwa for a mean)",
                      dimension(file, id).name, dimension(file, id).name));
    else if (dimension(file, id).length != 1 || (others == 0 && lists_places(file, id)))
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
