// What the index has not reached yet: appended windows, and windows that erasures touched.
#include <doctest/doctest.h>

#include <atomic>
#include <random>
#include <set>
#include <thread>

#include "retrieval/search/analog_index.h"
#include "tests/support/analog_archive.h"
#include "tests/support/skip.h"

namespace skipcast::retrieval {
namespace {

using tests::answers;
using tests::Archive;
using tests::kSpec;
using tests::says;

// Everything the guard allows, nearest first.
std::vector<Neighbour> all_of(const AnalogIndex& index, int64_t origin) {
  return index.search(origin, {kSpec}, {int64_t{1} << 40, 1, true}).value().analogs;
}

bool touched(const storage::Erasure& erasure, int64_t origin) {
  return origin + kSpec.future_states >= erasure.first &&
         origin - kSpec.context_states + 1 < erasure.first + erasure.states;
}

// That the index answers as one built anew from the same store would, but for the windows below
// `indexed` that one of `unseen` touches.
void check_against_fresh(const AnalogIndex& index, const Archive& archive, int64_t indexed,
                         const std::vector<storage::Erasure>& unseen) {
  const auto fresh = archive.index();
  for (int64_t origin = archive.store->size() - 1; origin > 60; origin -= 37) {
    const Result<AnalogResult> whole = fresh->search(origin, {kSpec}, {1 << 20, 1, true});
    const Result<AnalogResult> found = index.search(origin, {kSpec}, {1 << 20, 1, true});
    REQUIRE(found.status().code() == whole.status().code());  // an erased query has no embedding
    if (!whole.ok()) continue;
    std::vector<Neighbour> expected = whole->analogs;
    std::erase_if(expected, [&](const Neighbour& n) {
      return n.origin + kSpec.future_states < indexed &&
             std::any_of(unseen.begin(), unseen.end(),
                         [&](const auto& erasure) { return touched(erasure, n.origin); });
    });
    REQUIRE(found->analogs == expected);
  }
}

}  // namespace

TEST_CASE("Tail: what is appended is found at once, the same bits as from an index of it all") {
  for (const std::string kind : {"flat", "hnsw"}) {
    Archive growing(203);
    const auto index = growing.index("", kind);
    CHECK(index->tail_rows() == 0);
    for (const int64_t states : {204, 205, 260, 261, 400}) {
      growing.grow(states);
      const Archive whole(states);
      const auto fresh = whole.index();
      CHECK(answers(*index, states) == answers(*fresh, states));
      CHECK(index->tail_rows() == states - 203);
      CHECK(index->rows() == fresh->rows());
    }
    const AnalogResult result = index->search(399, {kSpec}, {300}).value();
    CHECK(result.plan.rows == 391);
    CHECK(result.plan.tail == 197);
  }
}

TEST_CASE("Tail: following moves it into the index and changes no answer") {
  Archive archive(203);
  const auto index = archive.index();
  for (const int64_t states : {210, 300, 400}) {
    archive.grow(states);
    const auto before = answers(*index, states);
    CHECK(index->tail_rows() > 0);
    REQUIRE(index->follow().ok());
    CHECK(index->tail_rows() == 0);
    CHECK(answers(*index, states) == before);
  }
}

TEST_CASE("Tail: many queries at once see it, with k and separation kept across the border") {
  Archive archive(203);
  const auto index = archive.index();
  archive.grow(400);
  std::vector<int64_t> origins;
  for (int64_t origin = 399; origin > 150; --origin) origins.push_back(origin);
  const auto fresh = archive.index();
  for (const SearchOptions& options : {SearchOptions{8, 3}, SearchOptions{20, 1}}) {
    const auto many = index->search_many(origins, {kSpec}, options).value();
    for (size_t i = 0; i < origins.size(); ++i) {
      REQUIRE(many[i].analogs == fresh->search(origins[i], {kSpec}, options).value().analogs);
    }
  }
}

TEST_CASE("Tail: an archive that was empty at the start is searched all the same") {
  Archive archive(12);
  const auto index = archive.index();
  archive.grow(300);
  CHECK(answers(*index, 300) == answers(*archive.index(), 300));
}

TEST_CASE("Tail: searches during appends and following see every acknowledged window") {
  Archive archive(203);
  archive.store->reserve(1400);
  const auto index = archive.index();
  std::atomic<bool> done = false;
  std::atomic<int64_t> acknowledged = 203;
  std::atomic<int> wrong = 0;
  const auto search = [&] {
    while (!done) {
      const int64_t states = acknowledged;
      const auto found = index->search(202, {kSpec, false}, {1 << 20, 1, true});
      // All windows but the 19 that overlap the query's.
      const bool good = found.ok() && found->plan.allowed >= states - 9 - 19 &&
                        static_cast<int64_t>(found->analogs.size()) == found->plan.allowed;
      wrong += !good;
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back(search);
  for (int64_t states = 210; states <= 1400; states += 17) {
    archive.grow(states);
    acknowledged = states;
    if (states % 5 == 0 && !index->follow().ok()) ++wrong;
  }
  done = true;
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
}

TEST_CASE("Erasure: touched windows are left out at once and counted; following builds anew") {
  Archive archive(400);
  const auto index = archive.index();
  const auto before = all_of(*index, 399);
  const storage::Erasure erasure{0, 150, 20, {1}};
  REQUIRE(archive.store->erase(erasure).ok());
  const AnalogResult result = index->search(399, {kSpec}, {1 << 20, 1, true}).value();
  CHECK(result.plan.erased == 20 + 9);
  CHECK(result.analogs.size() == before.size() - 29);
  for (const Neighbour& n : result.analogs) REQUIRE_FALSE(touched(erasure, n.origin));
  CHECK_FALSE(says(*index, "erased"));
  REQUIRE(index->follow().ok());
  CHECK(says(*index, "erased"));
  check_against_fresh(*index, archive, 0, {});
  CHECK(index->search(399, {kSpec}, {1 << 20, 1, true}).value().plan.erased == 0);
  CHECK(index->rows() == 391);  // one place of three was erased: something is left of each window
}

TEST_CASE("Erasure: windows that nothing is left of stay away, in the tail as in the index") {
  Archive archive(300);
  const auto index = archive.index();
  archive.grow(400);
  CHECK(all_of(*index, 399).size() == 391);
  CHECK(index->rows() == 391);
  REQUIRE(archive.store->erase({0, 340, 20, {}}).ok());  // in the tail
  check_against_fresh(*index, archive, 300, archive.store->erasures());
  REQUIRE(archive.store->erase({0, 100, 20, {}}).ok());  // in the index
  check_against_fresh(*index, archive, 300, archive.store->erasures());
  REQUIRE(index->follow().ok());
  check_against_fresh(*index, archive, 400, {});
  CHECK(index->rows() == archive.index()->rows());
  CHECK(index->rows() == 391 - 2 * 21);  // no context or no future
}

TEST_CASE("Erasure: an index file written before is built anew when it is opened") {
  const tests::TempDir folder;
  const std::string path = folder.file("index");
  Archive archive(400);
  archive.index(path);
  REQUIRE(archive.store->erase({0, 150, 20, {}}).ok());
  const auto index = archive.index(path);
  CHECK(says(*index, "states were erased since it was written"));
  check_against_fresh(*index, archive, 400, {});
  CHECK(says(*archive.index(path), "windows loaded"));
}

TEST_CASE("Model: appends, erasures, following and reopening in any order, seeds 1..60") {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    const auto below = [&](int64_t n) { return static_cast<int64_t>(random() % uint64_t(n)); };
    const tests::MemoryFolder folder;
    Archive archive(100 + below(150));
    auto index = archive.index(folder.path + "/index");
    int64_t indexed = archive.store->size();
    size_t seen = 0;
    for (int step = 0; step < 12; ++step) {
      const int64_t size = archive.store->size();
      const int64_t what = below(5);
      if (what <= 1) archive.grow(size + 1 + below(40));
      if (what == 2) {
        const int64_t first = below(size), states = 1 + below(std::min<int64_t>(25, size - first));
        REQUIRE(archive.store->erase({0, first, states, {}}).ok());
      }
      if (what >= 3) {
        if (what == 3) REQUIRE(index->follow().ok());
        if (what == 4) index = archive.index(folder.path + "/index");
        indexed = archive.store->size();
        seen = archive.store->erasures().size();
      }
      std::vector<storage::Erasure> unseen = archive.store->erasures();
      unseen.erase(unseen.begin(), unseen.begin() + static_cast<int64_t>(seen));
      check_against_fresh(*index, archive, indexed, unseen);
    }
  }
}

}  // namespace skipcast::retrieval
