#include "storage/blocks/block_format.h"

#include <fmt/format.h>

#include "storage/blocks/row_codec.h"
#include "storage/files/bytes.h"
#include "storage/files/checksum.h"
#include "storage/schema/states.h"

namespace skipcast::storage {
namespace {

constexpr int64_t kRowBytesMax = 256 * 1024;
constexpr size_t kSealBytes = sizeof(uint32_t);

template <Number T>
void put_big_endian(std::string& out, T value) {
  for (int shift = 8 * (static_cast<int>(sizeof(T)) - 1); shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(static_cast<std::make_unsigned_t<T>>(value) >> shift));
  }
}

std::string block_key(int64_t block, char kind) {
  std::string key(1, kBlockPrefix);
  put_big_endian(key, block);
  key.push_back(kind);
  return key;
}

uint32_t seal_of(const std::string& store_id, std::string_view key, std::string_view bytes) {
  uint32_t crc = crc32c(0, store_id.data(), store_id.size());
  crc = crc32c(crc, key.data(), key.size());
  return crc32c(crc, bytes.data(), bytes.size());
}

Sealed sealed(std::string bytes, std::string_view key, const std::string& store_id) {
  const uint32_t seal = seal_of(store_id, key, bytes);
  put(bytes, seal);
  return {std::move(bytes), seal};
}

// The bytes before the seal, or kDataLoss when the seal is not theirs.
Result<std::string_view> unsealed(std::string_view key, std::string_view bytes,
                                  const std::string& store_id) {
  if (bytes.size() < kSealBytes) return data_loss("a record cut short");
  const std::string_view body = bytes.substr(0, bytes.size() - kSealBytes);
  if (seal_of(store_id, key, body) != stored_seal(bytes)) {
    return data_loss("a record whose checksum does not match");
  }
  return body;
}

}  // namespace

int32_t row_states_for(int64_t places) {
  SKIPCAST_CHECK(places > 0);
  auto states = static_cast<int32_t>(kRowStates);
  while (states > 1 && states * places * static_cast<int64_t>(sizeof(float)) > kRowBytesMax) {
    states /= 2;
  }
  return states;
}

uint32_t chain_start(const std::string& store_id) { return crc32c(store_id); }

std::string header_key(int64_t block) { return block_key(block, 'h'); }
std::string tombstone_key(int64_t block) { return block_key(block, 't'); }
std::string footer_key(int64_t block) { return block_key(block, 'z'); }

std::string row_key(const RowId& row) {
  std::string key(1, row.kind == RowKind::kPiece ? 'r' : 'g');
  put_big_endian(key, static_cast<uint16_t>(row.variable));
  put_big_endian(key, row.first);
  return key;
}

Sealed encode_header(const BlockHeader& header, const std::string& store_id) {
  std::string bytes;
  put(bytes, header.block);
  put(bytes, header.first);
  put(bytes, header.states);
  put(bytes, header.variables);
  put(bytes, header.places);
  put(bytes, header.row_states);
  return sealed(std::move(bytes), header_key(header.block), store_id);
}

Sealed encode_tombstone(const Erasure& erasure, const std::string& store_id) {
  std::string bytes;
  put(bytes, erasure.first);
  put(bytes, erasure.states);
  put(bytes, static_cast<int64_t>(erasure.places.size()));
  for (const int32_t place : erasure.places) put(bytes, place);
  return sealed(std::move(bytes), tombstone_key(erasure.block), store_id);
}

Sealed encode_footer(const BlockFooter& footer, const std::string& store_id) {
  std::string bytes;
  put(bytes, footer.block);
  put(bytes, footer.rows);
  put(bytes, footer.rows_crc);
  put(bytes, footer.header_seal);
  put(bytes, footer.previous_seal);
  return sealed(std::move(bytes), footer_key(footer.block), store_id);
}

Sealed encode_row(const RowId& row, Codec codec, std::span<const float> values,
                  const RecordContext& context) {
  SKIPCAST_CHECK(row.states > 0 && row.variable >= 0 && row.variable <= UINT16_MAX);
  SKIPCAST_CHECK(static_cast<int64_t>(values.size()) == row.states * context.places);
  std::string bytes;
  bytes.reserve(values.size_bytes() + 64);
  put(bytes, static_cast<uint8_t>(codec == Codec::kZstd ? 1 : 0));
  put(bytes, row.states);
  const size_t length_at = bytes.size();
  put(bytes, uint32_t{0});
  encode_values(codec, values, bytes);
  const auto length = static_cast<uint32_t>(bytes.size() - length_at - sizeof(uint32_t));
  std::memcpy(bytes.data() + length_at, &length, sizeof length);
  return sealed(std::move(bytes), row_key(row), context.store_id);
}

Result<BlockHeader> decode_header(std::string_view key, std::string_view bytes,
                                  const std::string& store_id, uint32_t& seal) {
  SKIPCAST_TRY(const std::string_view body, unsealed(key, bytes, store_id));
  seal = stored_seal(bytes);
  ByteReader reader(body);
  BlockHeader header;
  const bool whole = reader.take(header.block) && reader.take(header.first) &&
                     reader.take(header.states) && reader.take(header.variables) &&
                     reader.take(header.places) && reader.take(header.row_states);
  if (!whole || reader.remaining() != 0) return data_loss("a block header of the wrong length");
  if (key != header_key(header.block)) return data_loss("a block header in the wrong place");
  return header;
}

Result<Erasure> decode_tombstone(std::string_view key, std::string_view bytes,
                                 const RecordContext& context, uint32_t& seal) {
  SKIPCAST_TRY(const std::string_view body, unsealed(key, bytes, context.store_id));
  seal = stored_seal(bytes);
  ByteReader reader(body);
  Erasure erasure;
  int64_t count = -1;
  if (!reader.take(erasure.first) || !reader.take(erasure.states) || !reader.take(count) ||
      count < 0 || count > context.places ||
      reader.remaining() != static_cast<size_t>(count) * sizeof(int32_t)) {
    return data_loss("a tombstone of the wrong length");
  }
  erasure.places.resize(static_cast<size_t>(count));
  for (size_t i = 0; i < erasure.places.size(); ++i) {
    reader.take(erasure.places[i]);
    if (erasure.places[i] <= (i == 0 ? -1 : erasure.places[i - 1]) ||
        erasure.places[i] >= context.places) {
      return data_loss("a tombstone with places that are not there");
    }
  }
  return erasure;
}

Result<BlockFooter> decode_footer(std::string_view key, std::string_view bytes,
                                  const std::string& store_id, uint32_t& seal) {
  SKIPCAST_TRY(const std::string_view body, unsealed(key, bytes, store_id));
  seal = stored_seal(bytes);
  ByteReader reader(body);
  BlockFooter footer;
  const bool whole = reader.take(footer.block) && reader.take(footer.rows) &&
                     reader.take(footer.rows_crc) && reader.take(footer.header_seal) &&
                     reader.take(footer.previous_seal);
  if (!whole || reader.remaining() != 0) return data_loss("a block footer of the wrong length");
  if (key != footer_key(footer.block)) return data_loss("a block footer in the wrong place");
  return footer;
}

Result<std::string_view> decode_row(const RowId& row, std::string_view bytes,
                                    const RecordContext& context, std::string& scratch) {
  SKIPCAST_TRY(const std::string_view body, unsealed(row_key(row), bytes, context.store_id));
  ByteReader reader(body);
  uint8_t codec = 0;
  int64_t states = 0;
  uint32_t length = 0;
  if (!reader.take(codec) || !reader.take(states) || !reader.take(length)) {
    return data_loss("a row cut short");
  }
  if (codec > 1) return data_loss(fmt::format("a row with an unknown codec {}", codec));
  if (states != row.states || length != reader.remaining()) {
    return data_loss("a row of the wrong length");
  }
  return decode_values(codec == 1 ? Codec::kZstd : Codec::kFloat32, reader.rest(),
                       states * context.places, scratch);
}

uint32_t crc_with_seal(uint32_t rows_crc, uint32_t seal) {
  return crc32c(rows_crc, &seal, sizeof seal);
}

uint32_t stored_seal(std::string_view bytes) {
  if (bytes.size() < kSealBytes) return 0;
  uint32_t seal = 0;
  std::memcpy(&seal, bytes.data() + bytes.size() - kSealBytes, kSealBytes);
  return seal;
}

int64_t claimed_states(std::string_view bytes) {
  ByteReader reader(bytes);
  uint8_t codec = 0;
  int64_t states = 0;
  return reader.take(codec) && reader.take(states) ? states : 0;
}

}  // namespace skipcast::storage
