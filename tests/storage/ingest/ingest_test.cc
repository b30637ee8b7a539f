// labels: unit
#include "storage/ingest/ingest.h"

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>

#include "storage/blocks/block_format.h"
#include "storage/series/series_store.h"
#include "tests/storage/readers/foreign_files.h"
#include "tests/support/series.h"

using namespace skipcast;
using namespace skipcast::tests;
using storage::ingest;
using storage::IngestOptions;
using storage::IngestReport;
using storage::Schema;
using storage::StateBlock;

namespace {

// States first..first+states-1 of value_at() on a series that starts at `first`.
class FakeReader : public storage::StateReader {
 public:
  FakeReader(int64_t first, int64_t states, Schema schema = small_schema(2, 3))
      : schema_(std::move(schema)), first_(first), states_(states) {
    schema_.axis.start_s = schema_.axis.time_at(first);
  }
  const Schema& schema() const override { return schema_; }
  Result<std::optional<StateBlock>> next(int64_t states_max) override {
    if (next_ == fault_at) return bad_input("f.csv, line 9: '3x' is not a number");
    const int64_t end = fault_at >= 0 ? fault_at : states_;
    StateBlock block = block_of(schema_, first_ + next_, std::min(states_max, end - next_));
    if (block.states == 0) return std::optional<StateBlock>();
    block.first = next_;
    next_ += block.states;
    for (size_t k = 0; silent_variable >= 0 && k < block.values.size(); ++k) {
      if (static_cast<int64_t>(k / 3 % 2) == silent_variable) block.values[k] = NAN;
    }
    if (changed_state >= block.first && changed_state < next_) {
      block.values[static_cast<size_t>(changed_state - block.first) * 6] += 1000;
    }
    return std::optional<StateBlock>(std::move(block));
  }
  double progress() const override {
    return static_cast<double>(next_) / static_cast<double>(states_);
  }

  int64_t fault_at = -1, silent_variable = -1, changed_state = -1;

 private:
  Schema schema_;
  int64_t first_, states_, next_ = 0;
};

struct Archive {
  TempDir dir;
  std::string path = dir.file("a.skc");

  Result<IngestReport> add(FakeReader reader, IngestOptions options = {}) {
    if (options.block_states == 0) options.block_states = 10;
    return ingest(reader, path, options);
  }
  // "" when the archive holds exactly states 0..states-1 of value_at().
  std::string check(int64_t states) {
    const auto store = storage::SeriesStore::open(path, storage::OpenMode::kReadOnly);
    if (!store.ok()) return store.status().message();
    if ((*store)->size() != states) return "size " + std::to_string((*store)->size());
    return difference(**store, 0, states);
  }
};

}  // namespace

TEST_CASE("Ingest: makes an archive and reports what it holds") {
  Archive archive;
  const auto report = archive.add(FakeReader(0, 95));
  REQUIRE(report.ok());
  CHECK(report->created);
  CHECK(report->states_added == 95);
  CHECK(report->states_total == 95);
  CHECK(report->blocks == 10);
  CHECK(report->bytes == 95 * 6 * 4);
  CHECK(report->first_time_s == small_schema(2, 3).axis.start_s);
  CHECK(report->last_time_s == small_schema(2, 3).axis.time_at(94));
  REQUIRE(report->variables.size() == 2);
  int64_t missing = 0;
  for (int64_t s = 0; s < 95; ++s) {
    for (int64_t p = 0; p < 3; ++p) missing += std::isnan(value_at(s, 0, p)) ? 1 : 0;
  }
  CHECK(report->variables[0].values == 95 * 3);
  CHECK(report->variables[0].missing_share == doctest::Approx(missing / 285.0));
  CHECK(archive.check(95) == "");
}

TEST_CASE("Ingest: an existing archive needs --append, a missing one must not have it") {
  Archive archive;
  check_failure(archive.add(FakeReader(0, 5), {.append = true}).status(), Code::kNotFound,
                {"a.skc", "leave out --append"});
  REQUIRE(archive.add(FakeReader(0, 30)).ok());
  check_failure(archive.add(FakeReader(30, 30)).status(), Code::kRefused,
                {"a.skc", "--append", "--resume"});
  const auto report = archive.add(FakeReader(30, 30), {.append = true});
  REQUIRE(report.ok());
  CHECK_FALSE(report->created);
  CHECK(report->states_added == 30);
  CHECK(archive.check(60) == "");
}

TEST_CASE("Append: identical overlap is skipped and said, different overlap is refused") {
  Archive archive;
  REQUIRE(archive.add(FakeReader(0, 50)).ok());
  const auto report = archive.add(FakeReader(35, 40), {.append = true});
  REQUIRE(report.ok());
  CHECK(report->states_skipped == 15);
  CHECK(report->states_added == 25);
  REQUIRE(report->warnings.size() == 1);
  CHECK(report->warnings[0].find("15 states were in the archive already") == 0);
  FakeReader changed(60, 30);
  changed.changed_state = 3;
  check_failure(
      archive.add(changed, {.append = true}).status(), Code::kRefused,
      {"v0", "p0", storage::format_time(small_schema(2, 3).axis.time_at(63)).substr(0, 13)});
  CHECK(archive.check(75) == "");
}

TEST_CASE("Append: holes are filled with NaN up to the archive's limit") {
  Archive archive;
  Schema schema = small_schema(2, 3);
  schema.gap_states_max = 12;
  REQUIRE(archive.add(FakeReader(0, 20, schema)).ok());
  check_failure(archive.add(FakeReader(33, 5, schema), {.append = true}).status(), Code::kBadInput,
                {"13 states", storage::format_time(schema.axis.time_at(19)),
                 storage::format_time(schema.axis.time_at(33)), "12 allowed"});
  CHECK(archive.check(20) == "");
  const auto report = archive.add(FakeReader(32, 5, schema), {.append = true});
  REQUIRE(report.ok());
  CHECK(report->gap_states == 12);
  CHECK(report->states_added == 17);
  const auto store = storage::SeriesStore::open(archive.path, storage::OpenMode::kReadOnly);
  REQUIRE(store.ok());
  CHECK(difference(**store, 0, 20) == "");
  CHECK(difference(**store, 32, 5) == "");
  std::vector<float> hole(12 * 6);
  REQUIRE((*store)->read(20, 12, all_variables(schema), hole).ok());
  for (const float value : hole) CHECK(std::isnan(value));
}

TEST_CASE("Append: changed places, units, variables and steps are refused by name") {
  Archive archive;
  REQUIRE(archive.add(FakeReader(0, 20)).ok());
  const auto refuse = [&](auto change, std::initializer_list<std::string> parts) {
    Schema schema = small_schema(2, 3);
    change(schema);
    check_failure(archive.add(FakeReader(20, 5, schema), {.append = true}).status(), Code::kRefused,
                  {"a.skc", "new archive"});
    check_failure(archive.add(FakeReader(20, 5, schema), {.append = true}).status(), Code::kRefused,
                  parts);
  };
  refuse([](Schema& s) { s.variables[1].units = "furlong"; }, {"'v1'", "'furlong'"});
  refuse([](Schema& s) { s.variables[1].name = "x"; }, {"'v1'", "'x'"});
  refuse([](Schema& s) { s.variables[0].log_transform = true; }, {"'v0'", "log"});
  refuse([](Schema& s) { s.places.names[2] = "elsewhere"; }, {"place 3", "'elsewhere'"});
  refuse([](Schema& s) { s.places.adjacency.assign(9, 1.0F); }, {"adjacency"});
  refuse([](Schema& s) { s.axis.step_s = 1800; }, {"3600 s", "1800 s"});
  refuse([](Schema& s) { s.variables.pop_back(), s.places.names.push_back("p3"); },
         {"2 variables"});
  refuse([](Schema& s) { s.axis.start_s += 60; }, {"nearest", "20:01"});
  check_failure(archive.add(FakeReader(-5, 5), {.append = true}).status(), Code::kRefused,
                {"before the archive"});
  CHECK(archive.check(20) == "");
}

TEST_CASE("Append: a new task list replaces the archive's, with a warning") {
  Archive archive;
  REQUIRE(archive.add(FakeReader(0, 20)).ok());
  Schema schema = small_schema(2, 3);
  schema.tasks_json = R"([{"name":"new"}])";
  const auto report = archive.add(FakeReader(20, 5, schema), {.append = true});
  REQUIRE(report.ok());
  REQUIRE(report->warnings.size() == 1);
  CHECK(report->warnings[0].find("task list") != std::string::npos);
  const auto store = storage::SeriesStore::open(archive.path, storage::OpenMode::kReadOnly);
  CHECK((*store)->schema().tasks_json == schema.tasks_json);
}

TEST_CASE("Ingest: a fault in a small first input leaves nothing behind") {
  Archive archive;
  FakeReader faulty(0, 50);
  faulty.fault_at = 25;
  check_failure(archive.add(faulty).status(), Code::kBadInput, {"f.csv, line 9"});
  CHECK_FALSE(std::filesystem::exists(archive.path));
}

TEST_CASE("Append: states before a fault are stored, and the message says how many") {
  Archive archive;
  REQUIRE(archive.add(FakeReader(0, 20)).ok());
  FakeReader faulty(20, 50);
  faulty.fault_at = 25;
  check_failure(archive.add(faulty, {.append = true}).status(), Code::kBadInput,
                {"f.csv, line 9", "45 states", "stored"});
  CHECK(archive.check(45) == "");
}

TEST_CASE("Ingest: an all-missing variable is an error at first, a warning on append") {
  Archive archive;
  FakeReader silent(0, 50);
  silent.silent_variable = 1;
  check_failure(archive.add(silent, {.dry_run = true}).status(), Code::kBadInput,
                {"a.skc", "'v1'", "no value", "--var"});
  check_failure(archive.add(silent).status(), Code::kBadInput, {"'v1'", "50 states"});
  CHECK_FALSE(std::filesystem::exists(archive.path));
  REQUIRE(archive.add(FakeReader(0, 20)).ok());
  FakeReader later(20, 5);
  later.silent_variable = 0;
  const auto report = archive.add(later, {.append = true});
  REQUIRE(report.ok());
  REQUIRE(report->warnings.size() == 1);
  CHECK(report->warnings[0].find("'v0'") != std::string::npos);
}

TEST_CASE("Dry run: checks and counts everything, writes nothing") {
  Archive archive;
  const auto fresh = archive.add(FakeReader(0, 50), {.dry_run = true});
  REQUIRE(fresh.ok());
  CHECK(fresh->dry_run);
  CHECK(fresh->created);
  CHECK(fresh->states_added == 50);
  CHECK(fresh->states_total == 50);
  CHECK(fresh->blocks == 0);
  CHECK_FALSE(std::filesystem::exists(archive.path));
  REQUIRE(archive.add(FakeReader(0, 50)).ok());
  const auto more = archive.add(FakeReader(40, 30), {.append = true, .dry_run = true});
  REQUIRE(more.ok());
  CHECK(more->states_skipped == 10);
  CHECK(more->states_added == 20);
  CHECK(more->states_total == 70);
  FakeReader changed(40, 30);
  changed.changed_state = 3;
  check_failure(archive.add(changed, {.append = true, .dry_run = true}).status(), Code::kRefused,
                {"a.skc", storage::format_time(small_schema(2, 3).axis.time_at(43))});
  CHECK(archive.check(50) == "");
}

TEST_CASE("Dry run: over erased states says what the ingest itself would") {
  Archive archive;
  REQUIRE(archive.add(FakeReader(0, 50)).ok());
  {
    auto store = storage::SeriesStore::open(archive.path, storage::OpenMode::kReadWrite);
    REQUIRE(store.ok());
    REQUIRE((*store)->erase({.first = 40, .states = 3, .places = {1}}).ok());
    REQUIRE((*store)->erase({.first = 45, .states = 2}).ok());
  }
  const auto dry = archive.add(FakeReader(40, 30), {.append = true, .dry_run = true});
  REQUIRE(dry.ok());
  CHECK(dry->states_skipped == 10);
  FakeReader changed(40, 30);
  changed.changed_state = 1;  // at place 0, which is not erased
  check_failure(archive.add(changed, {.append = true, .dry_run = true}).status(), Code::kRefused,
                {storage::format_time(small_schema(2, 3).axis.time_at(41))});
  REQUIRE(archive.add(FakeReader(40, 30), {.append = true}).ok());
}

TEST_CASE("Ingest: asks for no larger a block than the store takes, and for one as large") {
  Schema wide = small_schema(1, 1 << 20);
  class Asked : public FakeReader {
   public:
    using FakeReader::FakeReader;
    Result<std::optional<StateBlock>> next(int64_t states_max) override {
      asked = states_max;
      return std::optional<StateBlock>();
    }
    int64_t asked = 0;
  } reader(0, 1, wide);
  const TempDir folder;
  const int64_t state_bytes = (int64_t{1} << 20) * sizeof(float);
  REQUIRE(ingest(reader, folder.file("w.skc"), {.dry_run = true, .block_states = 1 << 20}).ok());
  CHECK(reader.asked == storage::kBlockBytesMax / state_bytes);
}

TEST_CASE("Interrupt: stops at the next block, resume completes to the same archive") {
  Archive archive;
  int calls = 0;
  IngestOptions stopping;
  stopping.progress = [&](const ProgressStep& step) {
    CHECK((step.what == "check" || step.what == "ingest"));
    CHECK(step.fraction >= 0);
    CHECK(step.fraction <= 1);
    return ++calls < 4;
  };
  check_failure(archive.add(FakeReader(0, 100), stopping).status(), Code::kInterrupted,
                {"a.skc", "nothing was stored"});
  REQUIRE(archive.add(FakeReader(0, 20), {.resume = true}).ok());
  for (int64_t round = 0; round < 3; ++round) {
    calls = 0;
    stopping.resume = true;
    stopping.block_states = 20 + 5 * round;
    check_failure(archive.add(FakeReader(0, 200), stopping).status(), Code::kInterrupted,
                  {"a.skc", "states up to", "--resume"});
    CHECK(archive.check(4 * (20 + 5 * round)) == "");
  }
  const auto report = archive.add(FakeReader(0, 200), {.resume = true});
  REQUIRE(report.ok());
  CHECK(report->states_skipped == 120);
  CHECK(report->states_added == 80);
  CHECK(archive.check(200) == "");
}

TEST_CASE("Disk full: no_space names the folder before anything is written, the rest stays") {
  Archive archive;
  IngestOptions full;
  full.free_bytes = [](const std::string&) { return int64_t{15} << 20; };
  check_failure(archive.add(FakeReader(0, 20), full).status(), Code::kNoSpace,
                {"a.skc", "15 MiB free", "free some space"});
  CHECK_FALSE(std::filesystem::exists(archive.path));
  REQUIRE(archive.add(FakeReader(0, 20)).ok());
  full.append = true;
  check_failure(archive.add(FakeReader(20, 20), full).status(), Code::kNoSpace,
                {"20 states", "stored"});
  CHECK(archive.check(20) == "");
  CHECK(storage::free_disk_bytes(archive.path) > 0);
  CHECK(storage::free_disk_bytes("/nowhere/at/all") > 0);
}

TEST_CASE("Ingest: from a CSV file to the archive and a later file appended") {
  TempDir dir;
  const std::string first =
      write_text(dir.file("1.csv"), "time,a,b\n2016-01-01,1,2\n2016-01-02,3,4\n");
  const std::string second =
      write_text(dir.file("2.csv"), "time,a,b\n2016-01-02,3,4\n2016-01-05,5,\n2016-01-06,7,8\n");
  const std::string path = dir.file("a.skc");
  const auto run = [&](const std::string& file, const IngestOptions& options) {
    auto reader = storage::open_states({file}, "", {});
    REQUIRE(reader.ok());
    return ingest(**reader, path, options);
  };
  REQUIRE(run(first, {}).ok());
  const auto report = run(second, {.append = true});
  REQUIRE(report.ok());
  CHECK(report->states_skipped == 1);
  CHECK(report->states_added == 4);
  CHECK(report->gap_states == 2);
  const auto store = storage::SeriesStore::open(path, storage::OpenMode::kReadOnly);
  REQUIRE(store.ok());
  std::vector<float> values(12);
  const std::vector<int32_t> variables = {0};
  REQUIRE((*store)->read(0, 6, variables, values).ok());
  CHECK(values[3] == 4.0F);
  CHECK(std::isnan(values[4]));
  CHECK(values[8] == 5.0F);
  CHECK(std::isnan(values[9]));
  CHECK(values[11] == 8.0F);
}
