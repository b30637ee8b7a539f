// The file around an index (RELIABILITY B5): proves that the bytes are complete, unharmed, and
// of this store and encoder before any index code sees them.
//
// Layout, little-endian: magic "SKCINDEX", version (uint32), kind, store id, fingerprint (each
// uint32 length + bytes), through, rows, skipped, dimension, payload length (int64), number of
// sums (uint32), CRC32C of each MiB of the payload (uint32 each), CRC32C of everything before
// (uint32), payload. The last sum covers the others, so every byte of the file is covered.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "storage/status.h"

namespace skipcast::retrieval {

inline constexpr uint32_t kEnvelopeVersion = 1;

struct EnvelopeHeader {
  std::string kind;         // "flat", "hnsw"
  std::string store_id;     // SeriesStore::store_id()
  std::string fingerprint;  // of the encoder and all else that decides the bits of rows
  int64_t through = 0;      // states of the store covered
  int64_t rows = 0;         // windows in the index
  int64_t skipped = 0;      // windows left out (no data)
  int64_t dimension = 0;

  bool operator==(const EnvelopeHeader&) const = default;
};

struct Envelope {
  EnvelopeHeader header;
  std::string bytes;      // the whole file
  size_t payload_at = 0;  // where its payload begins

  std::string_view payload() const { return std::string_view(bytes).substr(payload_at); }
};

// Bytes of the file, and back. kDataLoss says what does not fit; kUnsupported a newer version.
std::string pack_envelope(const EnvelopeHeader& header, std::string_view payload);
Result<Envelope> unpack_envelope(std::string bytes);

// The file itself. Writing is durable (tmp, fsync, rename, fsync of the folder) and keeps the
// file that was there as previous_envelope(path). Reading: kNotFound when absent, kDataLoss when
// damaged or larger than `bytes_max`; never more than the file's size in memory.
Status write_envelope(const std::string& path, const EnvelopeHeader& header,
                      std::string_view payload);
Result<Envelope> read_envelope(const std::string& path, int64_t bytes_max);
std::string previous_envelope(const std::string& path);

}  // namespace skipcast::retrieval
