// The file formats that are read: one row of a table and one file each. open_states() chooses by
// a file's first bytes or its name. Internal to the readers. Pure functions, thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "storage/readers/recipe.h"
#include "storage/readers/state_reader.h"
#include "storage/status.h"

namespace skipcast::storage {

// The files to read (each exists, no folders) and how; recipe.path empty = without a recipe, then
// recipe.variables holds nothing and `chosen` names the variables to keep (empty = all).
struct Sources {
  std::vector<std::string> files;
  Recipe recipe;
  std::vector<std::string> chosen;
};

using OpenFormat = Result<std::unique_ptr<StateReader>>(const Sources& sources);

struct FileFormat {
  std::string_view name;  // as recipes write it
  // Its files: their first bytes (at most 8), and the name's extension (".nc").
  bool (*by_content)(std::string_view bytes);
  bool (*by_extension)(std::string_view extension);
  OpenFormat* open;
};

// What a recipe's "format" may be. The format of a name; nullptr: there is none.
std::string format_names();  // "csv, npz, netcdf"
const FileFormat* find_format(std::string_view name);
// By content where it has a signature, else by name; csv when nothing fits.
const FileFormat& format_of(const std::string& path);

// A row per place: spooled once to an unlinked float32 file in the system's temporary folder
// (TMPDIR), since the first state needs the last row; kNoSpace names it. A layout of csv.
OpenFormat open_transposed_csv;

// True when the file's name (without folders) fits the pattern with * and ?; "" fits all.
bool name_fits(const std::string& path, const std::string& pattern);

// The one file that holds a variable, for formats with a file per variable. kBadInput says how
// many files fit and what to do.
Result<std::string> only_file_of(const Sources& sources, const VariableRecipe& variable);

}  // namespace skipcast::storage
