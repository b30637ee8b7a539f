#include "storage/series/block_encoder.h"

#include <cstring>

#include "storage/series/block_table.h"

namespace skipcast::storage {
namespace {

// One variable of states first..first+count-1 of the block, as [count, places].
void copy_variable(const BlockShape& shape, const StateBlock& block, const RowId& row,
                   std::span<float> out) {
  const auto variables = static_cast<int64_t>(shape.schema.variables.size());
  const int64_t places = shape.context.places;
  SKIPCAST_CHECK(static_cast<int64_t>(out.size()) == row.states * places);
  SKIPCAST_CHECK(row.first >= block.first && row.first + row.states <= block.first + block.states);
  const float* from =
      block.values.data() + ((row.first - block.first) * variables + row.variable) * places;
  for (int64_t i = 0; i < row.states; ++i, from += variables * places) {
    std::memcpy(out.data() + i * places, from, static_cast<size_t>(places) * sizeof(float));
  }
}

// Collects rows and what the footer says about them.
class RowCollector {
 public:
  RowCollector(const BlockShape& shape, EncodedBlock& encoded) : shape_(shape), encoded_(encoded) {}

  void add(const RowId& row, std::span<const float> values) {
    const Codec codec = shape_.schema.variables[row.variable].codec;
    Sealed sealed = encode_row(row, codec, values, shape_.context);
    crc_ = crc_with_seal(crc_, sealed.seal);
    encoded_.records.push_back({row_key(row), std::move(sealed.bytes)});
    ++rows_;
  }
  int64_t rows() const { return rows_; }
  uint32_t crc() const { return crc_; }

 private:
  const BlockShape& shape_;
  EncodedBlock& encoded_;
  int64_t rows_ = 0;
  uint32_t crc_ = 0;
};

}  // namespace

Result<EncodedBlock> encode_block(const BlockShape& shape, const StateBlock& block,
                                  const Receipt& last, const ReadStored& stored) {
  const auto variables = static_cast<int32_t>(shape.schema.variables.size());
  const int64_t places = shape.context.places;
  const BlockHeader header{.block = last.block + 1,
                           .first = last.states,
                           .states = block.first + block.states - last.states,
                           .variables = variables,
                           .places = places,
                           .row_states = shape.row_states};
  SKIPCAST_CHECK(header.states > 0 && header.first >= block.first);
  const Sealed head = encode_header(header, shape.context.store_id);
  EncodedBlock encoded;
  encoded.records.push_back({header_key(header.block), head.bytes});
  RowCollector collector(shape, encoded);
  std::vector<float> values(static_cast<size_t>(shape.row_states * places));

  RowId whole = completed_stretch(header.first, header.states, shape.row_states);
  const auto old_values = static_cast<size_t>((header.first - whole.first) * places);
  for (; whole.states > 0 && whole.variable < variables; ++whole.variable) {
    const std::span<float> all(values);
    SKIPCAST_TRY_OK(
        stored(whole.variable, whole.first, header.first - whole.first, all.first(old_values)));
    const RowId fresh{RowKind::kPiece, whole.variable, header.first,
                      whole.first + whole.states - header.first};
    copy_variable(shape, block, fresh, all.subspan(old_values));
    collector.add(whole, all);
  }
  const std::vector<RowId> pieces = cut_rows(header.first, header.states, shape.row_states);
  for (int32_t variable = 0; variable < variables; ++variable) {
    for (RowId piece : pieces) {
      piece.variable = variable;
      const auto part = std::span(values).first(static_cast<size_t>(piece.states * places));
      copy_variable(shape, block, piece, part);
      collector.add(piece, part);
    }
  }
  const Sealed foot = encode_footer({.block = header.block,
                                     .rows = collector.rows(),
                                     .rows_crc = collector.crc(),
                                     .header_seal = head.seal,
                                     .previous_seal = last.chain},
                                    shape.context.store_id);
  encoded.records.push_back({footer_key(header.block), foot.bytes});
  encoded.receipt = {header.block, header.first + header.states, foot.seal};
  return encoded;
}

EncodedBlock encode_erasure(const BlockShape& shape, const Erasure& asked, const Receipt& last) {
  Erasure erasure = asked;
  erasure.block = last.block + 1;
  const std::string& store_id = shape.context.store_id;
  const Sealed head =
      encode_header({.block = erasure.block,
                     .first = last.states,
                     .states = 0,
                     .variables = static_cast<int32_t>(shape.schema.variables.size()),
                     .places = shape.context.places,
                     .row_states = shape.row_states},
                    store_id);
  const Sealed stone = encode_tombstone(erasure, store_id);
  const Sealed foot = encode_footer({.block = erasure.block,
                                     .rows = 1,
                                     .rows_crc = crc_with_seal(0, stone.seal),
                                     .header_seal = head.seal,
                                     .previous_seal = last.chain},
                                    store_id);
  EncodedBlock encoded;
  encoded.records = {{header_key(erasure.block), head.bytes},
                     {tombstone_key(erasure.block), stone.bytes},
                     {footer_key(erasure.block), foot.bytes}};
  encoded.receipt = {erasure.block, last.states, foot.seal};
  return encoded;
}

}  // namespace skipcast::storage
