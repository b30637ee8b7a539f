// Opening an archive that must open, for tests.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>

#include "storage/series/series_store.h"

namespace skipcast::tests {

inline std::unique_ptr<storage::SeriesStore> open_ok(const std::string& path,
                                                     storage::OpenMode mode) {
  auto store = storage::SeriesStore::open(path, mode);
  REQUIRE_MESSAGE(store.ok(), store.status().message());
  return std::move(store).value();
}

}  // namespace skipcast::tests
