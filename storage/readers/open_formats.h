// One function a format: what open_states() chooses from. Internal to the readers.
#pragma once

#include <memory>
#include <string>
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

// Wide and long tables, any number of files merged by time.
Result<std::unique_ptr<StateReader>> open_csv(const Sources& sources);
// A row per place: spooled once to an unlinked float32 file in the system's temporary folder
// (TMPDIR), since the first state needs the last row; kNoSpace names it.
Result<std::unique_ptr<StateReader>> open_transposed_csv(const Sources& sources);
// NPZ and NPY.
Result<std::unique_ptr<StateReader>> open_npz(const Sources& sources);
// NetCDF classic and NetCDF-4, files of consecutive times.
Result<std::unique_ptr<StateReader>> open_netcdf(const Sources& sources);

// True when the file's name (without folders) fits the pattern with * and ?; "" fits all.
bool name_fits(const std::string& path, const std::string& pattern);

// The one file that holds a variable, for formats with a file per variable. kBadInput says how
// many files fit and what to do.
Result<std::string> only_file_of(const Sources& sources, const VariableRecipe& variable);

}  // namespace skipcast::storage
