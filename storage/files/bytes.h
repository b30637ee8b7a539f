// Little-endian numbers in byte strings: append them, and take them back with every length checked.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace skipcast::storage {

static_assert(std::endian::native == std::endian::little, "the formats are little-endian");

template <typename T>
concept Number = std::integral<T> || std::floating_point<T>;

template <Number T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

// Takes numbers and strings from the front of `bytes`. take() returns false, and leaves the
// value alone, when too few bytes are left. Does not own the bytes.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  size_t remaining() const { return rest_.size(); }
  std::string_view rest() const { return rest_; }

  template <Number T>
  bool take(T& value) {
    if (rest_.size() < sizeof(T)) return false;
    std::memcpy(&value, rest_.data(), sizeof(T));
    rest_.remove_prefix(sizeof(T));
    return true;
  }
  bool take(size_t size, std::string_view& value) {
    if (rest_.size() < size) return false;
    value = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return true;
  }

 private:
  std::string_view rest_;
};

}  // namespace skipcast::storage
