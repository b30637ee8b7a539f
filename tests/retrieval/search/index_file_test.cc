// What AnalogIndex makes of index files whose checksums are right and whose contents are not, and
// what check_file() says of them.
#include <doctest/doctest.h>

#include <cstring>
#include <functional>

#include "tests/support/analog_archive.h"
#include "tests/support/skip.h"

namespace skipcast::retrieval {
namespace {

using tests::answers;
using tests::Archive;
using tests::kSpec;
using tests::says;

constexpr int64_t kRowsAt = 16;  // of a payload: rows, dimension, then the ids

// An archive with its index on disk, and what is done to the file.
struct Filed {
  tests::TempDir folder;
  std::string path = folder.file("index");
  Archive archive{300};

  Filed() { archive.index(path); }
  // Writes the file anew, changed, with sound checksums.
  void change(const std::function<void(EnvelopeHeader&, std::string&)>& edit) const {
    Envelope envelope = read_envelope(path, int64_t{1} << 30).value();
    edit(envelope.header, envelope.content);
    tests::write_bytes(path, pack_envelope(envelope.header, envelope.content));
  }
  AnalogIndexOptions options() const {
    AnalogIndexOptions options{kSpec};
    options.path = path;
    options.batch = 64;
    return options;
  }
  Result<int64_t> check(const Progress& progress = {}) const {
    return AnalogIndex::check_file(*archive.store, archive.encoder, options(), progress);
  }
  // The file is not believed, for this reason, and the answers stay right.
  void check_rebuilt(const std::string& why) const {
    const auto index = archive.index(path);
    CAPTURE(why);
    CHECK(says(*index, "is not used: "));
    CHECK(says(*index, why));
    CHECK(says(*index, "the index is built from the archive"));
    CHECK(answers(*index, 300) == answers(*archive.index(), 300));
  }
};

void check_status(const Status& status, Code code, const std::string& part) {
  INFO(status.message());
  CHECK(status.code() == code);
  CHECK(status.message().find(part) != std::string::npos);
}

}  // namespace

TEST_CASE("Index file: counts that do not fit the archive's windows are not believed") {
  const auto rebuilt = [](const std::function<void(EnvelopeHeader&)>& edit, const char* why) {
    const Filed filed;
    filed.change([&](EnvelopeHeader& header, std::string&) { edit(header); });
    filed.check_rebuilt(why);
  };
  rebuilt([](EnvelopeHeader& h) { h.through = -1; }, "covers more than the archive holds");
  rebuilt([](EnvelopeHeader& h) { h.through = 301; }, "covers more than the archive holds");
  rebuilt([](EnvelopeHeader& h) { --h.rows; }, "does not hold the archive's windows");
  rebuilt([](EnvelopeHeader& h) { --h.rows, ++h.skipped; }, "the index holds 291 rows");
  rebuilt([](EnvelopeHeader& h) { h.rows = -1, h.skipped = 292; }, "the archive's windows");
  rebuilt([](EnvelopeHeader& h) { h.rows = 292, h.skipped = -1; }, "the archive's windows");
  rebuilt([](EnvelopeHeader& h) { ++h.dimension; }, "another encoder");
  rebuilt([](EnvelopeHeader& h) { h.kind = "hnsw"; }, "another encoder or with other options");
}

TEST_CASE("Index file: ids of windows that are not there, or out of order, are not believed") {
  const auto rebuilt = [](size_t row, int64_t id, const char* why) {
    const Filed filed;
    filed.change([&](EnvelopeHeader&, std::string& payload) {
      std::memcpy(payload.data() + kRowsAt + 8 * row, &id, sizeof id);
    });
    filed.check_rebuilt(why);
  };
  rebuilt(290, 5000, "does not hold the archive's windows");
  rebuilt(0, 0, "does not hold the archive's windows");  // a context reaches before the archive
  rebuilt(0, -1, "ids do not increase");
  rebuilt(7, 0, "ids do not increase");
}

TEST_CASE("Index check: counts the windows, and tells absent, damaged and outdated files apart") {
  Filed filed;
  CHECK(filed.check().value() == 291);
  const std::shared_ptr<const Encoder> other =
      make_context_encoder(*filed.archive.store, *filed.archive.normalizer, {kSpec, {0}, 0.5})
          .value();
  check_status(AnalogIndex::check_file(*filed.archive.store, other, filed.options()).status(),
               Code::kRefused, "out of date");
  AnalogIndexOptions graph = filed.options();
  graph.kind = "hnsw";
  check_status(AnalogIndex::check_file(*filed.archive.store, filed.archive.encoder, graph).status(),
               Code::kRefused, "out of date");
  Filed erased;
  REQUIRE(erased.archive.store->erase({0, 150, 20, {}}).ok());
  check_status(erased.check().status(), Code::kRefused, "out of date");
  std::string bytes = tests::read_bytes(filed.path);
  bytes[bytes.size() - 5] ^= 1;
  tests::write_bytes(filed.path, bytes);
  check_status(filed.check().status(), Code::kDataLoss, "MiB 0");
  std::filesystem::remove(filed.path);
  CHECK(filed.check().status().code() == Code::kNotFound);
}

TEST_CASE("Index check: finds the one row that is not the archive's, where opening looks at few") {
  const Filed filed;
  filed.change([](EnvelopeHeader& header, std::string& payload) {
    const size_t rows = static_cast<size_t>(header.rows);
    char* const value =
        payload.data() + kRowsAt + 8 * rows + 4 * 100 * static_cast<size_t>(header.dimension);
    float number = 0;
    std::memcpy(&number, value, sizeof number);
    number += 1;
    std::memcpy(value, &number, sizeof number);
  });
  CHECK(says(*filed.archive.index(filed.path), "291 windows loaded"));
  check_status(filed.check().status(), Code::kDataLoss, "rows are not those of this archive");
}

TEST_CASE("Index check: reports progress, and stops when told") {
  const Filed filed;
  double last = 0;
  const auto watch = [&](const ProgressStep& step) {
    CHECK(step.fraction > last);
    last = step.fraction;
    return true;
  };
  CHECK(filed.check(watch).ok());
  CHECK(last == 1);
  int calls = 0;
  const auto stop = [&](const ProgressStep&) { return ++calls < 2; };
  check_status(filed.check(stop).status(), Code::kInterrupted, "stopped");
  CHECK(calls == 2);
}

}  // namespace skipcast::retrieval
