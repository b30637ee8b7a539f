// NetCDF files of consecutive times as states. One file is open at a time, and a slab of a few
// MiB of each variable is in memory; latitude is turned to ascend.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "storage/formats/csv_cells.h"
#include "storage/formats/netcdf_file.h"
#include "storage/formats/netcdf_packing.h"
#include "storage/readers/cell_value.h"
#include "storage/readers/netcdf_layout.h"
#include "storage/readers/open_formats.h"
#include "storage/readers/place_sources.h"
#include "storage/readers/regular_states.h"
#include "storage/schema/position.h"

namespace skipcast::storage {
namespace {

constexpr int64_t kSlabBytes = int64_t{8} << 20;
constexpr int64_t kChunkBytesMax = int64_t{128} << 20;

// One open file with the variables the reader wants, in its order.
struct OpenFile {
  std::unique_ptr<NcFile> file;
  NcTimeAxis time;
  std::vector<NcField> fields;
  std::vector<NcPacking> packings;
  int64_t states = 0;
};

// The file's variables that were asked for (the recipe's sources, or --var), or all that fit.
Result<std::vector<NcField>> choose_fields(const NcFile& file, const NcTimeAxis& time,
                                           const std::vector<std::string>& names) {
  if (names.empty()) return fields_of(file, time);
  std::vector<NcField> fields;
  for (const std::string& name : names) {
    const NcVariable* variable = file.find(name);
    if (!variable) {
      std::vector<std::string> known;
      for (const NcField& field : fields_of(file, time)) known.push_back(field.variable.name);
      return bad_input(fmt::format(
          "{}: unknown variable {}; the file has {}", file.path(), shown(name),
          known.empty() ? "none that fits" : fmt::format("{}", fmt::join(known, ", "))));
    }
    SKIPCAST_TRY(const NcLayout layout, lay_out(file, time, *variable));
    fields.push_back({*variable, layout});
  }
  return fields;
}

int dimension_at(const NcField& field, int position) {
  return position < 0 ? -1 : field.variable.dimensions[static_cast<size_t>(position)];
}

Status check_same_places(const NcFile& file, const std::vector<NcField>& fields) {
  if (fields.empty()) {
    SKIPCAST_TRY_OK(check_not_ragged(file));
    return bad_input(file.path() +
                     ": no variable has a time dimension and places (a grid of lat and "
                     "lon, or one dimension of stations); ncdump -h shows what is inside");
  }
  const NcField& first = fields.front();
  for (const NcField& field : fields) {
    const bool same =
        dimension_at(field, field.layout.lat) == dimension_at(first, first.layout.lat) &&
        dimension_at(field, field.layout.lon) == dimension_at(first, first.layout.lon) &&
        dimension_at(field, field.layout.place) == dimension_at(first, first.layout.place);
    if (same) continue;
    return bad_input(
        fmt::format("{}: the variables {} and {} have different places; pick those that "
                    "belong together with --var",
                    file.path(), first.variable.name, field.variable.name));
  }
  return {};
}

Result<OpenFile> open_file(const std::string& path, const std::string& time_name,
                           const std::vector<std::string>& names) {
  OpenFile open;
  SKIPCAST_TRY(open.file, NcFile::open(path));
  SKIPCAST_TRY(open.time, find_time_axis(*open.file, time_name));
  SKIPCAST_TRY(open.fields, choose_fields(*open.file, open.time, names));
  SKIPCAST_TRY_OK(check_same_places(*open.file, open.fields));
  for (const NcField& field : open.fields) {
    SKIPCAST_TRY(NcPacking packing, packing_of(*open.file, field.variable));
    open.packings.push_back(std::move(packing));
  }
  open.states = open.file->dimensions()[static_cast<size_t>(open.time.dimension)].length;
  return open;
}

class NetcdfStates : public TimedStates {
 public:
  NetcdfStates(std::vector<std::string> files, const Recipe& recipe, const Schema& schema);
  void use_sources(std::vector<std::string> names) { names_ = std::move(names); }
  void flip_latitude() { flip_ = true; }

  Result<std::optional<TimedState>> next() override;
  std::string position(const TimedState& state) const override;
  double progress() const override;

 private:
  Status open_next();
  Status check_places();
  Status load_slab();
  Status load_times(int64_t count);
  Status load_field(size_t index, int64_t count);
  int64_t slab_states() const;
  // Elements between neighbours in a slab of `count` states.
  struct Strides {
    int64_t time = 0, lat = 0, lon = 0, place = 0;
  };
  Strides strides_of(const NcField& field, int64_t count) const;
  int64_t element(const Strides& strides, int64_t place) const;

  const std::vector<std::string> files_;
  const std::string time_name_;
  const int64_t utc_offset_s_;
  const Places places_;
  std::vector<ValueRule> rules_;
  std::vector<std::vector<double>> markers_;  // the recipe's, as they stand in the file
  std::vector<std::string> names_;
  std::vector<std::string> units_;  // of the first file's variables
  Places first_places_;
  bool flip_ = false;
  size_t file_ = 0;  // the open file's number + 1
  OpenFile open_;
  int64_t state_ = 0;  // next state of the open file
  int64_t slab_first_ = 0, slab_count_ = 0;
  std::vector<int64_t> times_;
  std::vector<float> slab_;  // [state, variable, place]
  std::vector<double> raw_;
};

NetcdfStates::NetcdfStates(std::vector<std::string> files, const Recipe& recipe,
                           const Schema& schema)
    : files_(std::move(files)),
      time_name_(recipe.time.columns.empty() ? "" : recipe.time.columns[0]),
      utc_offset_s_(recipe.time.utc_offset_s),
      places_(schema.places) {
  for (VariableRecipe variable : recipe.variables) {
    markers_.push_back(std::exchange(variable.missing.numbers, {}));
    rules_.emplace_back(variable);
  }
}

// Every file must have the first one's grid or stations and units.
Status NetcdfStates::check_places() {
  SKIPCAST_TRY(Places places, places_of(*open_.file, open_.fields.front()));
  if (flip_) std::reverse(places.lat.begin(), places.lat.end());
  if (file_ == 1) first_places_ = places;  // a recipe may give places_ others
  const auto agree = [](const std::vector<double>& a, const std::vector<double>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), same_position);
  };
  const bool same = places.kind == first_places_.kind && places.names == first_places_.names &&
                    agree(places.lat, first_places_.lat) && agree(places.lon, first_places_.lon);
  if (same) return {};
  return bad_input(fmt::format(
      "{}: has other places than {}, or in another order; ingest it into an archive of its own",
      files_[file_ - 1], files_[0]));
}

Status NetcdfStates::open_next() {
  SKIPCAST_TRY(open_, open_file(files_[file_], time_name_, names_));
  ++file_;
  state_ = slab_first_ = slab_count_ = 0;
  for (size_t v = 0; v < open_.fields.size(); ++v) {
    open_.packings[v].add_missing(markers_[v]);
    const std::string units = open_.file->text(&open_.fields[v].variable, "units");
    if (file_ == 1) units_.push_back(units);
    if (units == units_[v]) continue;
    return bad_input(fmt::format("{}, variable {}: the units are {}, but {} in {}; convert one",
                                 files_[file_ - 1], open_.fields[v].variable.name, shown(units),
                                 shown(units_[v]), files_[0]));
  }
  return check_places();
}

NetcdfStates::Strides NetcdfStates::strides_of(const NcField& field, int64_t count) const {
  Strides strides;
  int64_t stride = 1;
  for (size_t k = field.variable.dimensions.size(); k-- > 0;) {
    const int at = static_cast<int>(k);
    const NcLayout& layout = field.layout;
    if (at == layout.time) strides.time = stride;
    if (at == layout.lat) strides.lat = stride;
    if (at == layout.lon) strides.lon = stride;
    if (at == layout.place) strides.place = stride;
    const auto id = static_cast<size_t>(field.variable.dimensions[k]);
    stride *= at == layout.time ? count : open_.file->dimensions()[id].length;
  }
  return strides;
}

int64_t NetcdfStates::element(const Strides& strides, int64_t place) const {
  if (places_.kind == PlacesKind::kGraph) return place * strides.place;
  const auto lons = static_cast<int64_t>(places_.lon.size());
  const auto lats = static_cast<int64_t>(places_.lat.size());
  const int64_t lat = flip_ ? lats - 1 - place / lons : place / lons;
  return lat * strides.lat + place % lons * strides.lon;
}

// A few MiB, but whole chunks in time where they are not much larger.
int64_t NetcdfStates::slab_states() const {
  const int64_t places = places_.count();
  const auto state_bytes = static_cast<int64_t>(open_.fields.size()) * places * 12;
  int64_t states = std::max<int64_t>(1, kSlabBytes / state_bytes);
  const NcField& field = open_.fields.front();
  const int64_t chunk =
      open_.file->chunk_length(field.variable, static_cast<size_t>(field.layout.time));
  if (chunk <= states) return states / chunk * chunk;
  return chunk <= kChunkBytesMax / state_bytes
             ? chunk
             : std::max<int64_t>(states, kChunkBytesMax / state_bytes);
}

Status NetcdfStates::load_times(int64_t count) {
  std::vector<double> raw;
  SKIPCAST_TRY_OK(open_.file->read(open_.time.variable, {static_cast<size_t>(state_)},
                                   {static_cast<size_t>(count)}, raw));
  times_.clear();
  for (const double number : raw) {
    const Result<int64_t> time = open_.time.units.to_seconds(open_.time.packing.unpack(number));
    if (!time.ok()) {
      return bad_input(fmt::format(
          "{}, variable {}, time index {}: {}", files_[file_ - 1], open_.time.variable.name,
          state_ + static_cast<int64_t>(times_.size()), time.status().message()));
    }
    times_.push_back(*time - utc_offset_s_);
  }
  return {};
}

Status NetcdfStates::load_field(size_t index, int64_t count) {
  const NcField& field = open_.fields[index];
  std::vector<size_t> start(field.variable.dimensions.size(), 0), length(start);
  for (size_t k = 0; k < length.size(); ++k) {
    const auto id = static_cast<size_t>(field.variable.dimensions[k]);
    length[k] = static_cast<size_t>(open_.file->dimensions()[id].length);
  }
  start[static_cast<size_t>(field.layout.time)] = static_cast<size_t>(state_);
  length[static_cast<size_t>(field.layout.time)] = static_cast<size_t>(count);
  SKIPCAST_TRY_OK(open_.file->read(field.variable, start, length, raw_));
  const Strides strides = strides_of(field, count);
  const int64_t places = places_.count(),
                width = places * static_cast<int64_t>(open_.fields.size());
  for (int64_t place = 0; place < places; ++place) {
    const int64_t at = element(strides, place);
    for (int64_t t = 0; t < count; ++t) {
      const double number =
          open_.packings[index].unpack(raw_[static_cast<size_t>(t * strides.time + at)]);
      const Result<float> value = rules_[index].from_number(number);
      if (!value.ok()) {
        return bad_input(fmt::format("{}, variable {}, time index {}, place {}: {}",
                                     files_[file_ - 1], field.variable.name, state_ + t, place,
                                     value.status().message()));
      }
      slab_[static_cast<size_t>(t * width + static_cast<int64_t>(index) * places + place)] = *value;
    }
  }
  return {};
}

Status NetcdfStates::load_slab() {
  const int64_t count = std::min(slab_states(), open_.states - state_);
  SKIPCAST_TRY_OK(load_times(count));
  slab_.resize(static_cast<size_t>(count * places_.count()) * open_.fields.size());
  for (size_t v = 0; v < open_.fields.size(); ++v) SKIPCAST_TRY_OK(load_field(v, count));
  slab_first_ = state_, slab_count_ = count;
  return {};
}

Result<std::optional<TimedState>> NetcdfStates::next() {
  while (file_ == 0 || state_ == open_.states) {
    if (file_ == files_.size()) return std::optional<TimedState>();
    SKIPCAST_TRY_OK(open_next());
  }
  if (state_ == slab_first_ + slab_count_) SKIPCAST_TRY_OK(load_slab());
  const auto at = static_cast<size_t>(state_ - slab_first_);
  const size_t width = slab_.size() / static_cast<size_t>(slab_count_);
  TimedState state{
      .time_s = times_[at], .file = static_cast<int32_t>(file_ - 1), .line = state_ + 1};
  const auto first = slab_.begin() + static_cast<std::ptrdiff_t>(at * width);
  state.values.assign(first, first + static_cast<std::ptrdiff_t>(width));
  ++state_;
  return std::optional<TimedState>(std::move(state));
}

std::string NetcdfStates::position(const TimedState& state) const {
  const std::string& path = files_[static_cast<size_t>(state.file)];
  return state.line > 0 ? fmt::format("{}, time index {}", path, state.line - 1) : path;
}

double NetcdfStates::progress() const {
  const double done =
      open_.states == 0 ? 0 : static_cast<double>(state_) / static_cast<double>(open_.states);
  return file_ == 0 ? 0
                    : (static_cast<double>(file_ - 1) + done) / static_cast<double>(files_.size());
}

std::vector<std::string> wanted_names(const Sources& sources) {
  std::vector<std::string> names =
      sources.recipe.variables.empty() ? sources.chosen : std::vector<std::string>();
  for (const VariableRecipe& variable : sources.recipe.variables) {
    names.push_back(variable.source.empty() ? variable.variable.name : variable.source);
  }
  return names;
}

// Sorts the files by their first time.
Result<std::vector<std::string>> in_time_order(const Sources& sources,
                                               const std::string& time_name) {
  std::vector<std::pair<int64_t, std::string>> order;
  for (const std::string& path : sources.files) {
    SKIPCAST_TRY(const OpenFile open, open_file(path, time_name, wanted_names(sources)));
    if (open.states == 0)
      return bad_input(path + ": its time dimension has length 0; leave it out");
    std::vector<double> first;
    SKIPCAST_TRY_OK(open.file->read(open.time.variable, {0}, {1}, first));
    const Result<int64_t> time = open.time.units.to_seconds(open.time.packing.unpack(first[0]));
    if (!time.ok()) {
      return bad_input(fmt::format("{}, variable {}, time index 0: {}", path,
                                   open.time.variable.name, time.status().message()));
    }
    order.emplace_back(*time, path);
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> files;
  files.reserve(order.size());
  for (auto& [time, path] : order) files.push_back(std::move(path));
  return files;
}

// Names, units and long names from the file where the recipe leaves them open.
void describe_variables(const OpenFile& open, Recipe& recipe) {
  if (recipe.variables.empty()) {
    for (const NcField& field : open.fields) {
      VariableRecipe variable;
      variable.variable.name = field.variable.name;
      variable.variable.units = "1";
      recipe.variables.push_back(std::move(variable));
    }
  }
  for (size_t v = 0; v < recipe.variables.size(); ++v) {
    Variable& variable = recipe.variables[v].variable;
    const NcVariable* source = &open.fields[v].variable;
    const std::string units = open.file->text(source, "units");
    if (variable.units == "1" && !units.empty()) variable.units = units;
    if (variable.long_name.empty()) variable.long_name = open.file->text(source, "long_name");
  }
  if (recipe.title.empty()) recipe.title = open.file->text(nullptr, "title");
}

Status complete_places(const Sources& sources, const OpenFile& open, Places& places) {
  SKIPCAST_TRY(places, places_of(*open.file, open.fields.front()));
  if (places.kind == PlacesKind::kGrid) return {};
  Places listed;
  SKIPCAST_TRY_OK(read_place_list(sources, listed));
  if (listed.names.empty()) return {};
  if (listed.count() == places.count()) {
    places = std::move(listed);
    return {};
  }
  return bad_input(fmt::format("{}: has {} places, but the recipe lists {}; correct \"places\"",
                               open.file->path(), places.count(), listed.count()));
}

}  // namespace

Result<std::unique_ptr<StateReader>> open_netcdf(const Sources& given) {
  Sources sources = given;
  Recipe& recipe = sources.recipe;
  const std::string time_name = recipe.time.columns.empty() ? "" : recipe.time.columns[0];
  SKIPCAST_TRY(sources.files, in_time_order(sources, time_name));
  SKIPCAST_TRY(const OpenFile first,
               open_file(sources.files.front(), time_name, wanted_names(sources)));
  describe_variables(first, recipe);
  Schema schema = schema_of(recipe);
  SKIPCAST_TRY_OK(complete_places(sources, first, schema.places));
  const bool flip = schema.places.kind == PlacesKind::kGrid && schema.places.lat.size() > 1 &&
                    schema.places.lat.front() > schema.places.lat.back();
  if (flip) std::reverse(schema.places.lat.begin(), schema.places.lat.end());
  SKIPCAST_TRY_OK(read_adjacency(sources, schema.places));
  std::vector<std::string> names;
  for (const NcField& field : first.fields) names.push_back(field.variable.name);
  auto states = std::make_unique<NetcdfStates>(sources.files, recipe, schema);
  states->use_sources(std::move(names));
  if (flip) states->flip_latitude();
  return regular_states(std::move(schema), std::move(states));
}

}  // namespace skipcast::storage
