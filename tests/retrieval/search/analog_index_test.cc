#include "retrieval/search/analog_index.h"

#include <doctest/doctest.h>

#include <atomic>
#include <cmath>
#include <filesystem>
#include <thread>

#include "tests/support/analog_archive.h"
#include "tests/support/fake_scan.h"
#include "tests/support/skip.h"

namespace skipcast::retrieval {
namespace {

using tests::answers;
using tests::Archive;
using tests::Behaviour;
using tests::kSpec;
using tests::kStates;
using tests::memory_schema;
using tests::MemoryFolder;
using tests::MemoryStore;
using tests::read_bytes;
using tests::says;
using tests::scan_maker;
using tests::values_of;
using tests::write_bytes;

}  // namespace

TEST_CASE("Analog index: holds every complete window and finds a planted twin first") {
  Archive archive(kStates);
  const auto index = archive.index();
  CHECK(index->rows() == kStates - 9);
  std::vector<float>& values = archive.store->values();
  for (int64_t i = 0; i < 10 * 3; ++i) {  // the week before, to keep the calendar
    values[static_cast<size_t>((200 - 168) * 3 + i)] = values[static_cast<size_t>(200 * 3 + i)];
  }
  const auto fresh = archive.index();
  const AnalogResult result = fresh->search(205, {kSpec}, {5}).value();
  CHECK(result.analogs[0].origin == 205 - 168);
  CHECK(result.analogs[0].distance < 1e-6);
  CHECK(result.plan.method == "exact");
  CHECK(result.plan.rows == kStates - 9);
  CHECK(result.plan.allowed == 205 - 4 - 5 + 1);
}

TEST_CASE("Analog index: the query's own window and those that see its future never come back") {
  const Archive archive(kStates);
  Behaviour careless = {.partial = true};  // proposes windows that the guard forbids
  const DeviceScanMaker device = scan_maker(careless);
  for (const std::string kind : {"flat", "hnsw", "device"}) {
    const bool on_device = kind == "device";
    const auto index = archive.index("", on_device ? "flat" : kind, on_device ? device : nullptr);
    for (int64_t origin = 60; origin < kStates; origin += 7) {
      const AnalogResult past = index->search(origin, {kSpec}, {20}).value();
      for (const Neighbour& n : past.analogs) REQUIRE(n.origin + 4 <= origin);
      Guard training{kSpec, false};
      const AnalogResult around = index->search(origin, training, {20}).value();
      for (const Neighbour& n : around.analogs) REQUIRE(std::abs(n.origin - origin) >= 10);
    }
  }
}

TEST_CASE("Analog index: on a device it answers the same, follows, loads, or says it cannot") {
  const tests::TempDir folder;
  const std::string path = folder.file("index.skx");
  Archive archive(203);
  Behaviour behaviour;
  const auto index = archive.index(path, "flat", scan_maker(behaviour));
  for (const int64_t states : {203, 260, 400}) {
    archive.grow(states);
    if (states == 400) REQUIRE(index->follow().ok());
    CHECK(answers(*index, states) == answers(*archive.index(), states));
  }
  CHECK(behaviour.searches > 10);
  CHECK(behaviour.made == 1);
  Behaviour loaded;
  const auto reopened = archive.index(path, "flat", scan_maker(loaded));
  CHECK(answers(*reopened, kStates) == answers(*archive.index(), kStates));
  CHECK(loaded.searches > 10);
  CHECK(loaded.made == 1);
  const auto none = archive.index("", "flat", [](int64_t) -> Result<std::unique_ptr<DeviceScan>> {
    return Status(Code::kUnsupported, "no such device");
  });
  CHECK(says(*none, "no such device: searches stay on the CPU"));
  CHECK(answers(*none, kStates) == answers(*archive.index(), kStates));
}

TEST_CASE("Analog index: k asked is k returned, or an error with the numbers") {
  const Archive archive(kStates);
  const auto index = archive.index();
  CHECK(index->search(24, {kSpec}, {16}).value().analogs.size() == 16);
  const Status status = index->search(24, {kSpec}, {17}).status();
  CHECK(status.code() == Code::kNotFound);
  CHECK(status.message().find("17 analogs") != std::string::npos);
  CHECK(status.message().find("16 of 391 windows") != std::string::npos);
  CHECK(status.message().find("2018-01-02T00") != std::string::npos);
  CHECK(index->search(24, {kSpec}, {17, 1, true}).value().analogs.size() == 16);
  CHECK(index->search(8, {kSpec}, {1}).status().code() == Code::kNotFound);
  CHECK(index->search(8, {kSpec}, {1, 1, true}).value().analogs.empty());
}

TEST_CASE("Analog index: wrong requests are usage errors, a query out of reach is not found") {
  const Archive archive(kStates);
  const auto index = archive.index();
  CHECK(index->search(100, {{6, 3}}, {5}).status().code() == Code::kUsage);
  CHECK(index->search(100, {kSpec}, {0}).status().code() == Code::kUsage);
  CHECK(index->search(100, {kSpec}, {5, 0}).status().code() == Code::kUsage);
  CHECK(index->search(kStates, {kSpec}, {5}).status().code() == Code::kNotFound);
  AnalogIndexOptions options{kSpec, "tree"};
  CHECK(AnalogIndex::open(*archive.store, archive.encoder, options).status().code() ==
        Code::kUsage);
}

TEST_CASE("Analog index: one that the memory cannot hold is refused with need, budget and remedy") {
  const Archive archive(kStates);
  AnalogIndexOptions options{kSpec, "hnsw"};
  options.batch = 16;
  options.memory_bytes = 64 << 10;
  const Status status = AnalogIndex::open(*archive.store, archive.encoder, options).status();
  CHECK(status.code() == Code::kUsage);
  for (const char* words : {"391 windows of 22 values", "1 MiB", "--memory", "components"}) {
    CAPTURE(words);
    CAPTURE(status.message());
    CHECK(status.message().find(words) != std::string::npos);
  }
  options.kind = "flat";
  CHECK(AnalogIndex::open(*archive.store, archive.encoder, options).ok());
}

TEST_CASE("Analog index: windows without data in context or future are left out") {
  Archive archive(kStates);
  std::vector<float>& values = archive.store->values();
  for (int64_t i = 300 * 3; i < 307 * 3; ++i) values[static_cast<size_t>(i)] = std::nanf("");
  const auto index = archive.index();
  // Contexts of 6 states inside the 7 missing ones: 2. Futures of 4 states inside them: 4.
  CHECK(index->rows() == kStates - 9 - 6);
  CHECK(index->search(305, {kSpec}, {5}).status().code() == Code::kNotFound);
  CHECK(index->search(304, {kSpec}, {5}).ok());
  const AnalogResult all = index->search(kStates - 1, {kSpec}, {kStates, 1, true}).value();
  for (const Neighbour& n : all.analogs) {
    REQUIRE((n.origin < 299 || n.origin > 306 || n.origin == 303 || n.origin == 304));
  }
}

TEST_CASE("Analog index: windows do not cross sessions") {
  storage::Schema schema = memory_schema(1, 3);
  schema.axis = {1514764800, 3600, 0, 20, true};
  const Archive archive(kStates, schema);
  const auto index = archive.index();
  CHECK(index->rows() == kStates / 20 * 11);
  const AnalogResult result = index->search(395, {kSpec}, {60}).value();
  for (const Neighbour& n : result.analogs) {
    CHECK((n.origin % 20 >= 5 && n.origin % 20 <= 15));
  }
}

TEST_CASE("Follower: after appends, answers equal those of an index built from scratch") {
  for (const std::string kind : {"flat", "hnsw"}) {
    Archive growing(203);
    const auto index = growing.index("", kind);
    for (const int64_t states : {204, 205, 260, 261, 400}) {
      growing.grow(states);
      REQUIRE(index->follow().ok());
      const Archive whole(states);
      const auto fresh = whole.index("", kind);
      REQUIRE(index->rows() == fresh->rows());
      CHECK(answers(*index, states) == answers(*fresh, states));
    }
    REQUIRE(index->follow().ok());
    CHECK(index->rows() == kStates - 9);
  }
}

TEST_CASE("Follower: an interrupt keeps what was done, and the next call goes on") {
  const tests::TempDir folder;
  const Archive archive(kStates);
  AnalogIndexOptions options{kSpec};
  options.batch = 50;
  options.path = folder.file("index");
  int calls = 0;
  const auto stop = [&](const ProgressStep&) { return ++calls < 3; };
  CHECK(AnalogIndex::open(*archive.store, archive.encoder, options, stop).status().code() ==
        Code::kInterrupted);
  calls = 10;
  double first_fraction = -1;
  const auto watch = [&](const ProgressStep& step) {
    if (first_fraction < 0) first_fraction = step.fraction;
    return true;
  };
  const auto index = AnalogIndex::open(*archive.store, archive.encoder, options, watch).value();
  CHECK(says(*index, "150 windows loaded"));
  CHECK(first_fraction == doctest::Approx(50.0 / (391 - 150)));
  CHECK(answers(*index, kStates) == answers(*archive.index(), kStates));
}

TEST_CASE("Index file: a reopened index loads, answers the same and follows on") {
  for (const std::string kind : {"flat", "hnsw"}) {
    const tests::TempDir folder;
    const std::string path = folder.file("index");
    Archive archive(300);
    const auto before = answers(*archive.index(path, kind), 300);
    const auto reopened = archive.index(path, kind);
    CHECK(says(*reopened, "291 windows loaded"));
    CHECK(answers(*reopened, 300) == before);
    const std::string bytes = read_bytes(path);
    archive.grow(kStates);
    REQUIRE(reopened->follow().ok());
    CHECK(answers(*reopened, kStates) == answers(*archive.index("", kind), kStates));
    CHECK(read_bytes(previous_envelope(path)) == bytes);
    CHECK(says(*archive.index(path, kind), "391 windows loaded"));
  }
}

TEST_CASE("Index file: every flipped byte and every truncation is noticed, answers equal") {
  const MemoryFolder folder;
  const std::string path = folder.path + "/index";
  const Archive archive(28);
  const auto search = [&](const AnalogIndex& index) {
    return index.search(27, {kSpec}, {5, 3}).value().analogs;
  };
  const auto expected = search(*archive.index(path));
  const std::string bytes = read_bytes(path);
  const auto damaged_is_rebuilt = [&](const std::string& damaged) {
    write_bytes(path, damaged);
    std::filesystem::remove(previous_envelope(path));
    const auto index = archive.index(path);
    REQUIRE(says(*index, "is not used"));
    REQUIRE(says(*index, "built from the archive"));
    REQUIRE(search(*index) == expected);
  };
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ (at % 2 ? 0xff : 0x01));
    damaged_is_rebuilt(damaged);
  }
  for (size_t size = 0; size < bytes.size(); size += 3) damaged_is_rebuilt(bytes.substr(0, size));
  damaged_is_rebuilt(bytes + "x");
}

TEST_CASE("Index file: after damage the file is written anew") {
  const tests::TempDir folder;
  const std::string path = folder.file("index");
  const Archive archive(300);
  archive.index(path);
  const std::string bytes = read_bytes(path);
  write_bytes(path, "rubbish");
  archive.index(path);
  CHECK(read_bytes(path) == bytes);
}

TEST_CASE("Index file: damage falls back to the file before, which then follows on") {
  const tests::TempDir folder;
  const std::string path = folder.file("index");
  Archive archive(300);
  archive.index(path);
  archive.grow(kStates);
  archive.index(path);
  write_bytes(path, "rubbish");
  const auto index = archive.index(path);
  CHECK(says(*index, "is not used"));
  CHECK(says(*index, "291 windows loaded"));
  CHECK(answers(*index, kStates) == answers(*archive.index(), kStates));
}

TEST_CASE("Index file: of another store, encoder, option or size is rebuilt with a note") {
  const tests::TempDir folder;
  const std::string path = folder.file("index");
  const Archive archive(300);
  const auto rebuilt = [&](const Archive& other, AnalogIndexOptions options, const char* why) {
    archive.index(path);
    std::filesystem::remove(previous_envelope(path));
    options.path = path;
    const auto index = AnalogIndex::open(*other.store, other.encoder, options).value();
    CAPTURE(std::string(why));
    std::string notes;
    for (const std::string& note : index->notes()) notes += note + "; ";
    CAPTURE(notes);
    CHECK(says(*index, why));
    options.path.clear();
    const auto fresh = AnalogIndex::open(*other.store, other.encoder, options).value();
    CHECK(answers(*index, other.store->size()) == answers(*fresh, other.store->size()));
  };
  Archive other(300);
  other.store = std::make_unique<MemoryStore>(memory_schema(1, 3), values_of(300), "another");
  other.encoder = make_context_encoder(*other.store, *other.normalizer, {kSpec, {0}}).value();
  rebuilt(other, {kSpec}, "another archive");
  other = Archive(300);
  other.encoder = make_context_encoder(*other.store, *other.normalizer, {kSpec, {0}, 0.5}).value();
  rebuilt(other, {kSpec}, "another encoder");
  AnalogIndexOptions options{kSpec, "hnsw"};
  rebuilt(archive, options, "other options");
  options = {kSpec};
  options.targets = {0};
  rebuilt(archive, options, "other options");
  rebuilt(Archive(280), {kSpec}, "more than the archive holds");
}

TEST_CASE("Index file: of an archive restored and regrown differently is found by its rows") {
  const tests::TempDir folder;
  const std::string path = folder.file("index");
  Archive archive(300);
  archive.index(path);
  for (int64_t i = 290 * 3; i < 300 * 3; ++i) archive.store->values()[static_cast<size_t>(i)] += 1;
  const auto index = archive.index(path);
  CHECK(says(*index, "rows are not those of this archive"));
  CHECK(answers(*index, 300) == answers(*archive.index(), 300));
}

TEST_CASE("Index file: a folder that cannot be written is a note, not a failure") {
  const Archive archive(300);
  const auto index = archive.index("/no/such/folder/index");
  CHECK(says(*index, "could not be written"));
  CHECK(index->rows() == 291);
}

TEST_CASE("Analog index: many queries at once are the same bits as one by one") {
  const Archive archive(kStates);
  const auto index = archive.index();
  std::vector<int64_t> origins;
  for (int64_t origin = 399; origin > 60; --origin) origins.push_back(origin);
  const auto many = index->search_many(origins, {kSpec}, {8, 3}).value();
  REQUIRE(many.size() == origins.size());
  for (size_t i = 0; i < origins.size(); ++i) {
    CHECK(many[i].analogs == index->search(origins[i], {kSpec}, {8, 3}).value().analogs);
  }
  origins.push_back(8);
  CHECK(index->search_many(origins, {kSpec}, {8, 3}).status().code() == Code::kNotFound);
}

TEST_CASE("Analog index: searches run while the follower adds, and see only whole windows") {
  Archive archive(203);
  archive.store->reserve(1400);
  const auto index = archive.index("", "hnsw");
  std::atomic<bool> done = false;
  std::atomic<int> wrong = 0, searches = 0;
  const auto search = [&] {
    while (!done) {
      const auto found = index->search(202, {kSpec}, {8, 3});
      const bool good = found.ok() && found->analogs.size() == 8;
      wrong += !good;
      ++searches;
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back(search);
  for (int64_t states = 230; states <= 1400; states += 90) {
    archive.grow(states);
    if (!index->follow().ok()) ++wrong;
  }
  done = true;
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(searches > 0);
  CHECK(index->rows() == archive.store->size() - 9);
}

}  // namespace skipcast::retrieval
