// Where salvage reads from: a damaged archive's database as it is, and what RocksDB's repair makes
// of a copy of it. Records of both prove themselves by their seals; damage is just absence here.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "storage/blocks/block_format.h"
#include "storage/blocks/head_receipt.h"
#include "storage/series/archive_config.h"
#include "storage/series/row_database.h"

namespace skipcast::storage {

class SalvageSources {
 public:
  // Opens the database of `archive`, and, when that does not hold all that `acknowledged` says, a
  // repaired copy of it in the new folder `scratch`, which goes with this object. Notes say what
  // was wrong. kDataLoss when neither can be opened, kNoSpace, kIo.
  static Result<std::unique_ptr<SalvageSources>> open(const std::string& archive,
                                                      const std::string& scratch,
                                                      const ArchiveConfig& config,
                                                      const std::optional<Receipt>& acknowledged);
  ~SalvageSources();

  const std::vector<std::string>& notes() const { return notes_; }

  // Calls take(row, values [states, places] as bytes) for every intact row of one variable in the
  // stretch [begin, begin + row_states), gathered ones first.
  using TakeRow = std::function<void(const RowId&, std::string_view)>;
  void visit_rows(int32_t variable, int64_t begin, const TakeRow& take) const;

  // One past the last state, and number of the last block, that some key names.
  int64_t states_named() const;
  int64_t blocks_named() const;

  // The states of a block (0: it erases), when its header is intact; its tombstone, likewise.
  std::optional<BlockHeader> header(int64_t block) const;
  std::optional<Erasure> tombstone(int64_t block) const;

 private:
  using Rows = std::unique_ptr<RowDatabase>;
  SalvageSources(std::string scratch, const ArchiveConfig& config);
  bool is_whole(const ArchiveConfig& config, const std::optional<Receipt>& acknowledged) const;
  Status add_repaired(const std::string& archive, const RowDatabaseOptions& options);
  template <typename Decode>
  auto find(const std::string& key, const Decode& decode) const;
  void visit_kind(const RowDatabase& rows, const RowId& begin, const TakeRow& take) const;

  const std::string scratch_;
  const RecordContext context_;
  const int32_t variables_;
  const int64_t row_states_;
  std::vector<Rows> rows_;
  std::vector<std::string> notes_;
};

}  // namespace skipcast::storage
