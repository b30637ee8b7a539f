// Tested with libzip 1.7.3. libzip checks a member's CRC only when its last byte is read, so
// damage in the middle may be told late: nothing read from here is trusted before its own checks.
#include "storage/formats/npy_array.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <zip.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <utility>

#include "storage/formats/csv_cells.h"

namespace skipcast::storage {
namespace {

constexpr size_t kHeaderBytesMax = size_t{1} << 16;
constexpr int64_t kVectorMax = int64_t{1} << 24;
constexpr size_t kBufferBytes = size_t{1} << 20;
constexpr int64_t kTextBytesMax = int64_t{1} << 28;

template <typename T>
double number_at(const char* item, bool swap) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, item, sizeof(T));
  if (swap) std::reverse(bytes, bytes + sizeof(T));
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return static_cast<double>(value);
}

using Decode = double (*)(const char*, bool);

Decode decoder_of(const NpyType& type) {
  const auto of_size = [&](Decode one, Decode two, Decode four, Decode eight) {
    return type.item_bytes == 1   ? one
           : type.item_bytes == 2 ? two
           : type.item_bytes == 4 ? four
                                  : eight;
  };
  switch (type.kind) {
    case 'f':
      return of_size(nullptr, nullptr, number_at<float>, number_at<double>);
    case 'i':
      return of_size(number_at<int8_t>, number_at<int16_t>, number_at<int32_t>, number_at<int64_t>);
    case 'b':
    case 'u':
      return of_size(number_at<uint8_t>, number_at<uint16_t>, number_at<uint32_t>,
                     number_at<uint64_t>);
    case 'M':
      return number_at<int64_t>;
    default:
      return nullptr;
  }
}

void append_utf8(uint32_t code, std::string& out) {
  if (code < 0x80) {
    out.push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out.push_back(static_cast<char>(0xC0 | code >> 6));
    out.push_back(static_cast<char>(0x80 | (code & 63)));
  } else if (code < 0x10000) {
    out.push_back(static_cast<char>(0xE0 | code >> 12));
    out.push_back(static_cast<char>(0x80 | (code >> 6 & 63)));
    out.push_back(static_cast<char>(0x80 | (code & 63)));
  } else {
    out.push_back(static_cast<char>(0xF0 | (code >> 18 & 7)));
    out.push_back(static_cast<char>(0x80 | (code >> 12 & 63)));
    out.push_back(static_cast<char>(0x80 | (code >> 6 & 63)));
    out.push_back(static_cast<char>(0x80 | (code & 63)));
  }
}

std::string text_at(const char* item, const NpyType& type) {
  if (type.kind == 'S')
    return std::string(item, strnlen(item, static_cast<size_t>(type.item_bytes)));
  std::string out;
  for (int32_t at = 0; at + 4 <= type.item_bytes; at += 4) {
    uint32_t code = 0;
    std::memcpy(&code, item + at, 4);
    if (type.big_endian) code = __builtin_bswap32(code);
    if (code == 0) break;
    append_utf8(code, out);
  }
  return out;
}

std::string text_of(double number) {
  const bool whole = number == std::floor(number) && std::abs(number) < 1e15;
  return whole ? fmt::format("{}", static_cast<int64_t>(number)) : fmt::format("{}", number);
}

bool is_zip(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  char magic[2] = {};
  return file.read(magic, 2) && magic[0] == 'P' && magic[1] == 'K';
}

std::string member_list(zip_t* zip) {
  std::string out;
  const auto count = std::min<zip_int64_t>(zip_get_num_entries(zip, 0), 20);
  for (zip_int64_t k = 0; k < count; ++k) {
    const char* name = zip_get_name(zip, static_cast<zip_uint64_t>(k), 0);
    std::string_view member = name ? name : "";
    if (member.size() > 4 && member.substr(member.size() - 4) == ".npy") member.remove_suffix(4);
    out += (out.empty() ? "" : ", ") + shown(member);
  }
  return out.empty() ? "nothing" : out;
}

}  // namespace

struct NpyArray::Bytes {
  zip_t* zip = nullptr;
  zip_file_t* member = nullptr;
  std::ifstream file;
  int64_t left = 0;  // bytes not read yet

  ~Bytes() {
    if (member) zip_fclose(member);
    if (zip) zip_discard(zip);
  }
  Status open_member(const std::string& path, const std::string& array);
  int64_t read(char* out, size_t bytes);
};

Status NpyArray::Bytes::open_member(const std::string& path, const std::string& array) {
  int code = 0;
  zip = zip_open(path.c_str(), ZIP_RDONLY, &code);
  if (!zip) {
    return bad_input(path + ": the npz file is cut short or damaged; copy or download it again");
  }
  zip_int64_t index = zip_name_locate(zip, (array + ".npy").c_str(), 0);
  if (index < 0) index = zip_name_locate(zip, array.c_str(), 0);
  if (index < 0) {
    return not_found(fmt::format("{}: there is no array {}; the file holds {}", path, shown(array),
                                 member_list(zip)));
  }
  zip_stat_t stat;
  const auto entry = static_cast<zip_uint64_t>(index);
  if (zip_stat_index(zip, entry, 0, &stat) != 0 || !(stat.valid & ZIP_STAT_SIZE)) {
    return bad_input(path + ": the npz file is damaged; copy or download it again");
  }
  left = static_cast<int64_t>(std::min<zip_uint64_t>(stat.size, zip_uint64_t{1} << 50));
  member = zip_fopen_index(zip, entry, 0);
  if (member) return {};
  return bad_input(
      fmt::format("{}, array {}: cannot be unpacked ({})", path, shown(array), zip_strerror(zip)));
}

int64_t NpyArray::Bytes::read(char* out, size_t bytes) {
  if (member) return zip_fread(member, out, bytes);
  file.read(out, static_cast<std::streamsize>(bytes));
  return file.gcount();
}

NpyArray::NpyArray(std::unique_ptr<Bytes> bytes, std::string position)
    : bytes_(std::move(bytes)), position_(std::move(position)) {}

NpyArray::~NpyArray() = default;

Result<std::unique_ptr<NpyArray>> NpyArray::open(const std::string& path,
                                                 const std::string& array) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    return not_found(path + ": no such file; check the path");
  }
  auto bytes = std::make_unique<Bytes>();
  std::string position = path;
  if (is_zip(path)) {
    SKIPCAST_TRY_OK(bytes->open_member(path, array));
    position += ", array " + shown(array);
  } else {
    bytes->file.open(path, std::ios::binary);
    bytes->left = static_cast<int64_t>(std::filesystem::file_size(path, error));
    if (!bytes->file || error) return io_error(path + ": cannot be opened; check its rights");
  }
  std::unique_ptr<NpyArray> out(new NpyArray(std::move(bytes), std::move(position)));
  SKIPCAST_TRY_OK(out->read_header());
  return out;
}

Status NpyArray::fill(char* out, size_t bytes) {
  while (bytes > 0) {
    const int64_t count = bytes_->read(out, bytes);
    if (count <= 0) {
      return bad_input(position_ + ": the file is cut short or damaged; copy or download it again");
    }
    out += count, bytes -= static_cast<size_t>(count), bytes_->left -= count;
  }
  return {};
}

Status NpyArray::read_header() {
  char magic[8];
  const Status not_npy = bad_input(position_ + ": this is not an npy array (no NumPy header)");
  if (bytes_->left < 10) return not_npy;
  SKIPCAST_TRY_OK(fill(magic, 8));
  if (std::memcmp(magic, "\x93NUMPY", 6) != 0) return not_npy;
  unsigned char size[4] = {};
  SKIPCAST_TRY_OK(fill(reinterpret_cast<char*>(size), magic[6] == 1 ? 2 : 4));
  const size_t length =
      size[0] | size_t{size[1]} << 8 | size_t{size[2]} << 16 | size_t{size[3]} << 24;
  if (length > kHeaderBytesMax || static_cast<int64_t>(length) > bytes_->left) return not_npy;
  std::string text(length, '\0');
  SKIPCAST_TRY_OK(fill(text.data(), length));
  Result<NpyHeader> header = parse_npy_header(text);
  if (!header.ok()) return bad_input(position_ + ": " + header.status().message());
  header_ = *header;
  left_ = header_.count();
  const int64_t item = header_.type.item_bytes;
  if (item > 0 && left_ <= bytes_->left / item && left_ * item == bytes_->left) return {};
  if (item == 0) return bad_input(position_ + ": holds empty texts");
  return bad_input(
      fmt::format("{}: {} bytes follow the header, but the shape [{}] of {}-byte items "
                  "needs {}; the file is cut short or damaged",
                  position_, bytes_->left, fmt::join(header_.shape, ", "), item,
                  static_cast<double>(left_) * static_cast<double>(item)));
}

Status NpyArray::read(std::span<double> out) {
  const NpyType& type = header_.type;
  const Decode decode = decoder_of(type);
  if (!decode) return bad_input(position_ + ": holds texts where numbers are needed");
  SKIPCAST_CHECK(static_cast<int64_t>(out.size()) <= left_);
  const bool swap = type.big_endian && type.item_bytes > 1;
  const auto item = static_cast<size_t>(type.item_bytes);
  for (size_t done = 0; done < out.size();) {
    const size_t count = std::min(out.size() - done, kBufferBytes / item);
    buffer_.resize(count * item);
    SKIPCAST_TRY_OK(fill(buffer_.data(), buffer_.size()));
    for (size_t k = 0; k < count; ++k) out[done + k] = decode(buffer_.data() + k * item, swap);
    done += count, left_ -= static_cast<int64_t>(count);
  }
  if (type.kind != 'M') return {};
  const auto not_a_time = static_cast<double>(std::numeric_limits<int64_t>::min());
  for (double& value : out) {
    value = value == not_a_time ? std::numeric_limits<double>::quiet_NaN() : value * type.unit_s;
  }
  return {};
}

Result<std::vector<std::string>> NpyArray::read_texts() {
  if (left_ > kVectorMax || left_ * header_.type.item_bytes > kTextBytesMax) {
    return bad_input(position_ + ": too many names for places");
  }
  std::vector<std::string> texts;
  if (decoder_of(header_.type)) {
    std::vector<double> numbers(static_cast<size_t>(left_));
    SKIPCAST_TRY_OK(read(numbers));
    for (const double number : numbers) texts.push_back(text_of(number));
    return texts;
  }
  const auto item = static_cast<size_t>(header_.type.item_bytes);
  std::vector<char> bytes(static_cast<size_t>(left_) * item);
  SKIPCAST_TRY_OK(fill(bytes.data(), bytes.size()));
  for (size_t at = 0; at < bytes.size(); at += item) {
    texts.push_back(text_at(bytes.data() + at, header_.type));
  }
  left_ = 0;
  return texts;
}

Result<std::vector<double>> read_npy_vector(NpyArray& npy) {
  const NpyHeader& header = npy.header();
  if (header.shape.size() != 1 || header.count() > kVectorMax) {
    return bad_input(fmt::format("{}: has the shape [{}], but a list of numbers is needed",
                                 npy.position(), fmt::join(header.shape, ", ")));
  }
  std::vector<double> numbers(static_cast<size_t>(header.count()));
  SKIPCAST_TRY_OK(npy.read(numbers));
  return numbers;
}

Result<std::vector<double>> read_npy_vector(const std::string& path, const std::string& array) {
  SKIPCAST_TRY(const std::unique_ptr<NpyArray> npy, NpyArray::open(path, array));
  return read_npy_vector(*npy);
}

}  // namespace skipcast::storage
