// One CSV file with a header as rows with a time: the common part of wide and long tables.
// Internal to the readers. Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "storage/formats/csv_cells.h"
#include "storage/readers/recipe.h"
#include "storage/status.h"

namespace skipcast::storage {

class CsvTable {
 public:
  // Opens the file, reads the header and loads the first row. kBadInput when there is no header
  // or no time column; a recipe without one finds a column called time, date, datetime or
  // timestamp, or takes the first one if it holds a time.
  static Result<std::unique_ptr<CsvTable>> open(const std::string& path, const Recipe& recipe);

  const std::vector<std::string>& columns() const { return columns_; }
  // Index of a column; kBadInput when it is not there (with those that are) or there twice.
  Result<size_t> column(std::string_view name) const;
  bool is_time_column(size_t column) const;

  // The loaded row; REQUIRES: !at_end().
  bool at_end() const { return row_.empty(); }
  const CsvRow& row() const { return row_; }
  int64_t time_s() const { return time_s_; }
  int64_t line() const { return line_; }
  // Loads the next row and its time; kBadInput for a row of another length, a time that cannot
  // be read or lies before the one above.
  Status advance();

  const std::string& path() const { return cells_->path(); }
  double progress() const { return cells_->progress(); }
  // "FILE, line 12, column 'PM2.5'".
  std::string position(size_t column) const;

 private:
  CsvTable(std::unique_ptr<CsvCells> cells, const Recipe& recipe);
  Status read_header();
  Status find_time_columns();
  Status load_time();
  Result<int64_t> parse_time_cell(std::string_view text) const;
  Result<int64_t> parse_time_parts() const;

  std::unique_ptr<CsvCells> cells_;
  const char separator_;
  const bool has_header_;
  const TimeRecipe time_;
  const TimeAxis axis_;  // of times by start and step
  std::vector<std::string> columns_;
  std::vector<size_t> time_columns_;  // empty: times by start and step
  CsvRow row_;
  int64_t time_s_ = 0, line_ = 0, rows_ = 0;
};

// The separator of a file without a recipe: the one of , ; tab | that its first line has most of.
Result<char> guess_separator(const std::string& path);

}  // namespace skipcast::storage
