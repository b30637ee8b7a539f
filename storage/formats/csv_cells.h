// The cells of a delimited text file, plain or gzip, one after the other.
//
// RFC 4180: quotes, doubled quotes and line breaks inside quotes; \n, \r\n and \r end a row; a
// byte-order mark and empty lines are skipped. Memory is bounded by the cell and row limits
// whatever the file size. Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "storage/status.h"

namespace skipcast::storage {

inline constexpr size_t kCellBytesMax = size_t{1} << 20;
inline constexpr size_t kRowBytesMax = size_t{1} << 26;

struct CsvCell {
  std::string_view text;  // outer blanks and quotes removed; valid until the next call
  bool last_in_row = false;
  bool end_of_file = false;  // then there is no text
};

// The cells of one row; empty at the end of the file.
class CsvRow {
 public:
  void clear() { text_.clear(), ends_.clear(); }
  void add(std::string_view cell) { text_.append(cell), ends_.push_back(text_.size()); }
  size_t size() const { return ends_.size(); }
  bool empty() const { return ends_.empty(); }
  std::string_view operator[](size_t k) const {
    const size_t begin = k == 0 ? 0 : ends_[k - 1];
    return std::string_view(text_).substr(begin, ends_[k] - begin);
  }

 private:
  std::string text_;
  std::vector<size_t> ends_;
};

class CsvCells {
 public:
  // kNotFound when there is no such file, kIo when it cannot be read.
  static Result<std::unique_ptr<CsvCells>> open(const std::string& path, char separator);
  ~CsvCells();
  CsvCells(const CsvCells&) = delete;
  CsvCells& operator=(const CsvCells&) = delete;

  // The next cell. kBadInput names file and line: a gzip file cut short or damaged, a quote that
  // never ends, a cell over 1 MiB (a binary file).
  Result<CsvCell> next();
  // The next row; rows over 64 MiB are kBadInput.
  Status read_row(CsvRow& row);

  const std::string& path() const { return path_; }
  int64_t line() const { return row_line_; }  // where the last cell's row begins, from 1
  double progress() const;                    // share of the file's bytes used, 0..1
  // "FILE, line 12".
  std::string position() const;

 private:
  struct Stream;
  CsvCells(const std::string& path, char separator, std::unique_ptr<Stream> stream);
  int peek();  // the next byte, -1 at the end or after a failure (then failure_ says which)
  Status refill();
  Status read_quoted();
  Status read_plain();
  bool take_line_end();
  Status skip_empty_lines();

  const std::string path_;
  const char separator_;
  std::unique_ptr<Stream> stream_;
  std::string cell_;
  Status failure_;
  int64_t line_ = 1, row_line_ = 1;
  bool row_begins_ = true;
};

// A text for a message: shortened to 40 bytes, in single quotes.
std::string shown(std::string_view text);

}  // namespace skipcast::storage
