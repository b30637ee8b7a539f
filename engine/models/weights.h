// Named tensors in a file: the safetensors layout, written and read by our own code.
//
// 8 bytes little-endian header length, a JSON header {"name": {"dtype", "shape", "data_offsets"},
// "__metadata__": {texts}}, then the data without gaps. Any safetensors reader opens it. Beyond
// the format, metadata "crc32c" holds the checksum of the whole file (computed with its own eight
// digits as zeros) and "crc32c.<name>" each tensor's, so that every damaged byte is refused.
// Nothing executes anything or trusts a length (storage/RELIABILITY.md 3). Thread-safe.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <string_view>

#include "storage/status.h"

namespace skipcast::engine {

struct Weights {
  std::map<std::string, at::Tensor> tensors;    // contiguous CPU tensors, F32 F16 BF16 I64
  std::map<std::string, std::string> metadata;  // without the checksums
};

// The file's bytes. kUsage for another dtype, a value that is not finite, an empty or reserved
// name, or more than the limits below: nothing is written that the reader would refuse.
Result<std::string> encode_weights(const Weights& weights);
// `name` is how messages call the file. kDataLoss for anything damaged or out of bounds,
// kUnsupported for a sound file of another dtype.
Result<Weights> decode_weights(std::string_view bytes, const std::string& name);

// The same on files; written durably (see storage/files/file_io.h), read with a size limit.
Status write_weights(const std::string& path, const Weights& weights);
Result<Weights> read_weights(const std::string& path);

inline constexpr int64_t kWeightsHeaderBytesMax = 1 << 20;
inline constexpr int64_t kWeightsTensorsMax = 4096;
inline constexpr int64_t kWeightsBytesMax = int64_t{4} << 30;

}  // namespace skipcast::engine
