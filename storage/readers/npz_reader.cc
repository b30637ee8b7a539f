// NPZ and NPY arrays as states. Arrays are read front to back, so the first axis must be time and
// the order in memory C's; each variable is a slice of an array's rows.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "storage/formats/cf_time.h"
#include "storage/formats/csv_cells.h"
#include "storage/formats/npy_array.h"
#include "storage/readers/cell_value.h"
#include "storage/readers/open_formats.h"
#include "storage/readers/place_sources.h"
#include "storage/readers/regular_states.h"

namespace skipcast::storage {
namespace {

constexpr int64_t kRowElementsMax = int64_t{1} << 28;

// An array whose rows are states, or hold them, and what its other axes mean.
struct RowArray {
  std::unique_ptr<NpyArray> npy;
  std::vector<double> row;
  int64_t places = 1, lat = 0, lon = 0;
  // Elements between neighbours; place for graphs, lat and lon for grids.
  int64_t place_stride = 0, lat_stride = 0, lon_stride = 0, variable_stride = 0;
  int64_t variables = 0;  // length of the "variable" axis, 0 = none
};

struct Slice {  // a variable's values in a row
  size_t array;
  int64_t offset;
};

class NpzStates : public TimedStates {
 public:
  NpzStates(std::vector<RowArray> arrays, std::vector<Slice> slices, const Recipe& recipe)
      : arrays_(std::move(arrays)), slices_(std::move(slices)), axis_(schema_of(recipe).axis) {
    for (const VariableRecipe& variable : recipe.variables) rules_.emplace_back(variable);
    states_ = arrays_.front().npy->header().shape[0];
  }
  // Rows of the file run from north to south.
  void flip_latitude() { flip_ = true; }
  void set_times(std::vector<int64_t> times) { times_ = std::move(times); }

  Result<std::optional<TimedState>> next() override;
  std::string position(const TimedState& state) const override;
  double progress() const override;

 private:
  int64_t element(const RowArray& array, int64_t place) const;
  Status take(const Slice& slice, const ValueRule& rule, float* out);

  std::vector<RowArray> arrays_;
  const std::vector<Slice> slices_;
  std::vector<ValueRule> rules_;
  const TimeAxis axis_;
  std::vector<int64_t> times_;  // empty: by start and step
  int64_t states_ = 0, state_ = 0;
  bool flip_ = false;
};

int64_t NpzStates::element(const RowArray& array, int64_t place) const {
  if (array.lon == 0) return place * array.place_stride;
  const int64_t lat = place / array.lon, lon = place % array.lon;
  return (flip_ ? array.lat - 1 - lat : lat) * array.lat_stride + lon * array.lon_stride;
}

Status NpzStates::take(const Slice& slice, const ValueRule& rule, float* out) {
  const RowArray& array = arrays_[slice.array];
  const NpyType& type = array.npy->header().type;
  const bool single = type.kind == 'f' && type.item_bytes == 4;
  for (int64_t place = 0; place < array.places; ++place) {
    const int64_t at = slice.offset + element(array, place);
    const double number = array.row[static_cast<size_t>(at)];
    const Result<float> value = single ? rule.from_single(number) : rule.from_number(number);
    if (!value.ok()) {
      return bad_input(fmt::format("{}, time index {}, element {}: {}", array.npy->position(),
                                   state_, at, value.status().message()));
    }
    out[place] = *value;
  }
  return {};
}

Result<std::optional<TimedState>> NpzStates::next() {
  if (state_ == states_) return std::optional<TimedState>();
  for (RowArray& array : arrays_) SKIPCAST_TRY_OK(array.npy->read(array.row));
  TimedState state{.line = state_ + 1};
  state.time_s = times_.empty() ? axis_.time_at(state_) : times_[static_cast<size_t>(state_)];
  const int64_t places = arrays_.front().places;
  state.values.resize(slices_.size() * static_cast<size_t>(places));
  for (size_t v = 0; v < slices_.size(); ++v) {
    SKIPCAST_TRY_OK(
        take(slices_[v], rules_[v], state.values.data() + v * static_cast<size_t>(places)));
  }
  ++state_;
  return std::optional<TimedState>(std::move(state));
}

std::string NpzStates::position(const TimedState& state) const {
  const std::string& where = arrays_.front().npy->position();
  return state.line > 0 ? fmt::format("{}, time index {}", where, state.line - 1) : where;
}

double NpzStates::progress() const {
  return states_ == 0 ? 1 : static_cast<double>(state_) / static_cast<double>(states_);
}

std::vector<std::string> dimensions_of(const Recipe& recipe, const VariableRecipe& variable) {
  if (!recipe.dimensions.empty()) return recipe.dimensions;
  if (recipe.places.grid) return {"time", "lat", "lon"};
  if (variable.index) return {"time", "place", "variable"};
  return {"time", "place"};
}

Status set_axis(RowArray& array, const std::string& name, int64_t length, int64_t stride) {
  if (name == "place")
    array.places = length, array.place_stride = stride;
  else if (name == "lat")
    array.lat = length, array.lat_stride = stride;
  else if (name == "lon")
    array.lon = length, array.lon_stride = stride;
  else if (name == "variable")
    array.variables = length, array.variable_stride = stride;
  else
    return bad_input("\"dimensions\" know time, place, lat, lon and variable, not " + shown(name));
  return {};
}

Status lay_out(RowArray& array, const std::vector<std::string>& dimensions) {
  const NpyHeader& header = array.npy->header();
  const std::string& where = array.npy->position();
  if (header.shape.size() != dimensions.size() || header.shape.empty() || header.shape[0] == 0) {
    return bad_input(
        fmt::format("{}: has the shape [{}] where [{}] is expected; correct "
                    "\"dimensions\" or \"source\" in the recipe",
                    where, fmt::join(header.shape, ", "), fmt::join(dimensions, ", ")));
  }
  if (dimensions[0] != "time" || (header.fortran_order && header.shape.size() > 1)) {
    return bad_input(where +
                     ": time must be the first axis, in C order; save "
                     "np.ascontiguousarray(np.moveaxis(data, axis_of_time, 0))");
  }
  int64_t stride = 1;
  for (size_t k = dimensions.size(); --k > 0;) {
    if (std::find(dimensions.begin(), dimensions.begin() + k, dimensions[k]) !=
        dimensions.begin() + k) {
      return bad_input(fmt::format("{}: \"dimensions\" name {} twice; correct the recipe", where,
                                   shown(dimensions[k])));
    }
    const Status known = set_axis(array, dimensions[k], header.shape[k], stride);
    if (!known.ok()) return bad_input(where + ": " + known.message());
    stride *= header.shape[k];
  }
  if ((array.lat > 0) != (array.lon > 0) || (array.lat > 0 && array.place_stride > 0)) {
    return bad_input(where + ": \"dimensions\" need either place, or lat and lon");
  }
  if (array.lat > 0) array.places = array.lat * array.lon;
  if (stride <= 0 || stride > kRowElementsMax) {
    return bad_input(
        fmt::format("{}: a state of {} elements is too large or empty", where, stride));
  }
  array.row.resize(static_cast<size_t>(stride));
  return {};
}

Result<int64_t> offset_of(const RowArray& array, const VariableRecipe& variable) {
  const int64_t index = variable.index.value_or(0);
  const bool missing = array.variables > 0 && !variable.index;
  if (!missing && (index == 0 || index < array.variables)) return index * array.variable_stride;
  return bad_input(fmt::format("{}: the variable {} needs an \"index\" below {} in the recipe",
                               array.npy->position(), shown(variable.variable.name),
                               std::max<int64_t>(array.variables, 1)));
}

Status same_extent(const RowArray& first, const RowArray& array) {
  const int64_t states = array.npy->header().shape[0], first_states = first.npy->header().shape[0];
  if (states == first_states && array.places == first.places && array.lat == first.lat) return {};
  return bad_input(
      fmt::format("{}: {} times and {} places, but {} has {} and {}; all variables "
                  "need the same",
                  array.npy->position(), states, array.places, first.npy->position(), first_states,
                  first.places));
}

Status open_arrays(const Sources& sources, std::vector<RowArray>& arrays,
                   std::vector<Slice>& slices) {
  std::map<std::pair<std::string, std::string>, size_t> opened;
  for (const VariableRecipe& variable : sources.recipe.variables) {
    SKIPCAST_TRY(const std::string file, only_file_of(sources, variable));
    const std::string name = variable.source.empty() ? variable.variable.name : variable.source;
    const auto [found, is_new] = opened.try_emplace({file, name}, arrays.size());
    if (is_new) {
      RowArray array;
      SKIPCAST_TRY(array.npy, NpyArray::open(file, name));
      SKIPCAST_TRY_OK(lay_out(array, dimensions_of(sources.recipe, variable)));
      arrays.push_back(std::move(array));
      SKIPCAST_TRY_OK(same_extent(arrays.front(), arrays.back()));
    }
    SKIPCAST_TRY(const int64_t offset, offset_of(arrays[found->second], variable));
    slices.push_back({found->second, offset});
  }
  return {};
}

// Names and coordinates that the npz itself holds.
Status read_place_arrays(const Sources& sources, Places& places) {
  const PlacesRecipe& recipe = sources.recipe.places;
  const std::string& file = sources.files.front();
  if (!recipe.array.empty()) {
    SKIPCAST_TRY(const std::unique_ptr<NpyArray> names, NpyArray::open(file, recipe.array));
    SKIPCAST_TRY(places.names, names->read_texts());
  }
  if (!recipe.lat_array.empty()) {
    SKIPCAST_TRY(places.lat, read_npy_vector(file, recipe.lat_array));
  }
  if (!recipe.lon_array.empty()) {
    SKIPCAST_TRY(places.lon, read_npy_vector(file, recipe.lon_array));
  }
  return {};
}

Status check_places(const Sources& sources, const RowArray& array, Places& places) {
  if (places.kind == PlacesKind::kGraph && places.names.empty()) name_places(array.places, places);
  const bool grid = places.kind == PlacesKind::kGrid;
  const bool fits = grid ? static_cast<int64_t>(places.lat.size()) == array.lat &&
                               static_cast<int64_t>(places.lon.size()) == array.lon && array.lat > 0
                         : places.count() == array.places && array.lat == 0;
  if (fits) return {};
  if (!grid && array.lat > 0) {
    return bad_input(
        array.npy->position() +
        ": an array with lat and lon needs \"places\": {\"grid\": true, \"lat_array\": "
        "..., \"lon_array\": ...} in the recipe");
  }
  return bad_input(
      fmt::format("{}: the array has {} places{}, but {}: \"places\" lists {}; correct it",
                  array.npy->position(), array.places,
                  grid ? fmt::format(" ({} x {})", array.lat, array.lon) : "", sources.recipe.path,
                  places.count()));
}

Result<std::vector<int64_t>> read_times(const Sources& sources, int64_t states) {
  const TimeRecipe& time = sources.recipe.time;
  const std::string& file = sources.files.front();
  SKIPCAST_TRY(const std::unique_ptr<NpyArray> npy, NpyArray::open(file, time.array));
  SKIPCAST_TRY(const std::vector<double> numbers, read_npy_vector(*npy));
  const std::string where = file + ", array " + shown(time.array);
  if (npy->header().type.kind == 'M' && !time.units.empty()) {
    return bad_input(where + ": holds dates, which have no \"units\"; remove them from the recipe");
  }
  if (static_cast<int64_t>(numbers.size()) != states) {
    return bad_input(fmt::format("{}: {} times for {} states", where, numbers.size(), states));
  }
  const std::string units = time.units.empty() ? "seconds since 1970-01-01" : time.units;
  const Result<CfTime> parsed = CfTime::parse(units, "");
  if (!parsed.ok()) return bad_input(sources.recipe.path + ": " + parsed.status().message());
  std::vector<int64_t> times;
  for (const double number : numbers) {
    const Result<int64_t> seconds = parsed->to_seconds(number);
    if (!seconds.ok()) {
      return bad_input(
          fmt::format("{}, index {}: {}", where, times.size(), seconds.status().message()));
    }
    times.push_back(*seconds - time.utc_offset_s);
  }
  return times;
}

// Latitude must ascend in the archive; true when the file's descends and rows must be turned.
bool turn_latitude(Places& places) {
  if (places.kind != PlacesKind::kGrid || places.lat.size() < 2) return false;
  if (places.lat.front() < places.lat.back()) return false;
  std::reverse(places.lat.begin(), places.lat.end());
  return true;
}

Status check_recipe(const Sources& sources) {
  const Recipe& recipe = sources.recipe;
  if (recipe.path.empty()) {
    return bad_input(sources.files.front() +
                     ": a NumPy file does not say what its axes and times "
                     "are; give a recipe with --recipe (tools/recipes/metr.json is one)");
  }
  if (recipe.variables.empty()) return bad_input(recipe.path + ": an npz needs \"variables\"");
  if (recipe.time.start_s || !recipe.time.array.empty()) return {};
  return bad_input(recipe.path +
                   ": give \"time\": {\"start\": ..., \"step\": ...} or {\"array\": "
                   "..., \"units\": \"hours since ...\"}");
}

}  // namespace

Result<std::unique_ptr<StateReader>> open_npz(const Sources& sources) {
  SKIPCAST_TRY_OK(check_recipe(sources));
  std::vector<RowArray> arrays;
  std::vector<Slice> slices;
  SKIPCAST_TRY_OK(open_arrays(sources, arrays, slices));
  Schema schema = schema_of(sources.recipe);
  SKIPCAST_TRY_OK(read_place_list(sources, schema.places));
  SKIPCAST_TRY_OK(read_place_arrays(sources, schema.places));
  SKIPCAST_TRY_OK(check_places(sources, arrays.front(), schema.places));
  SKIPCAST_TRY_OK(read_adjacency(sources, schema.places));
  const int64_t states = arrays.front().npy->header().shape[0];
  auto reader = std::make_unique<NpzStates>(std::move(arrays), std::move(slices), sources.recipe);
  if (turn_latitude(schema.places)) reader->flip_latitude();
  if (!sources.recipe.time.array.empty()) {
    SKIPCAST_TRY(std::vector<int64_t> times, read_times(sources, states));
    reader->set_times(std::move(times));
  }
  return regular_states(std::move(schema), std::move(reader));
}

}  // namespace skipcast::storage
