#include "retrieval/index_envelope.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>

#include "storage/bytes.h"
#include "storage/checksum.h"
#include "storage/file_io.h"

namespace skipcast::retrieval {
namespace {

constexpr std::string_view kMagic = "SKCINDEX";
constexpr size_t kMiB = size_t{1} << 20;
constexpr uint32_t kTextMax = 512;

size_t sum_count(size_t payload_bytes) { return (payload_bytes + kMiB - 1) / kMiB; }

void put_text(std::string& out, std::string_view text) {
  SKIPCAST_CHECK(text.size() <= kTextMax);
  storage::put(out, static_cast<uint32_t>(text.size()));
  out.append(text);
}

bool take_text(storage::ByteReader& reader, std::string& text) {
  uint32_t size = 0;
  std::string_view bytes;
  if (!reader.take(size) || size > kTextMax || !reader.take(size, bytes)) return false;
  text = bytes;
  return true;
}

Status damaged(const char* what) { return data_loss(fmt::format("it is damaged ({})", what)); }

// Everything up to the sums; `payload_bytes` is what the file claims.
Status take_header(storage::ByteReader& reader, EnvelopeHeader& header, int64_t& payload_bytes) {
  std::string_view magic;
  uint32_t version = 0;
  if (!reader.take(kMagic.size(), magic) || magic != kMagic) return damaged("not an index file");
  if (!reader.take(version)) return damaged("shorter than its header");
  if (version != kEnvelopeVersion) {
    return Status(Code::kUnsupported, fmt::format("it has version {}, this program reads {}",
                                                  version, kEnvelopeVersion));
  }
  const bool complete = take_text(reader, header.kind) && take_text(reader, header.store_id) &&
                        take_text(reader, header.fingerprint) && reader.take(header.through) &&
                        reader.take(header.rows) && reader.take(header.skipped) &&
                        reader.take(header.dimension) && reader.take(payload_bytes);
  return complete ? Status() : damaged("shorter than its header");
}

}  // namespace

std::string pack_envelope(const EnvelopeHeader& header, std::string_view payload) {
  std::string out(kMagic);
  out.reserve(kMiB / 256 + sum_count(payload.size()) * sizeof(uint32_t) + payload.size());
  storage::put(out, kEnvelopeVersion);
  put_text(out, header.kind);
  put_text(out, header.store_id);
  put_text(out, header.fingerprint);
  for (const int64_t number : {header.through, header.rows, header.skipped, header.dimension,
                               static_cast<int64_t>(payload.size())}) {
    storage::put(out, number);
  }
  storage::put(out, static_cast<uint32_t>(sum_count(payload.size())));
  for (size_t at = 0; at < payload.size(); at += kMiB) {
    storage::put(out, storage::crc32c(payload.substr(at, kMiB)));
  }
  storage::put(out, storage::crc32c(out));
  out.append(payload);
  return out;
}

Result<Envelope> unpack_envelope(std::string owned) {
  const std::string_view bytes = owned;
  storage::ByteReader reader(bytes);
  Envelope envelope;
  int64_t payload_bytes = -1;
  uint32_t sums = 0, sum = 0;
  SKIPCAST_TRY_OK(take_header(reader, envelope.header, payload_bytes));
  if (!reader.take(sums) || sums > reader.remaining() / sizeof(uint32_t)) {
    return damaged("shorter than its checksums");
  }
  std::string_view sum_bytes;
  reader.take(sums * sizeof(uint32_t), sum_bytes);
  const uint32_t expected = storage::crc32c(bytes.substr(0, bytes.size() - reader.remaining()));
  if (!reader.take(sum) || sum != expected) return damaged("its header's checksum is wrong");
  if (payload_bytes < 0 || static_cast<uint64_t>(payload_bytes) != reader.remaining() ||
      sums != sum_count(reader.remaining())) {
    return damaged("it is cut short or too long");
  }
  storage::ByteReader sum_reader(sum_bytes);
  for (size_t at = 0; at < reader.remaining(); at += kMiB) {
    sum_reader.take(sum);
    if (storage::crc32c(reader.rest().substr(at, kMiB)) != sum) {
      return data_loss(fmt::format("it is damaged in MiB {} of its payload", at / kMiB));
    }
  }
  envelope.payload_at = bytes.size() - reader.remaining();
  envelope.bytes = std::move(owned);
  return envelope;
}

std::string previous_envelope(const std::string& path) { return path + ".previous"; }

Status write_envelope(const std::string& path, const EnvelopeHeader& header,
                      std::string_view payload) {
  const std::string previous = previous_envelope(path);
  if (std::rename(path.c_str(), previous.c_str()) != 0 && errno != ENOENT) {
    return storage::system_error("rename to", previous, errno);
  }
  return storage::write_file_durably(path, pack_envelope(header, payload));
}

Result<Envelope> read_envelope(const std::string& path, int64_t bytes_max) {
  SKIPCAST_TRY(std::string bytes, storage::read_file(path, bytes_max));
  return unpack_envelope(std::move(bytes));
}

}  // namespace skipcast::retrieval
