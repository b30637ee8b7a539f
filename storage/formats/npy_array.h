// Arrays in NumPy's files: an .npy file, or a member of an .npz (a zip of .npy files).
//
// Read front to back with bounded memory, whatever the array's size. Every length the file gives
// is checked against the bytes that are there. Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/status.h"

namespace skipcast::storage {

struct NpyType {
  char kind = 'f';  // f float, i int, u unsigned, b bool, M datetime64, U and S text
  int32_t item_bytes = 4;
  bool big_endian = false;
  double unit_s = 0;  // M: seconds a count
};

struct NpyHeader {
  NpyType type;
  bool fortran_order = false;
  std::vector<int64_t> shape;

  int64_t count() const;  // product of the shape
};

// The dictionary text of an .npy header. kBadInput (without position) for broken text, object and
// structured types, float16, complex numbers, and shapes whose size overflows.
Result<NpyHeader> parse_npy_header(std::string_view text);

class NpyArray {
 public:
  // Opens `array` of an .npz (with or without ".npy"), or an .npy file (array is then ignored).
  // kNotFound: no such file or array (the message lists those there are); kBadInput: not a zip,
  // damaged, object type, a length that does not fit the shape.
  static Result<std::unique_ptr<NpyArray>> open(const std::string& path, const std::string& array);
  ~NpyArray();
  NpyArray(const NpyArray&) = delete;
  NpyArray& operator=(const NpyArray&) = delete;

  const NpyHeader& header() const { return header_; }
  // The next out.size() elements as numbers (datetime64: seconds since 1970, NaT as NaN; 64-bit
  // integers beyond 2^53 lose digits). kBadInput for text arrays and at damaged bytes.
  Status read(std::span<double> out);
  // All elements as texts; whole numbers without a point. REQUIRES: nothing read yet.
  Result<std::vector<std::string>> read_texts();

  // "FILE, array 'speed'".
  const std::string& position() const { return position_; }

 private:
  struct Bytes;
  NpyArray(std::unique_ptr<Bytes> bytes, std::string position);
  Status read_header();
  Status fill(char* out, size_t bytes);

  std::unique_ptr<Bytes> bytes_;
  const std::string position_;
  NpyHeader header_;
  int64_t left_ = 0;  // elements not read yet
  std::vector<char> buffer_;
};

// All elements of a one-dimensional number array of at most 16 Mi elements, none of them read yet.
Result<std::vector<double>> read_npy_vector(NpyArray& npy);
Result<std::vector<double>> read_npy_vector(const std::string& path, const std::string& array);

}  // namespace skipcast::storage
