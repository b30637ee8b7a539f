// The recipe: a JSON file that says how foreign files become states. All keys are optional
// unless marked; unknown keys are errors; "comment" is allowed in every object. Example:
//
//   {"title": "Beijing air quality", "format": "csv", "layout": "long",
//    "files": ["PRSA_Data_*.csv.gz"],
//    "time": {"columns": ["year", "month", "day", "hour"], "step": "1 h"},
//    "places": {"column": "station"},
//    "variables": [{"name": "PM2.5", "units": "ug m-3", "log": true},
//                  {"name": "wind_from_east", "source": "wd", "units": "1",
//                   "map": {"N": 0, "E": 1, "S": 0, "W": -1}}],
//    "missing": ["NA"], "gap_states_max": 24, "tasks": [{"name": "beijing-24", "...": 0}]}
//
// format     "csv" (gzip or not), "npz" (also a single .npy) or "netcdf"; default by file name.
// layout     csv only. "wide" (default): a time column and one column a place. "long": a row per
//            time and place, a column a variable; rows sorted by time in each file; any number of
//            files is merged by time. "transposed": a row per place, time across, no times inside.
// files      names with * and ?, used when a folder is given in place of files.
// separator  csv: one character, default ","; "header": false when there is no header row
//            (columns are then "1", "2", ...; transposed files have none by default).
// time       "column": "name" of ISO times ("format": strptime pattern for others, with a year; an
//            offset %z is applied; "units": "hours since 2013-01-01" for numbers), or "columns":
//            year, month, day, hour, minute, second columns (1 to 6, in order), or "array" (npz,
//            "units" for numbers); and "step": "10 min", "1 h", "1 d", "1 month", seconds as a
//            number; found from the first states when left out (months where every state is the
//            first of its own). Inputs without times give "start" and "step". Monthly states count
//            for their month and are stored at its first second. "utc_offset_hours": 8 when the
//            file's clock is eight hours ahead of UTC and you want UTC (default: times as written).
// sessions   {"states": 108, "weekdays_only": true}: daily sessions; needs time.start.
// places     One of: {"names": [...], "lat": [...], "lon": [...]}; {"column": "station"} (long:
//            one more pass over the files collects the names); {"columns": ["a", "b"]} (wide;
//            default all but the time); {"first_column": true} (transposed: rows begin with the
//            name); {"array": "ids", "lat_array": "lat", "lon_array": "lon"} (npz); {"grid": true,
//            "lat_array": "lat", "lon_array": "lon"} (npz; or with "lat" and "lon" listed);
//            {"file": "stations.csv", "name_column": "id", "lat_column": "y", "lon_column": "x"}.
//            Without any: names of the file, else place_001, place_002, ...
// variables  "name" (required), "units" ("1"), "long_name", "log" (models use log(1 + value)),
//            "codec" ("float32", "zstd"), "source" (column, array or NetCDF variable; default the
//            name; wide: the columns' pattern, default "{place}"), "file" (pattern, when a
//            variable has files of its own), "index" (npz: along the "variable" dimension),
//            "missing" (texts and numbers as they stand in the file, besides the recipe's),
//            "scale", "offset" (value = number * scale + offset), "map" (text -> number; other
//            texts are errors). Several variables may share a source.
// dimensions npz: order of the array's axes, "time" first: ["time", "place", "variable"].
//            Default ["time", "place"], with "index" given ["time", "place", "variable"],
//            on a grid ["time", "lat", "lon"].
// missing    texts and numbers that mean "no value" for all variables. Empty cells, NA, NaN and
//            null always do.
// adjacency  {"array": "adj"} (of the npz itself), {"file": "adjacency.csv.gz"} (a square table
//            without header), {"file": "adj.npz", "array": "adj"} (npy, npz, also SciPy's sparse
//            files). Files are looked for in the first data file's folder, then the recipe's.
// gap_states_max  longest run of missing states that is filled with NaN; 0 = any.
// tasks      forecasting tasks, passed on as they are (Schema::tasks_json).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/schema/schema.h"
#include "storage/status.h"

namespace skipcast::storage {

struct FileFormat;  // storage/readers/open_formats.h
enum class Layout { kWide, kLong, kTransposed };

struct TimeRecipe {
  std::vector<std::string> columns;  // one of times, or year, month, ... when `parts`
  bool parts = false;
  std::string format, units, array;
  std::optional<int64_t> start_s;
  int64_t step_s = 0;  // 0 with step_months = 0: find it
  int32_t step_months = 0;
  int64_t utc_offset_s = 0;  // subtracted from the file's times
};

struct Missing {
  std::vector<std::string> texts;
  std::vector<double> numbers;
};

struct VariableRecipe {
  Variable variable;
  std::string source;  // empty = the variable's name (wide: "{place}")
  std::string file;    // empty = every file
  std::optional<int64_t> index;
  Missing missing;
  double scale = 1, offset = 0;
  std::map<std::string, double, std::less<>> categories;  // empty = numbers
};

struct PlacesRecipe {
  std::vector<std::string> names, columns;
  std::vector<double> lat, lon;
  std::string column, array, lat_array, lon_array;
  std::string file, name_column, lat_column, lon_column;
  bool first_column = false;
  bool grid = false;
};

struct AdjacencyRecipe {
  std::string file, array;  // both empty = none
};

struct Recipe {
  std::string path;  // for messages and relative files; empty = no recipe given
  std::string title;
  const FileFormat* format = nullptr;  // null: by content and name
  Layout layout = Layout::kWide;
  std::vector<std::string> files;
  char separator = ',';
  std::optional<bool> header;
  TimeRecipe time;
  int32_t session_states = 0;
  bool weekdays_only = false;
  PlacesRecipe places;
  std::vector<VariableRecipe> variables;
  std::vector<std::string> dimensions;
  AdjacencyRecipe adjacency;
  int64_t gap_states_max = 0;
  std::string tasks_json = "[]";
};

// Reads the text of a recipe; `path` is named in errors, which are kBadInput sentences with the
// key ("variables[2].scale") or, for broken JSON, the line and column.
Result<Recipe> parse_recipe(std::string_view text, const std::string& path);

// The same from a file of at most 16 MiB; kNotFound when it is not there.
Result<Recipe> load_recipe(const std::string& path);

// "10 min", "1 h", "6 hours", "1 d", "1 month", "3600" -> the step fields of `time`.
Status parse_step(std::string_view text, TimeRecipe& time);

// Everything the recipe says about a schema before any file is opened: title, variables,
// axis (start 0 and steps 0 where unknown), sessions, gaps, tasks. Places stay empty.
Schema schema_of(const Recipe& recipe);

}  // namespace skipcast::storage
