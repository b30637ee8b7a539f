#include "storage/series/table_guard.h"

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#define XXH_INLINE_ALL  // nothing to link
#include <xxhash.h>

#include <algorithm>
#include <optional>

#include "storage/files/bytes.h"

namespace skipcast::storage {
namespace {

// A table of ours (format version 5, kXXH3) ends with: checksum type (1 byte), the metaindex' and
// the index' place, filled up to 40 bytes, format version (4), magic (8). Behind each block stand
// its compression (1) and checksum (4).
constexpr size_t kFooterBytes = 53, kPlacesBytes = 40, kTrailerBytes = 5;
constexpr uint64_t kTableMagic = 0x88e241b785f4cff7u;
constexpr uint8_t kChecksumType = 4;
constexpr uint32_t kFormatVersion = 5;
constexpr size_t kMetaBytesMax = size_t{64} << 20;
constexpr std::string_view kProperties = "rocksdb.properties";

struct Place {
  uint64_t offset = 0, size = 0;
};

bool take_varint(ByteReader& reader, uint64_t& value) {
  value = 0;
  uint8_t byte = 0x80;
  for (int shift = 0; shift < 64 && (byte & 0x80) != 0; shift += 7) {
    if (!reader.take(byte)) return false;
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
  }
  return (byte & 0x80) == 0;
}

std::optional<Place> place_in(std::string_view bytes) {
  ByteReader reader(bytes);
  Place place;
  if (!take_varint(reader, place.offset) || !take_varint(reader, place.size)) return std::nullopt;
  return place;
}

struct Block {
  std::string bytes;
  bool intact = false;  // its checksum fits
};

// RocksDB's ChecksumType kXXH3 over a block and its last byte, the compression.
uint32_t block_checksum(std::string_view block, uint8_t compression) {
  return static_cast<uint32_t>(XXH3_64bits(block.data(), block.size())) ^
         (uint32_t{compression} * 0x6b9083d9u);
}

class Table {
 public:
  Table(rocksdb::FSRandomAccessFile& file, uint64_t size) : file_(file), size_(size) {}

  // False only when the properties are there and their checksum is not theirs. What else may be
  // wrong (the end, the metaindex) RocksDB finds by itself.
  bool properties_intact() {
    const std::optional<Place> metaindex = metaindex_place();
    if (!metaindex) return true;
    const std::optional<Place> place = properties_place(*metaindex);
    if (!place) return true;
    const std::optional<Block> properties = block(*place);
    return !properties || properties->intact;
  }

 private:
  std::optional<std::string> read(uint64_t offset, size_t bytes) {
    if (bytes > size_ || offset > size_ - bytes) return std::nullopt;
    std::string buffer(bytes, '\0');
    rocksdb::Slice got;
    const auto status =
        file_.Read(offset, bytes, rocksdb::IOOptions(), &got, buffer.data(), nullptr);
    if (!status.ok() || got.size() != bytes) return std::nullopt;
    if (got.data() != buffer.data()) buffer.assign(got.data(), bytes);
    return buffer;
  }

  std::optional<Place> metaindex_place() {
    const auto footer = read(size_ - std::min<uint64_t>(size_, kFooterBytes), kFooterBytes);
    if (!footer) return std::nullopt;
    ByteReader reader(*footer);
    uint8_t checksum_type = 0;
    std::string_view places;
    uint32_t version = 0;
    uint64_t magic = 0;
    reader.take(checksum_type), reader.take(kPlacesBytes, places);
    reader.take(version), reader.take(magic);
    const bool ours = checksum_type == kChecksumType && version == kFormatVersion;
    if (!ours || magic != kTableMagic) return std::nullopt;
    return place_in(places);
  }

  // Keys are whole in a metaindex: shared (0), key size, value size, key, value.
  std::optional<Place> properties_place(const Place& metaindex) {
    const std::optional<Block> index = block(metaindex);
    if (!index || !index->intact) return std::nullopt;
    ByteReader reader(index->bytes);
    uint64_t shared = 0, key_size = 0, value_size = 0;
    std::string_view key, value;
    while (take_varint(reader, shared) && shared == 0 && take_varint(reader, key_size) &&
           take_varint(reader, value_size) && reader.take(key_size, key) &&
           reader.take(value_size, value)) {
      if (key == kProperties) return place_in(value);
    }
    return std::nullopt;
  }

  std::optional<Block> block(const Place& place) {
    if (place.size > kMetaBytesMax) return std::nullopt;
    auto bytes = read(place.offset, place.size + kTrailerBytes);
    if (!bytes) return std::nullopt;
    ByteReader trailer(std::string_view(*bytes).substr(place.size));
    uint8_t compression = 0;
    uint32_t checksum = 0;
    trailer.take(compression), trailer.take(checksum);
    bytes->resize(place.size);
    const bool intact = block_checksum(*bytes, compression) == checksum;
    return Block{std::move(*bytes), intact};
  }

  rocksdb::FSRandomAccessFile& file_;
  const uint64_t size_;
};

class GuardedFiles final : public rocksdb::FileSystemWrapper {
 public:
  GuardedFiles() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "skipcast.guarded"; }

  rocksdb::IOStatus NewRandomAccessFile(const std::string& name,
                                        const rocksdb::FileOptions& options,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                                        rocksdb::IODebugContext* context) override {
    auto status = target()->NewRandomAccessFile(name, options, file, context);
    if (!status.ok() || !name.ends_with(".sst")) return status;
    uint64_t size = 0;
    status = target()->GetFileSize(name, options.io_options, &size, context);
    if (!status.ok() || Table(**file, size).properties_intact()) return status;
    file->reset();
    return rocksdb::IOStatus::Corruption("the table's properties do not fit their checksum", name);
  }
};

}  // namespace

rocksdb::Env* guarded_env() {
  // Never destroyed: stores may outlive every static object.
  static rocksdb::Env* const env =
      rocksdb::NewCompositeEnv(std::make_shared<GuardedFiles>()).release();
  return env;
}

}  // namespace skipcast::storage
