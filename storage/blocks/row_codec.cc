#include "storage/blocks/row_codec.h"

#include <zstd.h>

#include <memory>

namespace skipcast::storage {
namespace {

constexpr int kZstdLevel = 3;
constexpr size_t kWidth = sizeof(float);

struct FreeCompressor {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};
struct FreeDecompressor {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

// Contexts are costly to make and hold no state between calls: one a thread.
ZSTD_CCtx* compressor() {
  thread_local const std::unique_ptr<ZSTD_CCtx, FreeCompressor> context(ZSTD_createCCtx());
  return context.get();
}
ZSTD_DCtx* decompressor() {
  thread_local const std::unique_ptr<ZSTD_DCtx, FreeDecompressor> context(ZSTD_createDCtx());
  return context.get();
}

void shuffle(std::span<const float> values, char* out) {
  const auto* bytes = reinterpret_cast<const char*>(values.data());
  const size_t count = values.size();
  for (size_t i = 0; i < count; ++i) {
    for (size_t b = 0; b < kWidth; ++b) out[b * count + i] = bytes[i * kWidth + b];
  }
}

void unshuffle(std::string_view shuffled, size_t count, char* out) {
  for (size_t i = 0; i < count; ++i) {
    for (size_t b = 0; b < kWidth; ++b) out[i * kWidth + b] = shuffled[b * count + i];
  }
}

}  // namespace

void encode_values(Codec codec, std::span<const float> values, std::string& out) {
  if (codec == Codec::kFloat32) {
    out.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
    return;
  }
  std::string shuffled(values.size_bytes(), '\0');
  shuffle(values, shuffled.data());
  const size_t bound = ZSTD_compressBound(shuffled.size());
  const size_t begin = out.size();
  out.resize(begin + bound);
  const size_t size = ZSTD_compressCCtx(compressor(), out.data() + begin, bound, shuffled.data(),
                                        shuffled.size(), kZstdLevel);
  SKIPCAST_CHECK(!ZSTD_isError(size));
  out.resize(begin + size);
}

Result<std::string_view> decode_values(Codec codec, std::string_view bytes, int64_t count,
                                       std::string& scratch) {
  const size_t size = static_cast<size_t>(count) * kWidth;
  if (codec == Codec::kFloat32) {
    if (bytes.size() != size) return data_loss("a row of the wrong length");
    return bytes;
  }
  if (ZSTD_getFrameContentSize(bytes.data(), bytes.size()) != size) {
    return data_loss("a row of the wrong length");
  }
  scratch.resize(2 * size);
  char* const shuffled = scratch.data() + size;
  if (ZSTD_decompressDCtx(decompressor(), shuffled, size, bytes.data(), bytes.size()) != size) {
    return data_loss("a row that does not decompress");
  }
  unshuffle(std::string_view(shuffled, size), static_cast<size_t>(count), scratch.data());
  return std::string_view(scratch.data(), size);
}

}  // namespace skipcast::storage
