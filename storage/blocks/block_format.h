// The bytes of a block: header, rows, footer. Format version 1.
//
// A *block* is what one append adds: consecutive states, numbered from 1. Each block is written
// as one atomic RocksDB batch of records and never touched again. A record is a key and a value.
// Numbers in keys are big-endian (so that keys sort), in values little-endian.
//
//   key                                     value
//   'b' i64 block 'h'                       header: i64 block, i64 first, i64 states,
//                                             i32 variables, i64 places, i32 row_states, seal
//   'r' u16 variable i64 first_state        row: one variable, consecutive states
//   'g' u16 variable i64 first_state        gathered row: as 'r', see below
//   'b' i64 block 't'                       tombstone: i64 first, i64 states, i64 places,
//                                             i32 place[places] (none: all of them), seal
//   'b' i64 block 'z'                       footer: i64 block, i64 rows, u32 rows_crc,
//                                             u32 header_seal, u32 previous_seal, seal
//
// A *row* lies inside one stretch of row_states states that begins at a multiple of row_states;
// row_states is the largest power of two <= 64 with row_states x places x 4 <= 256 KiB, at least
// 1. So a block of states [a, b) has, for every variable, one row for every stretch it touches: the
// intersection. A reader computes all keys from the headers alone.
// A row's value: u8 codec (0 float32, 1 zstd), i64 states, u32 payload length, payload
// (row_codec.h; [states, places]), seal.
// When an append completes a stretch that several blocks contribute to, the same batch also
// holds the *gathered row*: the whole stretch again, under 'g', so that a thousand small appends
// read as fast as one large one. It repeats what the 'r' rows say; nothing depends on it.
// A block that erases has no states and no rows: header (states = 0), tombstone, footer (rows = 1,
// rows_crc of the tombstone's seal). It came with format version 2.
//
// A *seal* is the CRC32C of the store id's 32 hex digits, the record's key and all bytes of the
// value before the seal: bytes of another archive, another place or another time do not pass.
// rows_crc is the CRC32C of the seals of all 'r' and 'g' records of the block in key order.
// previous_seal is the seal of the footer before (the first block's: chain_start()), so the
// last footer's seal, which HEAD repeats, vouches for the whole series.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "storage/schema/schema.h"
#include "storage/schema/states.h"
#include "storage/status.h"

namespace skipcast::storage {

inline constexpr char kBlockPrefix = 'b';
// Values of one block: the most that an append takes and that ingest reads at once.
inline constexpr int64_t kBlockBytesMax = int64_t{512} << 20;

struct BlockHeader {
  int64_t block = 0, first = 0, states = 0;
  int32_t variables = 0;
  int64_t places = 0;
  int32_t row_states = 0;

  bool operator==(const BlockHeader&) const = default;
};

struct BlockFooter {
  int64_t block = 0, rows = 0;
  uint32_t rows_crc = 0, header_seal = 0, previous_seal = 0;
};

enum class RowKind { kPiece, kGathered };

struct RowId {
  RowKind kind = RowKind::kPiece;
  int32_t variable = 0;
  int64_t first = 0;  // index of its first state
  int64_t states = 0;

  bool operator==(const RowId&) const = default;
};

// Where bytes belong: what a seal covers beside them.
struct RecordContext {
  std::string store_id;
  int64_t places = 0;
};

// A record's value together with its seal (which is also its last four bytes).
struct Sealed {
  std::string bytes;
  uint32_t seal = 0;
};

int32_t row_states_for(int64_t places);
uint32_t chain_start(const std::string& store_id);

std::string header_key(int64_t block);
std::string tombstone_key(int64_t block);
std::string footer_key(int64_t block);
std::string row_key(const RowId& row);

Sealed encode_header(const BlockHeader& header, const std::string& store_id);
Sealed encode_tombstone(const Erasure& erasure, const std::string& store_id);
Sealed encode_footer(const BlockFooter& footer, const std::string& store_id);
Sealed encode_row(const RowId& row, Codec codec, std::span<const float> values,
                  const RecordContext& context);

// The decoders check the seal, the key they were found under and every length; kDataLoss.
// `seal` receives the seal of the record.
Result<BlockHeader> decode_header(std::string_view key, std::string_view bytes,
                                  const std::string& store_id, uint32_t& seal);
Result<Erasure> decode_tombstone(std::string_view key, std::string_view bytes,
                                 const RecordContext& context, uint32_t& seal);
Result<BlockFooter> decode_footer(std::string_view key, std::string_view bytes,
                                  const std::string& store_id, uint32_t& seal);

// The row's float32 values [states, places] as bytes, possibly unaligned; the view points into
// `bytes` or `scratch`.
Result<std::string_view> decode_row(const RowId& row, std::string_view bytes,
                                    const RecordContext& context, std::string& scratch);

// Continues a footer's rows_crc over one more seal; begins with 0.
uint32_t crc_with_seal(uint32_t rows_crc, uint32_t seal);

// The seal stored in a row's value, without checking it; 0 when there are too few bytes.
uint32_t stored_seal(std::string_view bytes);

// The number of states a row's value claims to have, without checking it; 0 when too short.
int64_t claimed_states(std::string_view bytes);

}  // namespace skipcast::storage
