// From states to the records of a block: pure arithmetic on bytes, no disk.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "storage/blocks/block_format.h"
#include "storage/blocks/head_receipt.h"
#include "storage/series/row_database.h"
#include "storage/series/series_store.h"

namespace skipcast::storage {

struct EncodedBlock {
  std::vector<Record> records;  // header, rows in key order, footer
  Receipt receipt;              // of the series with this block
};

struct BlockShape {
  const Schema& schema;
  const RecordContext& context;
  int32_t row_states;
};

// Reads stored states first..first+count-1 of one variable into out[count, places].
using ReadStored =
    std::function<Status(int32_t variable, int64_t first, int64_t count, std::span<float> out)>;

// The block that follows `last`: the states of `block` from last.states on. Calls `stored` for
// the head of a stretch that the block completes; its failure is returned.
// REQUIRES: block.first <= last.states < block.first + block.states, values of the right size.
Result<EncodedBlock> encode_block(const BlockShape& shape, const StateBlock& block,
                                  const Receipt& last, const ReadStored& stored);

// The tombstone block that follows `last`.
EncodedBlock encode_erasure(const BlockShape& shape, const Erasure& erasure, const Receipt& last);

}  // namespace skipcast::storage
