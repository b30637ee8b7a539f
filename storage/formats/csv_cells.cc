// Tested with zlib 1.2.13. zlib reports a gzip file cut short only after handing out the data
// before the cut: every short read is therefore followed by gzerror().
#include "storage/formats/csv_cells.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace skipcast::storage {
namespace {

constexpr int64_t kBufferBytesMin = 1 << 12, kBufferBytesMax = 1 << 18;

}  // namespace

struct CsvCells::Stream {
  gzFile file = nullptr;
  int64_t file_bytes = 0;
  std::vector<char> buffer;
  size_t begin = 0, end = 0;
  bool at_end = false;

  ~Stream() {
    if (file) gzclose(file);
  }
};

Result<std::unique_ptr<CsvCells>> CsvCells::open(const std::string& path, char separator) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    return not_found(path + ": no such file; check the path");
  }
  auto stream = std::make_unique<Stream>();
  stream->file_bytes = static_cast<int64_t>(std::filesystem::file_size(path, error));
  stream->file = gzopen(path.c_str(), "rb");
  if (!stream->file) {
    return io_error(
        fmt::format("{}: cannot be opened ({}); check its rights", path, std::strerror(errno)));
  }
  // Hundreds of small files may be open at once: none takes more than it has use for.
  stream->buffer.resize(
      static_cast<size_t>(std::clamp(stream->file_bytes, kBufferBytesMin, kBufferBytesMax)));
  gzbuffer(stream->file, static_cast<unsigned>(stream->buffer.size()));
  std::unique_ptr<CsvCells> cells(new CsvCells(path, separator, std::move(stream)));
  SKIPCAST_TRY_OK(cells->refill());
  Stream& first = *cells->stream_;
  if (first.end >= 3 && std::memcmp(first.buffer.data(), "\xEF\xBB\xBF", 3) == 0) first.begin = 3;
  return cells;
}

CsvCells::CsvCells(const std::string& path, char separator, std::unique_ptr<Stream> stream)
    : path_(path), separator_(separator), stream_(std::move(stream)) {}

CsvCells::~CsvCells() = default;

Status CsvCells::refill() {
  Stream& stream = *stream_;
  stream.begin = stream.end = 0;
  if (stream.at_end) return {};
  const auto wanted = static_cast<unsigned>(stream.buffer.size());
  const int count = gzread(stream.file, stream.buffer.data(), wanted);
  if (count > 0) stream.end = static_cast<size_t>(count);
  if (count == static_cast<int>(wanted)) return {};
  stream.at_end = count <= 0;
  int code = Z_OK;
  const char* text = gzerror(stream.file, &code);
  if (code == Z_OK || code == Z_STREAM_END) return {};
  if (count > 0) return {};  // use what came; the next call meets the same error
  const std::string where = fmt::format("{}, after line {}", path_, line_);
  if (code == Z_BUF_ERROR) {
    return bad_input(where + ": the gzip file is cut short; copy or download it again");
  }
  if (code == Z_DATA_ERROR) {
    return bad_input(where + ": the gzip file is damaged; copy or download it again");
  }
  return io_error(
      fmt::format("{}: cannot be read ({})", where, code == Z_ERRNO ? std::strerror(errno) : text));
}

int CsvCells::peek() {
  Stream& stream = *stream_;
  if (stream.begin == stream.end) {
    if (failure_.ok()) failure_ = refill();
    if (!failure_.ok() || stream.begin == stream.end) return -1;
  }
  return static_cast<unsigned char>(stream.buffer[stream.begin]);
}

Status CsvCells::read_quoted() {
  const int64_t first_line = line_;
  ++stream_->begin;
  for (int c = peek();; c = peek()) {
    if (c < 0) {
      SKIPCAST_TRY_OK(failure_);
      return bad_input(
          fmt::format("{}, line {}: a quote that opens here never closes; add the "
                      "missing \" or remove it",
                      path_, first_line));
    }
    ++stream_->begin;
    if (c == '"') {
      if (peek() != '"') break;
      ++stream_->begin;
    }
    if (c == '\n') ++line_;
    cell_.push_back(static_cast<char>(c));
    if (cell_.size() > kCellBytesMax) break;
  }
  return {};
}

Status CsvCells::read_plain() {
  while (peek() >= 0 && cell_.size() <= kCellBytesMax) {
    Stream& stream = *stream_;
    const char* const first = stream.buffer.data() + stream.begin;
    const char* const last = stream.buffer.data() + stream.end;
    const char* stop = first;
    while (stop < last && *stop != separator_ && *stop != '\n' && *stop != '\r') ++stop;
    cell_.append(first, stop);
    stream.begin += static_cast<size_t>(stop - first);
    if (stop < last) break;
  }
  return failure_;
}

bool CsvCells::take_line_end() {
  const int c = peek();
  if (c != '\n' && c != '\r') return false;
  ++stream_->begin;
  if (c == '\r' && peek() == '\n') ++stream_->begin;
  ++line_;
  return true;
}

Status CsvCells::skip_empty_lines() {
  while (take_line_end()) continue;
  row_line_ = line_;
  return failure_;
}

Result<CsvCell> CsvCells::next() {
  if (row_begins_) SKIPCAST_TRY_OK(skip_empty_lines());
  cell_.clear();
  int c = peek();
  SKIPCAST_TRY_OK(failure_);
  if (c < 0 && row_begins_) return CsvCell{.last_in_row = true, .end_of_file = true};
  while (c == ' ' && separator_ != ' ') ++stream_->begin, c = peek();
  if (c == '"') SKIPCAST_TRY_OK(read_quoted());
  const size_t kept = cell_.size();
  SKIPCAST_TRY_OK(read_plain());
  if (cell_.size() > kCellBytesMax) {
    return bad_input(position() +
                     ": a cell is longer than 1 MiB; is this a delimited text file "
                     "with this separator?");
  }
  while (cell_.size() > kept && (cell_.back() == ' ' || cell_.back() == '\t')) cell_.pop_back();
  row_begins_ = peek() < 0 || take_line_end();
  if (!row_begins_) ++stream_->begin;
  SKIPCAST_TRY_OK(failure_);
  return CsvCell{.text = cell_, .last_in_row = row_begins_};
}

Status CsvCells::read_row(CsvRow& row) {
  row.clear();
  size_t bytes = 0;
  for (bool more = true; more;) {
    SKIPCAST_TRY(const CsvCell cell, next());
    if (cell.end_of_file) return {};
    row.add(cell.text);
    bytes += cell.text.size() + 1;
    if (bytes > kRowBytesMax) {
      return bad_input(position() +
                       ": a row is longer than 64 MiB; is this a delimited text file?");
    }
    more = !cell.last_in_row;
  }
  return {};
}

double CsvCells::progress() const {
  const auto used = static_cast<double>(gzoffset(stream_->file));
  if (stream_->file_bytes <= 0) return 1;
  return std::clamp(used / static_cast<double>(stream_->file_bytes), 0.0, 1.0);
}

std::string CsvCells::position() const { return fmt::format("{}, line {}", path_, row_line_); }

std::string shown(std::string_view text) {
  return fmt::format("'{}{}'", text.substr(0, 40), text.size() > 40 ? "..." : "");
}

}  // namespace skipcast::storage
