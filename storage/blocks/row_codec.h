// How the float32 values of a row become bytes and come back, bit for bit.
//
// kFloat32: the values as they are. kZstd: bytes shuffled (all first bytes, then all second ...:
// neighbouring values share their exponents) and compressed with zstd. Pure, thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "storage/schema/schema.h"
#include "storage/status.h"

namespace skipcast::storage {

// Appends the coded values to `out`.
void encode_values(Codec codec, std::span<const float> values, std::string& out);

// The bytes of `count` float32 values coded in `bytes`. The view points into `bytes` (kFloat32)
// or into `scratch` (kZstd) and may be unaligned. kDataLoss when the bytes do not decode to
// exactly `count` values.
Result<std::string_view> decode_values(Codec codec, std::string_view bytes, int64_t count,
                                       std::string& scratch);

}  // namespace skipcast::storage
