// Maps as inline SVG: places as dots, grids as cells, on plain degrees scaled to look right at the
// middle latitude. Pure functions, thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/schema/schema.h"
#include "tools/markup/svg_ticks.h"

namespace skipcast::tools {

// Name of a place; a grid cell by its coordinates. Not escaped.
std::string place_name(const storage::Places& places, int64_t place);

// A palette from low to high that is even to the eye and for most colour-blind ones, "#rrggbb".
const std::vector<std::string>& map_palette();
// Its colour for a value; "none" for what is not finite.
std::string map_colour(double value, const Range& range);
// A bar of the palette with the range's ends under it, as HTML; `label` has the unit.
std::string map_legend(std::string_view label, const Range& range);

// What is drawn of a state: nodes as they are, a grid in blocks of cells so that few enough are
// left. Values of a block are means over what is there.
struct MapLayout {
  int64_t rows = 0, columns = 0;               // of blocks; 0 for nodes
  int64_t block = 1;                           // cells along each side of a block
  std::vector<double> x, y;                    // px, one a mark
  double width = 480, height = 320, mark = 7;  // mark: radius, or half a block's width
  double mark_height = 7;
  std::vector<std::string> names;  // one a mark, not escaped
  std::string frame;               // axes and their texts, SVG
};

// False for graphs without coordinates.
bool has_map(const storage::Places& places);
// REQUIRES has_map().
MapLayout layout_of(const storage::Places& places, int64_t marks_max);
// Values of the places -> values of the marks.
std::vector<double> mark_values(const MapLayout& layout, const storage::Places& places,
                                std::span<const double> values);

// The map with a mark per place that a script can colour anew (class "mark", data-i).
std::string map_svg(const MapLayout& layout, std::span<const double> values, const Range& range);
// A small picture of a field that stays as it is, marks of a colour joined: a tenth of the bytes.
std::string map_thumbnail(const MapLayout& layout, std::span<const double> values,
                          const Range& range);

}  // namespace skipcast::tools
