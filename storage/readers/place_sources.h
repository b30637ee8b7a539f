// Where the names, coordinates and adjacency of places come from, besides the data themselves.
// Internal to the readers.
#pragma once

#include <string>

#include "storage/readers/open_formats.h"
#include "storage/schema/schema.h"
#include "storage/status.h"

namespace skipcast::storage {

// Fills names, lat, lon (and kind) of `places` from the recipe's lists or its station file;
// leaves them empty when the recipe gives none. kBadInput names file, line and column.
Status read_place_list(const Sources& sources, Places& places);

// Fills places.adjacency as the recipe says, [n, n] with n = places.count(). kBadInput for another
// shape, and for NaN, infinite or negative weights with file, row and column.
Status read_adjacency(const Sources& sources, Places& places);

// "place_001", ... when nothing names the places.
void name_places(int64_t count, Places& places);

// The file as given, beside the first data file, or beside the recipe; kNotFound says where it
// was looked for.
Result<std::string> find_file(const Sources& sources, const std::string& name);

}  // namespace skipcast::storage
