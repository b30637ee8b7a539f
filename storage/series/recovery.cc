#include "storage/series/recovery.h"

#include <fmt/format.h>

#include <optional>

#include "storage/blocks/block_format.h"

namespace skipcast::storage {
namespace {

class BlockWalk {
 public:
  BlockWalk(const Schema& schema, const std::string& store_id, const WalkOptions& options)
      : store_id_(store_id),
        options_(options),
        variables_(static_cast<int32_t>(schema.variables.size())),
        context_{store_id, schema.places.count()},
        found_{BlockTable(row_states_for(context_.places)),
               Receipt{.chain = chain_start(store_id)}} {}

  Status visit(std::string_view key, std::string_view value) {
    if (past_acknowledged()) return Status();
    const int64_t block = found_.last.block + 1;
    const bool erases = header_ && header_->states == 0 && !erasure_;
    const Status status = erases    ? visit_tombstone(key, value)
                          : header_ ? visit_footer(key, value)
                                    : visit_header(key, value);
    if (status.ok()) return status;
    return data_loss(fmt::format("block {}: {}", block, status.message()));
  }

  Result<RecoveredSeries> finish() {
    if (header_) {
      return data_loss(fmt::format("block {}: its footer is missing", found_.last.block + 1));
    }
    const Receipt& acknowledged = options_.acknowledged;
    if (found_.last.block < acknowledged.block) {
      return data_loss(fmt::format(
          "{} blocks were acknowledged, but the database holds {} ({} of "
          "{} states)",
          acknowledged.block, found_.last.block, found_.last.states, acknowledged.states));
    }
    if (acknowledged.block == 0 && acknowledged.chain != chain_start(store_id_)) {
      return data_loss("HEAD belongs to another series");
    }
    return std::move(found_);
  }

 private:
  bool past_acknowledged() const {
    return options_.through_acknowledged && !header_ &&
           found_.last.block >= options_.acknowledged.block;
  }

  Status visit_header(std::string_view key, std::string_view value) {
    uint32_t seal = 0;
    SKIPCAST_TRY(const BlockHeader header, decode_header(key, value, store_id_, seal));
    if (header.block != found_.last.block + 1) return data_loss("missing before it: a block");
    if (header.first != found_.table.size() || header.states < 0 ||
        header.states > INT64_MAX / 2 - header.first) {
      return data_loss("its states do not follow those before");
    }
    if (header.variables != variables_ || header.places != context_.places ||
        header.row_states != found_.table.row_states()) {
      return data_loss("its shape is not the archive's");
    }
    header_ = header;
    header_seal_ = seal;
    return Status();
  }

  Status visit_tombstone(std::string_view key, std::string_view value) {
    SKIPCAST_TRY(Erasure erasure, decode_tombstone(key, value, context_, tombstone_seal_));
    if (key != tombstone_key(header_->block)) return data_loss("a tombstone in the wrong place");
    if (!found_.table.can_erase(erasure, context_.places)) {
      return data_loss("it erases states that are not there");
    }
    erasure.block = header_->block;
    erasure_ = std::move(erasure);
    return Status();
  }

  Status visit_footer(std::string_view key, std::string_view value) {
    uint32_t seal = 0;
    SKIPCAST_TRY(const BlockFooter footer, decode_footer(key, value, store_id_, seal));
    if (footer.block != header_->block || footer.header_seal != header_seal_) {
      return data_loss("header and footer do not belong together");
    }
    if (footer.previous_seal != found_.last.chain) {
      return data_loss("it does not continue the chain of the blocks before");
    }
    if (erasure_ && footer.rows_crc != crc_with_seal(0, tombstone_seal_)) {
      return data_loss("its tombstone is not the one it sealed");
    }
    if (erasure_) {
      found_.table.add(*std::move(erasure_), seal);
    } else {
      found_.table.add(header_->states, seal);
    }
    erasure_.reset();
    if (footer.rows != rows_of_block(found_.table, footer.block, variables_)) {
      return data_loss("it has the wrong number of rows");
    }
    found_.last = {.block = footer.block, .states = found_.table.size(), .chain = seal};
    header_.reset();
    if (footer.block == options_.acknowledged.block && found_.last != options_.acknowledged) {
      return data_loss("it is not the block that HEAD acknowledged");
    }
    return Status();
  }

  const std::string& store_id_;
  const WalkOptions& options_;
  const int32_t variables_;
  const RecordContext context_;
  RecoveredSeries found_;
  std::optional<BlockHeader> header_;  // seen, footer still to come
  std::optional<Erasure> erasure_;     // of a header without states, footer still to come
  uint32_t header_seal_ = 0, tombstone_seal_ = 0;
};

}  // namespace

Result<RecoveredSeries> walk_blocks(const RowDatabase& rows, const Schema& schema,
                                    const std::string& store_id, const WalkOptions& options) {
  BlockWalk walk(schema, store_id, options);
  SKIPCAST_TRY_OK(rows.scan(
      header_key(1), header_key(INT64_MAX),
      [&](std::string_view key, std::string_view value) { return walk.visit(key, value); }));
  return walk.finish();
}

int64_t rows_of_block(const BlockTable& table, int64_t block, int64_t variables) {
  const BlockInfo info = table.info(block);
  if (info.states == 0) return 1;  // a tombstone
  const int64_t last = info.first + info.states - 1;
  const int64_t pieces = last / table.row_states() - info.first / table.row_states() + 1;
  return variables * (pieces + (table.gathered(block).states > 0 ? 1 : 0));
}

}  // namespace skipcast::storage
