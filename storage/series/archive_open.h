// Making and opening an archive folder: the parts of SeriesStore::create and ::open that touch
// the disk. FORMAT and protocol: series_store.cc.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "storage/blocks/head_receipt.h"
#include "storage/series/archive_config.h"
#include "storage/series/archive_making.h"
#include "storage/series/recovery.h"
#include "storage/series/row_database.h"
#include "storage/series/series_store.h"

namespace skipcast::storage {

// Everything an open archive is made of.
struct OpenArchive {
  ArchiveConfig config;
  std::unique_ptr<RowDatabase> rows;
  RecoveredSeries series;
  std::optional<HeadFile> head;  // writers only
};

// As SeriesStore::open. A writer rolls HEAD forward; a reader changes nothing and stops at the
// last acknowledged block.
Result<OpenArchive> open_archive(const std::string& path, OpenMode mode,
                                 const StoreOptions& options = {});

// As SeriesStore::create, without opening it.
Status create_archive(const std::string& path, const Schema& schema);

// A kDataLoss found inside the archive, with the archive's name and the remedy; others as they are.
Status in_archive(const std::string& archive, const Status& status);

}  // namespace skipcast::storage
