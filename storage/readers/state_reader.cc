#include "storage/readers/state_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fnmatch.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "storage/formats/csv_cells.h"
#include "storage/readers/open_formats.h"
#include "storage/readers/recipe.h"

namespace skipcast::storage {
namespace {

namespace fs = std::filesystem;

Status add_folder(const std::string& folder, const Recipe& recipe,
                  std::vector<std::string>& files) {
  if (recipe.files.empty()) {
    return bad_input(folder +
                     ": is a folder; name its files, or give a recipe that lists them "
                     "under \"files\"");
  }
  std::vector<std::string> found;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    const std::string path = entry.path().string();
    const bool fits = std::any_of(recipe.files.begin(), recipe.files.end(),
                                  [&](const std::string& name) { return name_fits(path, name); });
    if (fits && entry.is_regular_file(error)) found.push_back(path);
  }
  if (found.empty()) {
    return not_found(fmt::format("{}: holds no file named {}; is it the right folder?", folder,
                                 fmt::join(recipe.files, " or ")));
  }
  std::sort(found.begin(), found.end());
  files.insert(files.end(), found.begin(), found.end());
  return {};
}

Result<std::vector<std::string>> find_files(const std::vector<std::string>& given,
                                            const Recipe& recipe) {
  if (given.empty()) return usage("no input files; name at least one");
  std::vector<std::string> files;
  std::error_code error;
  for (const std::string& path : given) {
    if (fs::is_directory(path, error)) {
      SKIPCAST_TRY_OK(add_folder(path, recipe, files));
    } else if (fs::exists(path, error)) {
      files.push_back(path);
    } else {
      return not_found(path + ": no such file; check the path");
    }
  }
  return files;
}

// Keeps the variables named, in the recipe's order.
Status choose(const std::vector<std::string>& names, Recipe& recipe) {
  if (names.empty() || recipe.variables.empty()) return {};
  std::vector<std::string> known;
  for (const VariableRecipe& variable : recipe.variables) known.push_back(variable.variable.name);
  for (const std::string& name : names) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    return bad_input(fmt::format("{}: unknown variable {}; the recipe has {}", recipe.path,
                                 shown(name), fmt::join(known, ", ")));
  }
  std::vector<VariableRecipe> kept;
  for (VariableRecipe& variable : recipe.variables) {
    const bool keep = std::find(names.begin(), names.end(), variable.variable.name) != names.end();
    if (keep) kept.push_back(std::move(variable));
  }
  recipe.variables = std::move(kept);
  return {};
}

}  // namespace

bool name_fits(const std::string& path, const std::string& pattern) {
  if (pattern.empty()) return true;
  return fnmatch(pattern.c_str(), fs::path(path).filename().c_str(), 0) == 0;
}

Result<std::string> only_file_of(const Sources& sources, const VariableRecipe& variable) {
  std::vector<std::string> fitting;
  for (const std::string& file : sources.files) {
    if (name_fits(file, variable.file)) fitting.push_back(file);
  }
  if (fitting.size() == 1) return fitting.front();
  const std::string wanted =
      variable.file.empty() ? "one file" : fmt::format("one file named {}", shown(variable.file));
  return bad_input(fmt::format(
      "{}: the variable {} needs exactly {}, but {} are given; ingest files of other times one by "
      "one (with --append), or correct \"file\" in the recipe",
      sources.recipe.path, shown(variable.variable.name), wanted, fitting.size()));
}

Result<std::unique_ptr<StateReader>> open_states(const std::vector<std::string>& files,
                                                 const std::string& recipe_path,
                                                 const std::vector<std::string>& variables) {
  Sources sources;
  sources.chosen = variables;
  if (!recipe_path.empty()) {
    SKIPCAST_TRY(sources.recipe, load_recipe(recipe_path));
  }
  SKIPCAST_TRY_OK(choose(variables, sources.recipe));
  SKIPCAST_TRY(sources.files, find_files(files, sources.recipe));
  const FileFormat* const format =
      sources.recipe.format != nullptr ? sources.recipe.format : &format_of(sources.files.front());
  return format->open(sources);
}

}  // namespace skipcast::storage
