// Wide and long CSV tables. Every file is a CsvTable; a state is made of all rows of all files
// that bear the earliest time not yet handed out, so files merge by time whatever each holds.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <map>
#include <utility>

#include "storage/readers/cell_value.h"
#include "storage/readers/csv_table.h"
#include "storage/readers/open_formats.h"
#include "storage/readers/place_sources.h"
#include "storage/readers/regular_states.h"

namespace skipcast::storage {
namespace {

constexpr size_t kFilesMax = 512;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

struct Target {  // a column's values go to this variable at this place
  size_t column;
  size_t variable;
  int64_t place;  // -1: at the place the row names
};

struct Input {
  std::unique_ptr<CsvTable> table;
  std::vector<Target> targets;
  size_t place_column = 0;  // long tables
};

using PlaceIndex = std::map<std::string, int64_t, std::less<>>;

class MergedTables : public TimedStates {
 public:
  MergedTables(std::vector<Input> inputs, const Schema& schema, const Recipe& recipe);

  Result<std::optional<TimedState>> next() override;
  std::string position(const TimedState& state) const override;
  double progress() const override;

 private:
  Status take_row(Input& input, TimedState& state);
  Result<int64_t> place_of(const Input& input) const;
  Status repeated(const Input& input, const Target& target, int64_t place) const;

  std::vector<Input> inputs_;
  const std::vector<std::string> place_names_;
  PlaceIndex places_;
  std::vector<ValueRule> rules_;
  std::vector<int64_t> filled_;  // per value: the number of the state it was set for
  int64_t states_ = 0;
};

MergedTables::MergedTables(std::vector<Input> inputs, const Schema& schema, const Recipe& recipe)
    : inputs_(std::move(inputs)), place_names_(schema.places.names) {
  for (size_t k = 0; k < place_names_.size(); ++k) {
    places_[place_names_[k]] = static_cast<int64_t>(k);
  }
  for (const VariableRecipe& variable : recipe.variables) rules_.emplace_back(variable);
  filled_.assign(rules_.size() * place_names_.size(), 0);
}

Result<std::optional<TimedState>> MergedTables::next() {
  int64_t earliest = std::numeric_limits<int64_t>::max();
  TimedState state;
  for (size_t k = 0; k < inputs_.size(); ++k) {
    const CsvTable& table = *inputs_[k].table;
    if (table.at_end() || table.time_s() >= earliest) continue;
    earliest = table.time_s();
    state.file = static_cast<int32_t>(k), state.line = table.line();
  }
  if (earliest == std::numeric_limits<int64_t>::max()) return std::optional<TimedState>();
  ++states_;
  state.time_s = earliest;
  state.values.assign(filled_.size(), kNan);
  for (Input& input : inputs_) {
    while (!input.table->at_end() && input.table->time_s() == earliest) {
      SKIPCAST_TRY_OK(take_row(input, state));
      SKIPCAST_TRY_OK(input.table->advance());
    }
  }
  return std::optional<TimedState>(std::move(state));
}

Result<int64_t> MergedTables::place_of(const Input& input) const {
  const std::string_view name = input.table->row()[input.place_column];
  const auto found = places_.find(name);
  if (found != places_.end()) return found->second;
  return bad_input(
      fmt::format("{}: the place {} is not among the {} places of the recipe; add it "
                  "to \"places\" or leave the row out",
                  input.table->position(input.place_column), shown(name), place_names_.size()));
}

Status MergedTables::repeated(const Input& input, const Target& target, int64_t place) const {
  return bad_input(
      fmt::format("{}: the time {} comes twice for the place {}; remove one of the "
                  "two rows",
                  input.table->position(target.column), format_time(input.table->time_s()),
                  shown(place_names_[static_cast<size_t>(place)])));
}

Status MergedTables::take_row(Input& input, TimedState& state) {
  const CsvTable& table = *input.table;
  int64_t row_place = -1;
  for (const Target& target : input.targets) {
    if (target.place < 0 && row_place < 0) {
      SKIPCAST_TRY(row_place, place_of(input));
    }
    const int64_t place = target.place < 0 ? row_place : target.place;
    const size_t slot = target.variable * place_names_.size() + static_cast<size_t>(place);
    if (filled_[slot] == states_) return repeated(input, target, place);
    filled_[slot] = states_;
    const Result<float> value = rules_[target.variable].from_text(table.row()[target.column]);
    if (!value.ok()) {
      return bad_input(table.position(target.column) + ": " + value.status().message());
    }
    state.values[slot] = *value;
  }
  return {};
}

std::string MergedTables::position(const TimedState& state) const {
  const std::string& path = inputs_[static_cast<size_t>(state.file)].table->path();
  return state.line > 0 ? fmt::format("{}, line {}", path, state.line) : path;
}

double MergedTables::progress() const {
  double sum = 0;
  for (const Input& input : inputs_) sum += input.table->progress();
  return sum / static_cast<double>(inputs_.size());
}

// "{place}_speed" and "773869" -> "773869_speed".
std::string fill_in(const std::string& pattern, const std::string& place) {
  const size_t at = pattern.find("{place}");
  return at == std::string::npos ? pattern : pattern.substr(0, at) + place + pattern.substr(at + 7);
}

// The place that a wide table's column stands for, "" when the pattern does not fit.
std::string place_in(const std::string& pattern, const std::string& column) {
  const size_t at = pattern.find("{place}");
  if (at == std::string::npos) return pattern == column ? "place_001" : "";
  const std::string_view before = std::string_view(pattern).substr(0, at);
  const std::string_view after = std::string_view(pattern).substr(at + 7);
  const std::string_view name = column;
  const bool fits = name.size() > before.size() + after.size() &&
                    name.substr(0, before.size()) == before &&
                    name.substr(name.size() - after.size()) == after;
  return fits ? column.substr(at, column.size() - before.size() - after.size()) : "";
}

const std::string& source_of(const VariableRecipe& variable) {
  return variable.source.empty() ? variable.variable.name : variable.source;
}

Status open_tables(const Sources& sources, std::vector<Input>& inputs) {
  if (sources.files.size() > kFilesMax) {
    return bad_input(
        fmt::format("{} files are too many to merge at once ({}); ingest them in "
                    "parts, later ones with --append",
                    sources.files.size(), kFilesMax));
  }
  for (const std::string& file : sources.files) {
    Input input;
    SKIPCAST_TRY(input.table, CsvTable::open(file, sources.recipe));
    inputs.push_back(std::move(input));
  }
  return {};
}

// Every variable needs a file whose name fits its pattern.
Status check_patterns(const Sources& sources) {
  for (const VariableRecipe& variable : sources.recipe.variables) {
    const bool any = std::any_of(sources.files.begin(), sources.files.end(),
                                 [&](const auto& file) { return name_fits(file, variable.file); });
    if (any) continue;
    return bad_input(
        fmt::format("{}: the variable {} is in files named {}, but none is given; add "
                    "the file, or pick the other variables with --var",
                    sources.recipe.path, shown(variable.variable.name), shown(variable.file)));
  }
  return {};
}

// One more pass over a long table's place column; names in the order they appear.
Status collect_places(const Sources& sources, std::vector<std::string>& names) {
  PlaceIndex known;
  for (const std::string& file : sources.files) {
    SKIPCAST_TRY(const std::unique_ptr<CsvTable> table, CsvTable::open(file, sources.recipe));
    SKIPCAST_TRY(const size_t column, table->column(sources.recipe.places.column));
    while (!table->at_end()) {
      const std::string_view name = table->row()[column];
      if (known.find(name) == known.end()) {
        known.emplace(name, 0);
        names.emplace_back(name);
      }
      SKIPCAST_TRY_OK(table->advance());
    }
  }
  return {};
}

Status map_long(const Sources& sources, std::vector<Input>& inputs, Places& places) {
  const Recipe& recipe = sources.recipe;
  if (recipe.places.column.empty()) {
    return bad_input(recipe.path +
                     ": a long table needs \"places\": {\"column\": ...}, the column "
                     "that names the place");
  }
  if (places.names.empty()) SKIPCAST_TRY_OK(collect_places(sources, places.names));
  for (Input& input : inputs) {
    SKIPCAST_TRY(input.place_column, input.table->column(recipe.places.column));
    for (size_t v = 0; v < recipe.variables.size(); ++v) {
      if (!name_fits(input.table->path(), recipe.variables[v].file)) continue;
      SKIPCAST_TRY(const size_t column, input.table->column(source_of(recipe.variables[v])));
      input.targets.push_back({column, v, -1});
    }
  }
  return {};
}

std::vector<std::string> wide_places(const CsvTable& table, const std::string& pattern) {
  std::vector<std::string> names;
  for (size_t k = 0; k < table.columns().size(); ++k) {
    if (table.is_time_column(k)) continue;
    const std::string name = place_in(pattern, table.columns()[k]);
    if (!name.empty()) names.push_back(name);
  }
  return names;
}

Status map_wide(const Sources& sources, std::vector<Input>& inputs, Places& places) {
  const Recipe& recipe = sources.recipe;
  std::vector<std::string> in_columns = recipe.places.columns;
  if (places.names.empty()) places.names = in_columns;
  for (size_t v = 0; v < recipe.variables.size(); ++v) {
    const VariableRecipe& variable = recipe.variables[v];
    const std::string pattern = variable.source.empty() ? "{place}" : variable.source;
    for (Input& input : inputs) {
      if (!name_fits(input.table->path(), variable.file)) continue;
      if (places.names.empty()) places.names = wide_places(*input.table, pattern);
      if (in_columns.empty()) in_columns = places.names;
      if (in_columns.size() != places.names.size()) {
        return bad_input(recipe.path + ": \"places\" has lists of different lengths");
      }
      for (size_t p = 0; p < in_columns.size(); ++p) {
        SKIPCAST_TRY(const size_t column, input.table->column(fill_in(pattern, in_columns[p])));
        input.targets.push_back({column, v, static_cast<int64_t>(p)});
      }
    }
  }
  return {};
}

// A table without a recipe has one variable.
Status default_variable(Sources& sources) {
  if (!sources.recipe.variables.empty()) return {};
  VariableRecipe value;
  value.variable.name = "value";
  value.variable.units = "1";
  for (const std::string& chosen : sources.chosen) {
    if (chosen == "value") continue;
    return bad_input(
        fmt::format("{}: unknown variable {}; a table without a recipe has one, "
                    "'value'",
                    sources.files.front(), shown(chosen)));
  }
  sources.recipe.variables.push_back(value);
  return {};
}

}  // namespace

Result<std::unique_ptr<StateReader>> open_csv(const Sources& given) {
  if (given.recipe.layout == Layout::kTransposed) return open_transposed_csv(given);
  Sources sources = given;
  Recipe& recipe = sources.recipe;
  if (recipe.path.empty()) {
    SKIPCAST_TRY(recipe.separator, guess_separator(sources.files.front()));
  }
  SKIPCAST_TRY_OK(default_variable(sources));
  SKIPCAST_TRY_OK(check_patterns(sources));
  std::vector<Input> inputs;
  SKIPCAST_TRY_OK(open_tables(sources, inputs));
  Schema schema = schema_of(recipe);
  SKIPCAST_TRY_OK(read_place_list(sources, schema.places));
  const bool is_long = recipe.layout == Layout::kLong;
  SKIPCAST_TRY_OK(is_long ? map_long(sources, inputs, schema.places)
                          : map_wide(sources, inputs, schema.places));
  if (schema.places.names.empty()) {
    return bad_input(sources.files.front() +
                     ": no places are found; name them under \"places\" in "
                     "a recipe");
  }
  SKIPCAST_TRY_OK(read_adjacency(sources, schema.places));
  auto states = std::make_unique<MergedTables>(std::move(inputs), schema, recipe);
  return regular_states(std::move(schema), std::move(states));
}

}  // namespace skipcast::storage
