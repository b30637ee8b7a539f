// The places of an archive as CF dimensions and coordinates: place with names (graph), or lat and
// lon (grid). Shared by forecast and evaluation files.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "storage/formats/netcdf_writer.h"
#include "storage/schema/schema.h"

namespace skipcast::storage {

struct PlaceAxes {
  std::vector<int> dimensions;  // {place} or {lat, lon}
  std::vector<int64_t> shape;
  std::string coordinates;  // auxiliary coordinates for the "coordinates" attribute
  int name = -1, lat = -1, lon = -1;
  int64_t name_length = 0;
};

// A grid's cells in a row, as unnamed graph places with a position each.
Places as_graph(const Places& places);

PlaceAxes define_places(NetcdfWriter& file, const Places& places);
void put_places(NetcdfWriter& file, const Places& places, const PlaceAxes& axes);

}  // namespace skipcast::storage
