// Foreign files as a stream of states: CSV (wide, long, transposed; gz), NPY/NPZ, NetCDF.
//
// A reader announces a Schema and then hands out consecutive StateBlocks in time order,
// holding at most a bounded number of states in memory whatever the file size. Errors name
// file, line and column (or variable and index) and what to do. Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "storage/schema/schema.h"
#include "storage/series/series_store.h"
#include "storage/status.h"

namespace skipcast::storage {

class StateReader {
 public:
  virtual ~StateReader() = default;
  virtual const Schema& schema() const = 0;
  // The next states, or nullopt at the end: block.first is an index on schema().axis (0 at first;
  // with sessions the first may lie inside a day) and blocks follow each other without holes,
  // missing times in between coming as NaN states. `states_max` (> 0) bounds the block.
  // After an error all states before the faulty one have been handed out.
  virtual Result<std::optional<StateBlock>> next(int64_t states_max) = 0;
  // Share of the input consumed, 0..1, for progress bars.
  virtual double progress() const = 0;
  // NaN states handed out so far for times that the files skip.
  virtual int64_t gap_states() const { return 0; }
};

// Opens `files` as the recipe says (recipe_json empty: a CF NetCDF with a time axis or a wide CSV
// with a time column explains itself). `variables` picks from the variables of the recipe or
// file, empty = all that fit. A folder stands for the files in it that the recipe's "files" name.
// Grammar of a recipe: recipe.h. All errors are kBadInput / kNotFound with file and position.
Result<std::unique_ptr<StateReader>> open_states(const std::vector<std::string>& files,
                                                 const std::string& recipe_path,
                                                 const std::vector<std::string>& variables);

}  // namespace skipcast::storage
