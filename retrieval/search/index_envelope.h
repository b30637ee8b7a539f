// The file around an index (FORMATS.md 4): proves that the bytes are complete, unharmed, and
// of this store and encoder before any index code sees them.
//
// Layout, little-endian: magic "SKCINDEX", version (uint32), kind, store id, fingerprint (each
// uint32 length + bytes), through, rows, skipped, dimension, block (int64), chain (uint32), payload
// length (int64), number of sums (uint32), CRC32C of each MiB of the payload (uint32 each), CRC32C
// of everything before (uint32), payload. The last sum covers the others, so every byte of the file
// is covered. Version 1 had no block and chain.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "retrieval/indexes/byte_stream.h"
#include "storage/status.h"

namespace skipcast::retrieval {

inline constexpr uint32_t kEnvelopeVersion = 2;

struct EnvelopeHeader {
  std::string kind;         // "flat", "hnsw"
  std::string store_id;     // SeriesStore::store_id()
  std::string fingerprint;  // of the encoder and all else that decides the bits of rows
  int64_t through = 0;      // states of the store covered
  int64_t rows = 0;         // windows in the index
  int64_t skipped = 0;      // windows left out (no data)
  int64_t dimension = 0;
  int64_t block = 0;   // SeriesStore::last() when the index was followed: which history of
  uint32_t chain = 0;  // the archive it is of, and which erasures it has seen

  bool operator==(const EnvelopeHeader&) const = default;
};

struct Envelope {
  EnvelopeHeader header;
  std::string content;

  std::string_view payload() const { return content; }
};

// An envelope read in order, every MiB checked before it is handed out. Opening checks the header
// and the size. kDataLoss says what does not fit; kUnsupported another version.
class EnvelopeReader final : public ByteSource {
 public:
  using ReadAt = std::function<Status(int64_t offset, std::span<char> out)>;
  static Result<std::unique_ptr<EnvelopeReader>> open(ReadAt read_at, int64_t bytes);
  // kNotFound when absent, kDataLoss when larger than `bytes_max`.
  static Result<std::unique_ptr<EnvelopeReader>> open(const std::string& path, int64_t bytes_max);

  const EnvelopeHeader& header() const { return header_; }
  uint64_t remaining() const override;
  Status read(std::span<char> out) override;

 private:
  EnvelopeReader(ReadAt read_at, EnvelopeHeader header)
      : read_at_(std::move(read_at)), header_(std::move(header)) {}
  Status next_piece();

  ReadAt read_at_;
  EnvelopeHeader header_;
  std::vector<uint32_t> sums_;
  int64_t payload_at_ = 0, payload_bytes_ = 0;
  size_t pieces_ = 0;        // read and checked
  std::vector<char> piece_;  // the last of them
  size_t used_ = 0;          // of piece_
};

// Bytes of the file, and back.
std::string pack_envelope(const EnvelopeHeader& header, std::string_view payload);
Result<Envelope> unpack_envelope(const std::string& bytes);

// Writes the file durably, and keeps the file that was there as previous_envelope(path): `produce`
// hands the payload, of any length, to the sink it gets. On failure both files stay as they are.
// Needs a MiB of memory. Removes what died writers left.
Status write_envelope(const std::string& path, const EnvelopeHeader& header,
                      const std::function<Status(const ByteSink&)>& produce);
Status write_envelope(const std::string& path, const EnvelopeHeader& header,
                      std::string_view payload);
// The whole file; never more than its size in memory.
Result<Envelope> read_envelope(const std::string& path, int64_t bytes_max);
// Reads the whole file, a MiB at a time, and checks every byte; its header.
Result<EnvelopeHeader> check_envelope(const std::string& path, int64_t bytes_max);
std::string previous_envelope(const std::string& path);

}  // namespace skipcast::retrieval
