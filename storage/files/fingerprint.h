// Fingerprints: 16 hexadecimal digits that change when the content does. They tell mistakes and
// stale caches apart, not enemies; checksums of stored bytes are CRC32C (storage/files/checksum.h).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace skipcast::storage {

// Of the bytes (64-bit FNV-1a, finished by splitmix64's mixer).
std::string fingerprint_of(std::string_view bytes);
// Of the bits of the floats.
std::string fingerprint_of(std::span<const float> values);

// splitmix64's mixer: a fixed, well-spread function of one number. For drawing from fixed sets
// without any generator's state.
uint64_t mix_bits(uint64_t value);

// base64 (RFC 4648, padded) of the float32 bytes, and back; false when the text is not base64 or
// does not hold exactly values.size() floats.
std::string floats_to_text(std::span<const float> values);
bool floats_from_text(std::string_view text, std::span<float> values);

}  // namespace skipcast::storage
