// CRC32C (Castagnoli), the checksum of every byte skipcast writes outside RocksDB's own files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace skipcast::storage {

// Continues `crc` (0 to begin) over the bytes: crc32c(crc32c(0, a), b) == crc32c(0, ab).
// Uses the SSE 4.2 instruction where the CPU has it. Thread-safe, about 8 GB/s.
uint32_t crc32c(uint32_t crc, const void* data, size_t size);

inline uint32_t crc32c(std::string_view bytes) { return crc32c(0, bytes.data(), bytes.size()); }

// The same without special instructions; the tests compare the two.
uint32_t crc32c_portable(uint32_t crc, const void* data, size_t size);

}  // namespace skipcast::storage
