// Bytes that come and go in pieces, so that an index is written and read without a copy of it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "storage/files/bytes.h"
#include "storage/status.h"

namespace skipcast::retrieval {

// Takes the next piece; a failure stops whoever produces them.
using ByteSink = std::function<Status(std::string_view)>;

// Gives the next bytes of a payload. Not thread-safe.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual uint64_t remaining() const = 0;
  // Fills `out`. kDataLoss when fewer bytes are left, or what is there is damaged.
  virtual Status read(std::span<char> out) = 0;
};

// Bytes in memory; does not own them.
class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(std::string_view bytes) : rest_(bytes) {}
  uint64_t remaining() const override { return rest_.size(); }
  Status read(std::span<char> out) override {
    if (out.size() > rest_.size()) return data_loss("the bytes end too early");
    std::copy_n(rest_.begin(), out.size(), out.begin());
    rest_.remove_prefix(out.size());
    return Status();
  }

 private:
  std::string_view rest_;
};

template <storage::Number T>
Status put(const ByteSink& sink, T value) {
  return sink({reinterpret_cast<const char*>(&value), sizeof value});
}

template <storage::Number T>
Status put_array(const ByteSink& sink, std::span<const T> values) {
  return sink({reinterpret_cast<const char*>(values.data()), values.size_bytes()});
}

template <storage::Number T>
Status take(ByteSource& source, T& value) {
  return source.read({reinterpret_cast<char*>(&value), sizeof value});
}

// An array of `count` values; that so many bytes are left is checked before anything is allocated.
template <typename Vector>
Status take_array(ByteSource& source, int64_t count, Vector& values) {
  constexpr size_t kSize = sizeof(typename Vector::value_type);
  if (count < 0 || static_cast<uint64_t>(count) > source.remaining() / kSize) {
    return data_loss("the index is shorter than its counts say");
  }
  values.resize(static_cast<size_t>(count));
  return source.read({reinterpret_cast<char*>(values.data()), values.size() * kSize});
}

}  // namespace skipcast::retrieval
