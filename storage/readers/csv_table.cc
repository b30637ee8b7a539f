#include "storage/readers/csv_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>

#include "storage/formats/cf_time.h"
#include "storage/formats/number_text.h"
#include "storage/formats/time_format.h"
#include "storage/readers/cell_value.h"

namespace skipcast::storage {
namespace {

constexpr size_t kColumnsMax = size_t{1} << 24;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

// The separator in a sentence.
std::string named(char separator) {
  return separator == '\t' ? "a tab" : shown(std::string_view(&separator, 1));
}

}  // namespace

CsvTable::CsvTable(std::unique_ptr<CsvCells> cells, const Recipe& recipe)
    : cells_(std::move(cells)),
      separator_(recipe.separator),
      has_header_(recipe.header.value_or(true)),
      time_(recipe.time),
      axis_(schema_of(recipe).axis) {}

Result<std::unique_ptr<CsvTable>> CsvTable::open(const std::string& path, const Recipe& recipe) {
  SKIPCAST_TRY(std::unique_ptr<CsvCells> cells, CsvCells::open(path, recipe.separator));
  std::unique_ptr<CsvTable> table(new CsvTable(std::move(cells), recipe));
  SKIPCAST_TRY_OK(table->read_header());
  SKIPCAST_TRY_OK(table->find_time_columns());
  if (!table->at_end()) SKIPCAST_TRY_OK(table->load_time());
  return table;
}

Status CsvTable::read_header() {
  SKIPCAST_TRY_OK(cells_->read_row(row_));
  if (row_.empty()) return bad_input(path() + ": the file is empty");
  if (row_.size() > kColumnsMax) return bad_input(path() + ": more than 16,777,216 columns");
  for (size_t k = 0; k < row_.size(); ++k) {
    columns_.push_back(has_header_ ? std::string(row_[k]) : std::to_string(k + 1));
  }
  if (has_header_) SKIPCAST_TRY_OK(cells_->read_row(row_));
  line_ = cells_->line();
  return {};
}

Status CsvTable::find_time_columns() {
  for (const std::string& name : time_.columns) {
    SKIPCAST_TRY(const size_t k, column(name));
    time_columns_.push_back(k);
  }
  if (!time_columns_.empty() || (time_.start_s && axis_.session_states == 0)) return {};
  for (size_t k = 0; k < columns_.size(); ++k) {
    const std::string name = lower(columns_[k]);
    for (const char* known : {"time", "date", "datetime", "date_time", "timestamp", "valid_time"}) {
      if (name != known) continue;
      time_columns_ = {k};
      return {};
    }
  }
  if (!row_.empty() && (parse_time(row_[0]).ok() || !time_.format.empty())) {
    time_columns_ = {0};
    return {};
  }
  if (time_.start_s) return {};  // sessions by start and step
  return bad_input(
      path() + ", line 1: no time column is found among " + shown(columns_[0]) +
      (columns_.size() > 1 ? ", " + shown(columns_[1]) + ", ..." : "") +
      "; name it time, or give \"time\": {\"column\": ...} or \"start\" and \"step\" in "
      "a recipe");
}

Result<size_t> CsvTable::column(std::string_view name) const {
  const auto found = std::find(columns_.begin(), columns_.end(), name);
  if (found == columns_.end()) {
    const size_t listed = std::min<size_t>(columns_.size(), 20);
    return bad_input(fmt::format(
        "{}, line 1: there is no column {}; the columns are {}{} (is the "
        "separator really {}?)",
        path(), shown(name), fmt::join(columns_.begin(), columns_.begin() + listed, ", "),
        columns_.size() > listed ? ", ..." : "", named(separator_)));
  }
  if (std::find(found + 1, columns_.end(), name) != columns_.end()) {
    return bad_input(
        fmt::format("{}, line 1: the column {} comes twice; rename one", path(), shown(name)));
  }
  return static_cast<size_t>(found - columns_.begin());
}

bool CsvTable::is_time_column(size_t column) const {
  return std::find(time_columns_.begin(), time_columns_.end(), column) != time_columns_.end();
}

std::string CsvTable::position(size_t column) const {
  const std::string name = column < columns_.size() ? columns_[column] : std::string();
  return fmt::format("{}, line {}, column {}", path(), line_, shown(name));
}

Result<int64_t> CsvTable::parse_time_cell(std::string_view text) const {
  if (!time_.format.empty()) return parse_formatted_time(std::string(text), time_.format);
  if (time_.units.empty()) return parse_time(text);
  const std::optional<double> number = parse_number(text);
  if (!number) return bad_input(shown(text) + " is not a number of \"" + time_.units + "\"");
  SKIPCAST_TRY(const CfTime units, CfTime::parse(time_.units, ""));
  return units.to_seconds(*number);
}

Result<int64_t> CsvTable::parse_time_parts() const {
  static constexpr std::array<int64_t, 6> kMin = {1, 1, 1, 0, 0, 0};
  static constexpr std::array<int64_t, 6> kMax = {9999, 12, 31, 24, 59, 60};
  std::array<int64_t, 6> parts = kMin;
  for (size_t k = 0; k < time_columns_.size(); ++k) {
    const std::string_view text = row_[time_columns_[k]];
    const std::optional<double> number = parse_number(text);
    const bool whole = number && *number >= static_cast<double>(kMin[k]) &&
                       *number <= static_cast<double>(kMax[k]) &&
                       *number == static_cast<double>(static_cast<int64_t>(*number));
    if (!whole) {
      return bad_input(fmt::format("{}: {} is not a whole number from {} to {}; correct the date",
                                   position(time_columns_[k]), shown(text), kMin[k], kMax[k]));
    }
    parts[k] = static_cast<int64_t>(*number);
  }
  const int64_t time =
      from_civil(static_cast<int32_t>(parts[0]), static_cast<int32_t>(parts[1]), 1, 0) +
      (parts[2] - 1) * 86400;
  if (calendar_time(time).month != parts[1]) {
    return bad_input(fmt::format("{}: the month {} of {} has no day {}; correct the date",
                                 position(time_columns_[0]), parts[1], parts[0], parts[2]));
  }
  return time + parts[3] * 3600 + parts[4] * 60 + parts[5];
}

Status CsvTable::load_time() {
  if (row_.size() != columns_.size()) {
    return bad_input(
        fmt::format("{}, line {}: {} cells where the first line has {}; complete the "
                    "line or put quotes around texts with {}",
                    path(), line_, row_.size(), columns_.size(), named(separator_)));
  }
  if (time_columns_.empty()) {
    time_s_ = axis_.time_at(rows_++);
    return {};
  }
  int64_t time = 0;
  if (time_.parts) {
    SKIPCAST_TRY(time, parse_time_parts());
  } else {
    const Result<int64_t> parsed = parse_time_cell(row_[time_columns_[0]]);
    if (!parsed.ok())
      return bad_input(position(time_columns_[0]) + ": " + parsed.status().message());
    time = *parsed;
  }
  time -= time_.utc_offset_s;
  if (rows_ > 0 && time < time_s_) {
    return bad_input(
        fmt::format("{}: time goes backwards, from {} to {}; sort the rows by time (or "
                    "split a file that holds place after place into a file a place)",
                    position(time_columns_[0]), format_time(time_s_), format_time(time)));
  }
  time_s_ = time, ++rows_;
  return {};
}

Status CsvTable::advance() {
  SKIPCAST_TRY_OK(cells_->read_row(row_));
  line_ = cells_->line();
  return row_.empty() ? Status() : load_time();
}

Result<char> guess_separator(const std::string& path) {
  SKIPCAST_TRY(const std::unique_ptr<CsvCells> cells, CsvCells::open(path, '\n'));
  CsvRow row;
  SKIPCAST_TRY_OK(cells->read_row(row));
  const std::string_view line = row.empty() ? std::string_view() : row[0];
  char best = ',';
  for (const char candidate : {';', '\t', '|'}) {
    const auto count = [&](char c) { return std::count(line.begin(), line.end(), c); };
    if (count(candidate) > count(best)) best = candidate;
  }
  return best;
}

}  // namespace skipcast::storage
