#include "storage/formats/netcdf_places.h"

#include <algorithm>

namespace skipcast::storage {
namespace {

using Type = NetcdfWriter::Type;

int define_position(NetcdfWriter& file, const std::string& name, int dimension, bool is_lat) {
  const int id = file.variable(name, Type::kDouble, {dimension});
  file.text(id, "standard_name", is_lat ? "latitude" : "longitude");
  file.text(id, "units", is_lat ? "degrees_north" : "degrees_east");
  return id;
}

void define_names(NetcdfWriter& file, const Places& places, PlaceAxes& axes) {
  if (places.names.empty()) return;
  for (const std::string& name : places.names) {
    axes.name_length = std::max(axes.name_length, static_cast<int64_t>(name.size()));
  }
  const int length = file.dimension("name_length", axes.name_length);
  axes.name = file.variable("place_name", Type::kChar, {axes.dimensions[0], length});
  file.text(axes.name, "long_name", "name of the place");
  file.text(axes.name, "_Encoding", "utf-8");
  axes.coordinates = "place_name";
}

}  // namespace

Places as_graph(const Places& places) {
  if (places.kind == PlacesKind::kGraph) return places;
  Places cells;
  for (const double lat : places.lat) {
    for (const double lon : places.lon) {
      cells.lat.push_back(lat);
      cells.lon.push_back(lon);
    }
  }
  return cells;
}

PlaceAxes define_places(NetcdfWriter& file, const Places& places) {
  PlaceAxes axes;
  if (places.kind == PlacesKind::kGrid) {
    axes.shape = {static_cast<int64_t>(places.lat.size()), static_cast<int64_t>(places.lon.size())};
    axes.dimensions = {file.dimension("lat", axes.shape[0]), file.dimension("lon", axes.shape[1])};
    axes.lat = define_position(file, "lat", axes.dimensions[0], true);
    axes.lon = define_position(file, "lon", axes.dimensions[1], false);
    file.text(axes.lat, "axis", "Y");
    file.text(axes.lon, "axis", "X");
    return axes;
  }
  const auto count = static_cast<int64_t>(std::max(places.names.size(), places.lat.size()));
  axes.shape = {count};
  axes.dimensions = {file.dimension("place", count)};
  define_names(file, places, axes);
  if (!places.lat.empty()) {
    axes.lat = define_position(file, "lat", axes.dimensions[0], true);
    axes.lon = define_position(file, "lon", axes.dimensions[0], false);
    axes.coordinates += axes.coordinates.empty() ? "lat lon" : " lat lon";
  }
  return axes;
}

void put_places(NetcdfWriter& file, const Places& places, const PlaceAxes& axes) {
  if (axes.name >= 0) file.put(axes.name, places.names, axes.name_length);
  if (axes.lat >= 0) file.put(axes.lat, std::span<const double>(places.lat));
  if (axes.lon >= 0) file.put(axes.lon, std::span<const double>(places.lon));
}

}  // namespace skipcast::storage
