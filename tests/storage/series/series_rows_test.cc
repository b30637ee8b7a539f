// labels: unit
// Rows that come back as other bytes than were written: said with variable and times.
#include "storage/series/series_rows.h"

#include <doctest/doctest.h>

#include "tests/storage/readers/foreign_files.h"
#include "tests/support/series.h"

using namespace skipcast;
using namespace skipcast::storage;
using skipcast::tests::check_failure;

namespace {

// Answers the same bytes for every key.
struct Garbage final : RowDatabase {
  Status write_synced(std::span<const Record>) override { return io_error("read only"); }
  Status get_all(std::span<const std::string> keys, const Visit& visit) const override {
    for (size_t i = 0; i < keys.size(); ++i) SKIPCAST_TRY_OK(visit(i, "no row at all"));
    return {};
  }
  Status scan(std::string_view, std::string_view, const VisitRecord&) const override { return {}; }
  std::string last_key(std::string_view, std::string_view) const override { return ""; }
  Status verify_checksums() const override { return {}; }
};

}  // namespace

TEST_CASE("Series rows: a damaged row is named by its variable, first and last time") {
  const Schema schema = tests::small_schema(2, 3);
  const SeriesRows rows({std::string(32, 'a'), 3}, std::make_unique<Garbage>(), {}, 1 << 20);
  const std::vector<RowId> plan = {{.first = 64, .states = 10}};
  const std::vector<int32_t> variables = {1};
  std::vector<float> out(10 * 3);
  check_failure(
      rows.read(plan, {64, 10, variables, out}, schema), Code::kDataLoss,
      {"variable '" + schema.variables[1].name + "'",
       format_time(schema.axis.time_at(64)) + " .. " + format_time(schema.axis.time_at(73)) + ":"});
}
