// Transposed CSV tables: a row per place, time across. The first state needs the last row, so
// every row is written once, as float32, to an unlinked temporary file and read back in columns.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "storage/formats/csv_cells.h"
#include "storage/readers/cell_value.h"
#include "storage/readers/open_formats.h"
#include "storage/readers/place_sources.h"
#include "storage/readers/regular_states.h"

namespace skipcast::storage {
namespace {

constexpr size_t kChunkValues = size_t{1} << 18;
constexpr int64_t kReadBytesMax = int64_t{16} << 20;

// An anonymous file of floats, gone with the process. Not thread-safe.
class Spool {
 public:
  static Result<Spool> create();
  Spool(Spool&& other) noexcept
      : file_(std::exchange(other.file_, -1)), folder_(std::move(other.folder_)) {}
  Spool& operator=(Spool&&) = delete;
  ~Spool() {
    if (file_ >= 0) close(file_);
  }
  Status append(const std::vector<float>& values);
  Status read(int64_t first, float* out, int64_t count) const;

 private:
  Spool(int file, std::string folder) : file_(file), folder_(std::move(folder)) {}
  int file_;
  std::string folder_;
};

Result<Spool> Spool::create() {
  std::error_code error;
  const std::string folder = std::filesystem::temp_directory_path(error).string();
  std::string name = folder + "/skipcast-spool-XXXXXX";
  const int file = error ? -1 : mkostemp(name.data(), O_CLOEXEC);
  if (file < 0) {
    return io_error(
        fmt::format("{}: a temporary file cannot be made there ({}); set TMPDIR to a "
                    "folder with room",
                    folder, std::strerror(errno)));
  }
  unlink(name.c_str());
  return Spool(file, folder);
}

Status Spool::append(const std::vector<float>& values) {
  const char* bytes = reinterpret_cast<const char*>(values.data());
  size_t left = values.size() * sizeof(float);
  while (left > 0) {
    const ssize_t count = write(file_, bytes, left);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      return Status(Code::kNoSpace,
                    fmt::format("{}: no room for the temporary copy of a transposed "
                                "table ({}); set TMPDIR to a folder with room",
                                folder_, std::strerror(errno)));
    }
    bytes += count, left -= static_cast<size_t>(count);
  }
  return {};
}

Status Spool::read(int64_t first, float* out, int64_t count) const {
  auto* bytes = reinterpret_cast<char*>(out);
  auto at = static_cast<off_t>(first * static_cast<int64_t>(sizeof(float)));
  for (auto left = static_cast<size_t>(count) * sizeof(float); left > 0;) {
    const ssize_t got = pread(file_, bytes, left, at);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return io_error(folder_ + ": the temporary copy cannot be read back; try again");
    bytes += got, at += got, left -= static_cast<size_t>(got);
  }
  return {};
}

// One variable's table, spooled as [place, time].
struct Table {
  std::string path;
  std::vector<std::string> names;  // with "first_column"
  int64_t places = 0, states = 0;
};

class TableSpooler {
 public:
  TableSpooler(const Recipe& recipe, const VariableRecipe& variable, Spool& spool)
      : recipe_(recipe), rule_(variable), spool_(spool) {}
  Result<Table> copy(const std::string& path);

 private:
  Status take_cell(const CsvCells& cells, const CsvCell& cell);
  Status end_row(const CsvCells& cells);

  const Recipe& recipe_;
  const ValueRule rule_;
  Spool& spool_;
  Table table_;
  std::vector<float> chunk_;
  int64_t column_ = 0;  // cells of this row so far
};

Status TableSpooler::take_cell(const CsvCells& cells, const CsvCell& cell) {
  ++column_;
  if (recipe_.places.first_column && column_ == 1) {
    table_.names.emplace_back(cell.text);
    return {};
  }
  const Result<float> value = rule_.from_text(cell.text);
  if (!value.ok()) {
    return bad_input(
        fmt::format("{}, column {}: {}", cells.position(), column_, value.status().message()));
  }
  chunk_.push_back(*value);
  if (chunk_.size() < kChunkValues) return {};
  SKIPCAST_TRY_OK(spool_.append(chunk_));
  chunk_.clear();
  return {};
}

Status TableSpooler::end_row(const CsvCells& cells) {
  const int64_t states = column_ - (recipe_.places.first_column ? 1 : 0);
  if (table_.places == 0) table_.states = states;
  if (states == 0) {
    return bad_input(cells.position() +
                     ": no values follow the name of the place; is the \"separator\" right?");
  }
  if (states != table_.states) {
    return bad_input(
        fmt::format("{}: {} values where the rows above have {}; every place needs "
                    "the same times",
                    cells.position(), states, table_.states));
  }
  ++table_.places;
  column_ = 0;
  return {};
}

Result<Table> TableSpooler::copy(const std::string& path) {
  SKIPCAST_TRY(const std::unique_ptr<CsvCells> cells, CsvCells::open(path, recipe_.separator));
  table_.path = path;
  bool header = recipe_.header.value_or(false);
  while (true) {
    SKIPCAST_TRY(const CsvCell cell, cells->next());
    if (cell.end_of_file) break;
    if (!header) SKIPCAST_TRY_OK(take_cell(*cells, cell));
    if (!cell.last_in_row) continue;
    if (!header) SKIPCAST_TRY_OK(end_row(*cells));
    header = false;
  }
  if (table_.places == 0) return bad_input(path + ": the file is empty");
  SKIPCAST_TRY_OK(spool_.append(chunk_));
  return std::move(table_);
}

class SpooledStates : public TimedStates {
 public:
  SpooledStates(std::vector<Spool> spools, std::vector<Table> tables, const TimeAxis& axis);
  Result<std::optional<TimedState>> next() override;
  std::string position(const TimedState& state) const override;
  double progress() const override;

 private:
  Status read_ahead();

  const std::vector<Spool> spools_;
  const std::vector<Table> tables_;
  const TimeAxis axis_;
  const int64_t width_, ahead_max_;
  std::vector<float> ahead_;  // [variable, place, ahead_states_]
  int64_t ahead_first_ = 0, ahead_states_ = 0, state_ = 0;
};

SpooledStates::SpooledStates(std::vector<Spool> spools, std::vector<Table> tables,
                             const TimeAxis& axis)
    : spools_(std::move(spools)),
      tables_(std::move(tables)),
      axis_(axis),
      width_(static_cast<int64_t>(tables_.size()) * tables_.front().places),
      ahead_max_(std::max<int64_t>(1, kReadBytesMax / (4 * width_))) {}

Status SpooledStates::read_ahead() {
  const int64_t states = tables_.front().states, places = tables_.front().places;
  ahead_first_ = state_;
  ahead_states_ = std::min(ahead_max_, states - state_);
  ahead_.resize(static_cast<size_t>(width_ * ahead_states_));
  float* out = ahead_.data();
  for (const Spool& spool : spools_) {
    for (int64_t place = 0; place < places; ++place, out += ahead_states_) {
      SKIPCAST_TRY_OK(spool.read(place * states + state_, out, ahead_states_));
    }
  }
  return {};
}

Result<std::optional<TimedState>> SpooledStates::next() {
  if (state_ == tables_.front().states) return std::optional<TimedState>();
  if (state_ == ahead_first_ + ahead_states_) SKIPCAST_TRY_OK(read_ahead());
  TimedState state{.time_s = axis_.time_at(state_), .line = state_ + 1};
  state.values.resize(static_cast<size_t>(width_));
  const int64_t at = state_ - ahead_first_;
  for (int64_t k = 0; k < width_; ++k) {
    state.values[static_cast<size_t>(k)] = ahead_[static_cast<size_t>(k * ahead_states_ + at)];
  }
  ++state_;
  return std::optional<TimedState>(std::move(state));
}

std::string SpooledStates::position(const TimedState& state) const {
  const std::string& path = tables_.front().path;
  return state.line > 0 ? fmt::format("{}, column {}", path, state.line) : path;
}

double SpooledStates::progress() const {
  return static_cast<double>(state_) / static_cast<double>(tables_.front().states);
}

Status check_same_shape(const Table& first, const Table& table) {
  if (table.places == first.places && table.states == first.states) {
    if (table.names == first.names) return {};
    return bad_input(
        fmt::format("{}: its first column names other places than {}'s, or in another "
                    "order; give all files the same rows",
                    table.path, first.path));
  }
  return bad_input(
      fmt::format("{}: {} places x {} times, but {} has {} x {}; all variables need "
                  "the same places and times",
                  table.path, table.places, table.states, first.path, first.places, first.states));
}

Status check_place_count(const Table& table, Places& places) {
  if (places.names.empty()) places.names = table.names;
  if (places.names.empty()) name_places(table.places, places);
  if (places.count() == table.places) return {};
  return bad_input(fmt::format("{}: {} rows, but the recipe names {} places; correct \"places\"",
                               table.path, table.places, places.count()));
}

}  // namespace

Result<std::unique_ptr<StateReader>> open_transposed_csv(const Sources& sources) {
  const Recipe& recipe = sources.recipe;
  if (recipe.variables.empty()) {
    return bad_input(recipe.path + ": a transposed table needs \"variables\"");
  }
  std::vector<Spool> spools;
  std::vector<Table> tables;
  for (const VariableRecipe& variable : recipe.variables) {
    SKIPCAST_TRY(const std::string file, only_file_of(sources, variable));
    SKIPCAST_TRY(Spool spool, Spool::create());
    SKIPCAST_TRY(Table table, TableSpooler(recipe, variable, spool).copy(file));
    spools.push_back(std::move(spool));
    tables.push_back(std::move(table));
    SKIPCAST_TRY_OK(check_same_shape(tables.front(), tables.back()));
  }
  Schema schema = schema_of(recipe);
  SKIPCAST_TRY_OK(read_place_list(sources, schema.places));
  SKIPCAST_TRY_OK(check_place_count(tables.front(), schema.places));
  SKIPCAST_TRY_OK(read_adjacency(sources, schema.places));
  const Status axis = validate(schema.axis);
  if (!axis.ok()) return bad_input(recipe.path + ": " + axis.message());
  auto states = std::make_unique<SpooledStates>(std::move(spools), std::move(tables), schema.axis);
  return regular_states(std::move(schema), std::move(states));
}

}  // namespace skipcast::storage
