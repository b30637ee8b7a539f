#include "retrieval/search/index_envelope.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "storage/files/bytes.h"
#include "storage/files/checksum.h"
#include "storage/files/file_io.h"

namespace skipcast::retrieval {
namespace {

constexpr std::string_view kMagic = "SKCINDEX";
constexpr size_t kMiB = size_t{1} << 20;
constexpr uint32_t kTextMax = 512;
constexpr int64_t kHeaderBytesMax = 4096;  // up to the sums

size_t sum_count(uint64_t payload_bytes) { return (payload_bytes + kMiB - 1) / kMiB; }

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

// Up to the sums; `payload_bytes` and `sums` are what the file claims.
std::string header_bytes(const EnvelopeHeader& header, int64_t payload_bytes) {
  std::string out(kMagic);
  storage::put(out, kEnvelopeVersion);
  put_text(out, header.kind);
  put_text(out, header.store_id);
  put_text(out, header.fingerprint);
  for (const int64_t number :
       {header.through, header.rows, header.skipped, header.dimension, header.block}) {
    storage::put(out, number);
  }
  storage::put(out, header.chain);
  storage::put(out, payload_bytes);
  storage::put(out, static_cast<uint32_t>(sum_count(static_cast<uint64_t>(payload_bytes))));
  return out;
}

// Everything before the payload.
std::string head_bytes(const EnvelopeHeader& header, int64_t payload_bytes,
                       std::span<const uint32_t> sums) {
  std::string out = header_bytes(header, payload_bytes);
  for (const uint32_t sum : sums) storage::put(out, sum);
  storage::put(out, storage::crc32c(out));
  return out;
}

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
                        reader.take(header.dimension) && reader.take(header.block) &&
                        reader.take(header.chain) && reader.take(payload_bytes);
  return complete ? Status() : damaged("shorter than its header");
}

// Cuts a payload into MiB, sums them and writes them behind `at`.
class PayloadWriter {
 public:
  PayloadWriter(storage::DurableFile& file, int64_t at) : file_(file), at_(at) {}

  Status take(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::string_view part = bytes.substr(0, kMiB - filled_);
      sum_ = storage::crc32c(sum_, part.data(), part.size());
      SKIPCAST_TRY_OK(file_.write(at_, part));
      at_ += static_cast<int64_t>(part.size());
      filled_ += part.size();
      bytes.remove_prefix(part.size());
      if (filled_ == kMiB) finish();
    }
    return Status();
  }
  std::vector<uint32_t> sums() {
    if (filled_ > 0) finish();
    return sums_;
  }

 private:
  void finish() {
    sums_.push_back(sum_);
    sum_ = 0;
    filled_ = 0;
  }

  storage::DurableFile& file_;
  int64_t at_;
  size_t filled_ = 0;  // of the current MiB
  uint32_t sum_ = 0;
  std::vector<uint32_t> sums_;
};

// The file that is there becomes the previous one; until the new one takes its place it is both.
Status keep_previous(const std::string& path) {
  const std::string previous = previous_envelope(path);
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return Status();
  std::filesystem::remove(previous, error);
  std::filesystem::create_hard_link(path, previous, error);
  if (!error) return Status();
  if (std::rename(path.c_str(), previous.c_str()) == 0) return Status();  // no links there
  return storage::system_error("rename to", previous, errno);
}

}  // namespace

Result<std::unique_ptr<EnvelopeReader>> EnvelopeReader::open(ReadAt read_at, int64_t bytes) {
  std::string head(static_cast<size_t>(std::min(bytes, kHeaderBytesMax)), '\0');
  SKIPCAST_TRY_OK(read_at(0, head));
  storage::ByteReader reader(head);
  EnvelopeHeader header;
  int64_t payload_bytes = -1;
  uint32_t sums = 0, sum = 0;
  SKIPCAST_TRY_OK(take_header(reader, header, payload_bytes));
  if (!reader.take(sums)) return damaged("shorter than its header");
  const int64_t sums_at = static_cast<int64_t>(head.size() - reader.remaining());
  const int64_t payload_at = sums_at + (int64_t{sums} + 1) * static_cast<int64_t>(sizeof sum);
  if (payload_at > bytes) return damaged("shorter than its checksums");
  head.resize(static_cast<size_t>(sums_at));
  std::unique_ptr<EnvelopeReader> made(new EnvelopeReader(std::move(read_at), std::move(header)));
  made->sums_.resize(size_t{sums} + 1);
  SKIPCAST_TRY_OK(made->read_at_(
      sums_at, {reinterpret_cast<char*>(made->sums_.data()), made->sums_.size() * sizeof sum}));
  sum = storage::crc32c(storage::crc32c(head), made->sums_.data(), sums * sizeof sum);
  if (made->sums_.back() != sum) return damaged("its header's checksum is wrong");
  if (payload_bytes < 0 || payload_bytes != bytes - payload_at ||
      sums != sum_count(static_cast<uint64_t>(payload_bytes))) {
    return damaged("it is cut short or too long");
  }
  made->payload_at_ = payload_at;
  made->payload_bytes_ = payload_bytes;
  return made;
}

Result<std::unique_ptr<EnvelopeReader>> EnvelopeReader::open(const std::string& path,
                                                             int64_t bytes_max) {
  SKIPCAST_TRY(storage::OpenedFile opened, storage::open_file(path, bytes_max));
  const auto file = std::make_shared<storage::FileHandle>(std::move(opened.file));
  const auto read_at = [file, path](int64_t offset, std::span<char> out) {
    return storage::read_at(*file, path, offset, out);
  };
  return open(read_at, opened.bytes);
}

uint64_t EnvelopeReader::remaining() const {
  const uint64_t read = std::min(pieces_ * kMiB, static_cast<uint64_t>(payload_bytes_));
  return static_cast<uint64_t>(payload_bytes_) - read + (piece_.size() - used_);
}

Status EnvelopeReader::next_piece() {
  const uint64_t begin = pieces_ * kMiB;
  piece_.resize(std::min<uint64_t>(kMiB, static_cast<uint64_t>(payload_bytes_) - begin));
  SKIPCAST_TRY_OK(read_at_(payload_at_ + static_cast<int64_t>(begin), piece_));
  if (storage::crc32c({piece_.data(), piece_.size()}) != sums_[pieces_]) {
    return data_loss(fmt::format("it is damaged in MiB {} of its payload", pieces_));
  }
  ++pieces_;
  used_ = 0;
  return Status();
}

Status EnvelopeReader::read(std::span<char> out) {
  if (out.size() > remaining()) return data_loss("the bytes end too early");
  while (!out.empty()) {
    if (used_ == piece_.size()) SKIPCAST_TRY_OK(next_piece());
    const size_t count = std::min(out.size(), piece_.size() - used_);
    std::copy_n(piece_.begin() + static_cast<int64_t>(used_), count, out.begin());
    used_ += count;
    out = out.subspan(count);
  }
  return Status();
}

std::string pack_envelope(const EnvelopeHeader& header, std::string_view payload) {
  std::vector<uint32_t> sums;
  for (size_t at = 0; at < payload.size(); at += kMiB) {
    sums.push_back(storage::crc32c(payload.substr(at, kMiB)));
  }
  std::string out = head_bytes(header, static_cast<int64_t>(payload.size()), sums);
  out.append(payload);
  return out;
}

namespace {

Result<Envelope> read_whole(EnvelopeReader& reader) {
  Envelope envelope{reader.header(), std::string(reader.remaining(), '\0')};
  SKIPCAST_TRY_OK(reader.read(envelope.content));
  return envelope;
}

}  // namespace

Result<Envelope> unpack_envelope(const std::string& bytes) {
  const auto read_at = [&bytes](int64_t offset, std::span<char> out) {
    if (static_cast<size_t>(offset) + out.size() > bytes.size()) return damaged("too short");
    std::copy_n(bytes.begin() + offset, out.size(), out.begin());
    return Status();
  };
  SKIPCAST_TRY(const std::unique_ptr<EnvelopeReader> reader,
               EnvelopeReader::open(read_at, static_cast<int64_t>(bytes.size())));
  return read_whole(*reader);
}

std::string previous_envelope(const std::string& path) { return path + ".previous"; }

Status write_envelope(const std::string& path, const EnvelopeHeader& header,
                      const std::function<Status(const ByteSink&)>& produce) {
  int64_t payload_bytes = 0;
  SKIPCAST_TRY_OK(produce([&payload_bytes](std::string_view piece) {
    payload_bytes += static_cast<int64_t>(piece.size());
    return Status();
  }));
  storage::remove_orphans(path);
  SKIPCAST_TRY(storage::DurableFile file, storage::DurableFile::create(path));
  const size_t sums_at = header_bytes(header, payload_bytes).size();
  const size_t sums = sum_count(static_cast<uint64_t>(payload_bytes)) + 1;
  PayloadWriter writer(file, static_cast<int64_t>(sums_at + sums * sizeof(uint32_t)));
  SKIPCAST_TRY_OK(produce([&writer](std::string_view piece) { return writer.take(piece); }));
  SKIPCAST_TRY_OK(file.write(0, head_bytes(header, payload_bytes, writer.sums())));
  SKIPCAST_TRY_OK(file.sync());
  SKIPCAST_TRY_OK(keep_previous(path));
  return file.commit();
}

Status write_envelope(const std::string& path, const EnvelopeHeader& header,
                      std::string_view payload) {
  return write_envelope(path, header, [payload](const ByteSink& sink) { return sink(payload); });
}

Result<Envelope> read_envelope(const std::string& path, int64_t bytes_max) {
  SKIPCAST_TRY(const std::unique_ptr<EnvelopeReader> reader, EnvelopeReader::open(path, bytes_max));
  return read_whole(*reader);
}

Result<EnvelopeHeader> check_envelope(const std::string& path, int64_t bytes_max) {
  SKIPCAST_TRY(const std::unique_ptr<EnvelopeReader> reader, EnvelopeReader::open(path, bytes_max));
  std::vector<char> piece(kMiB);
  while (reader->remaining() > 0) {
    const size_t count = std::min<size_t>(piece.size(), reader->remaining());
    SKIPCAST_TRY_OK(reader->read(std::span(piece).first(count)));
  }
  return reader->header();
}

}  // namespace skipcast::retrieval
