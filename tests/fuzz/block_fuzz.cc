// The records of a block: header, footer, rows and tombstone. The input: the kind of record,
// flags, numbers that say where it belongs, then its bytes. Flag 1: seal the bytes properly, so
// that what lies behind the checksum is reached; 2: frame a row's payload with the right codec
// and lengths; 4: the payload is values to be coded, whatever they are; 8: the codec is zstd.
#include <cstring>

#include "storage/blocks/block_format.h"
#include "storage/blocks/row_codec.h"
#include "storage/files/bytes.h"
#include "storage/files/checksum.h"
#include "tests/fuzz/target.h"

namespace skipcast::fuzz {
namespace {

using namespace skipcast::storage;

enum Flags : uint8_t { kSeal = 1, kFrame = 2, kValues = 4, kZstd = 8 };

const std::string kStoreId = "00112233445566778899aabbccddeeff";

std::string sealed(std::string body, const std::string& key) {
  const uint32_t crc = crc32c(crc32c(kStoreId), key.data(), key.size());
  put(body, crc32c(crc, body.data(), body.size()));
  return body;
}

void check_damage(const Status& status) {
  SKIPCAST_CHECK(status.code() == Code::kDataLoss && status.message().size() > 8);
}

void check_header(const std::string& key, const std::string& bytes) {
  uint32_t seal = 0;
  const Result<BlockHeader> header = decode_header(key, bytes, kStoreId, seal);
  if (!header.ok()) return check_damage(header.status());
  const Sealed again = encode_header(*header, kStoreId);
  SKIPCAST_CHECK(again.bytes == bytes && again.seal == seal && header_key(header->block) == key);
}

void check_footer(const std::string& key, const std::string& bytes) {
  uint32_t seal = 0;
  const Result<BlockFooter> footer = decode_footer(key, bytes, kStoreId, seal);
  if (!footer.ok()) return check_damage(footer.status());
  const Sealed again = encode_footer(*footer, kStoreId);
  SKIPCAST_CHECK(again.bytes == bytes && again.seal == seal && footer_key(footer->block) == key);
}

void check_tombstone(const std::string& key, const std::string& bytes, int64_t block) {
  uint32_t seal = 0;
  constexpr int64_t kPlaces = 9;
  Result<Erasure> erasure = decode_tombstone(key, bytes, {kStoreId, kPlaces}, seal);
  if (!erasure.ok()) return check_damage(erasure.status());
  erasure->block = block;
  const Sealed again = encode_tombstone(*erasure, kStoreId);
  SKIPCAST_CHECK(again.bytes == bytes && again.seal == seal);
  SKIPCAST_CHECK(erasure->places.size() <= kPlaces);
  for (const int32_t place : erasure->places) SKIPCAST_CHECK(place >= 0 && place < kPlaces);
}

bool lies_in(std::string_view part, std::string_view whole) {
  return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

// decode_row(), or with SKIPCAST_BREAK=length one that believes the payload's length.
Result<std::string_view> decode(const RowId& row, std::string_view bytes, int64_t places,
                                std::string& scratch) {
  if (!breaks("length")) return decode_row(row, bytes, {kStoreId, places}, scratch);
  ByteReader reader(bytes);
  uint8_t codec = 0;
  int64_t states = 0;
  uint32_t length = 0;
  if (!reader.take(codec) || !reader.take(states) || !reader.take(length) || codec != 0) {
    return data_loss("a row cut short");
  }
  return std::string_view(reader.rest().data(), length);
}

void check_row(const RowId& row, const std::string& bytes, int64_t places) {
  std::string scratch;
  const Result<std::string_view> found = decode(row, bytes, places, scratch);
  if (!found.ok()) return check_damage(found.status());
  SKIPCAST_CHECK(lies_in(*found, bytes) || lies_in(*found, scratch));
  SKIPCAST_CHECK(static_cast<int64_t>(found->size()) == row.states * places * 4);
  std::vector<float> values(found->size() / sizeof(float));
  std::memcpy(values.data(), found->data(), found->size());
  const Codec codec = bytes[0] == 1 ? Codec::kZstd : Codec::kFloat32;
  const Sealed again = encode_row(row, codec, values, {kStoreId, places});
  SKIPCAST_CHECK(codec == Codec::kZstd || again.bytes == bytes);
  std::string more_scratch;
  const auto back = decode(row, again.bytes, places, more_scratch);
  SKIPCAST_CHECK(back.ok() && *back == *found);
}

// Coded values come back bit for bit.
std::string coded(const RowId& row, std::string_view payload, int64_t places, Codec codec) {
  std::vector<float> values(static_cast<size_t>(row.states * places));
  std::memcpy(values.data(), payload.data(), std::min(payload.size(), values.size() * 4));
  return encode_row(row, codec, values, {kStoreId, places}).bytes;
}

void check_row_input(Pieces pieces, uint8_t flags) {
  RowId row;
  row.kind = (flags & 16) != 0 ? RowKind::kGathered : RowKind::kPiece;
  row.variable = pieces.number<uint16_t>();
  row.first = pieces.number<int64_t>();
  row.states = 1 + pieces.number<uint8_t>() % 64;
  const int64_t places = 1 + pieces.number<uint8_t>();
  const Codec codec = (flags & kZstd) != 0 ? Codec::kZstd : Codec::kFloat32;
  if ((flags & kValues) != 0) {
    return check_row(row, coded(row, pieces.rest(), places, codec), places);
  }
  std::string body;
  if ((flags & kFrame) != 0) {
    put(body, static_cast<uint8_t>(codec == Codec::kZstd ? 1 : 0));
    put(body, row.states);
    put(body, static_cast<uint32_t>(pieces.rest().size()));
  }
  body += pieces.rest();
  check_row(row, (flags & kSeal) != 0 ? sealed(body, row_key(row)) : body, places);
}

}  // namespace

void check_input(std::string_view input) {
  Pieces pieces(input);
  const auto kind = pieces.number<uint8_t>() % 4;
  const auto flags = pieces.number<uint8_t>();
  if (kind == 2) return check_row_input(pieces, flags);
  const auto block = pieces.number<int64_t>();
  const std::string key = kind == 0   ? header_key(block)
                          : kind == 1 ? footer_key(block)
                                      : tombstone_key(block);
  const std::string body(pieces.rest());
  const std::string bytes = (flags & kSeal) != 0 ? sealed(body, key) : body;
  if (kind == 0) return check_header(key, bytes);
  if (kind == 1) return check_footer(key, bytes);
  check_tombstone(key, bytes, block);
}

std::vector<std::string> seed_inputs() {
  std::string front, row("\x02\x03\x01\x00\x46\x00\x00\x00\x00\x00\x00\x00\x03\x02", 14);
  put(front, int64_t{3});
  const std::string header = encode_header({3, 70, 5, 2, 3, 64}, kStoreId).bytes;
  const std::string footer = encode_footer({3, 4, 1, 5, 6}, kStoreId).bytes;
  const std::string tombstone = encode_tombstone({3, 70, 5, {1, 4}}, kStoreId).bytes;
  const std::vector<float> values = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  std::string plain, packed;
  encode_values(Codec::kFloat32, values, plain);
  encode_values(Codec::kZstd, values, packed);
  std::vector<std::string> seeds = {std::string("\0\0", 2) + front + header,
                                    std::string("\1\0", 2) + front + footer,
                                    std::string("\0\1", 2) + front + header.substr(0, 36),
                                    std::string("\1\1", 2) + front + footer.substr(0, 28),
                                    std::string("\3\1", 2) + front + tombstone.substr(0, 32)};
  for (const int flags : {kSeal | kFrame, +kValues, kValues | kZstd, kSeal | kFrame | kZstd}) {
    row[1] = static_cast<char>(flags);
    seeds.push_back(row + (flags == (kSeal | kFrame | kZstd) ? packed : plain));
  }
  row[1] = 0;
  seeds.push_back(row + coded({RowKind::kPiece, 1, 70, 4}, plain, 3, Codec::kFloat32));
  return seeds;
}

}  // namespace skipcast::fuzz
