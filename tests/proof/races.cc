// Four readers, a writer, a follower that checkpoints, a scrub and a backup on one archive, for
// --count seconds. Built with ThreadSanitizer by tests/proof/run_tsan; without it a stress test.
//   --break=lock: the readers keep a counter of their own without a lock (TSan must report it)
#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>
#include <random>
#include <thread>

#include "retrieval/search/analog_index.h"
#include "storage/upkeep/archive_copy.h"
#include "storage/upkeep/series_verify.h"
#include "tests/support/plain_encoder.h"
#include "tests/support/programme.h"
#include "tests/support/series.h"

namespace skipcast::tests {
namespace {

constexpr storage::WindowSpec kSpec{4, 3};
constexpr int64_t kErasedFirst = 100, kErasedStates = 40;
constexpr int64_t kStatesMax = 20'000;

class Races {
 public:
  Races(const Arguments& arguments, const MemoryDir& folder)
      : arguments_(arguments), folder_(folder) {}

  std::string run() {
    auto made = storage::SeriesStore::create(folder_.file("a"), small_schema(2, 3));
    if (!made.ok()) return made.status().message();
    store_ = std::move(made).value();
    note(store_->append(block_of(store_->schema(), 0, 300)).status());
    note(store_->erase({.first = kErasedFirst, .states = kErasedStates}));
    auto index =
        retrieval::AnalogIndex::open(*store_, std::make_shared<PlainEncoder>(*store_, kSpec),
                                     {.spec = kSpec, .path = folder_.file("a/index.skx")});
    if (!index.ok()) return index.status().message();
    index_ = std::move(index).value();
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(arguments_.count);
    std::vector<std::thread> threads;
    threads.emplace_back([&] { write(); });
    threads.emplace_back([&] { follow(); });
    threads.emplace_back([&] { scrub(); });
    for (uint64_t reader = 0; reader < 4; ++reader) {
      threads.emplace_back([&, reader] { read(arguments_.seed * 10 + reader); });
    }
    while (std::chrono::steady_clock::now() < end && !failed_) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    done_ = true;
    for (std::thread& thread : threads) thread.join();
    fmt::print("races: seed {}, {} states, {} reads, {} searches, {} follows, {} scrubs\n",
               arguments_.seed, store_->size(), reads_.load(), searches_.load(), follows_.load(),
               scrubs_.load());
    return complaint_;
  }

 private:
  void note(const Status& status) {
    if (!status.ok()) complain(status.message());
  }
  void complain(const std::string& what) {
    const std::lock_guard lock(complaint_mutex_);
    if (complaint_.empty()) complaint_ = what;
    failed_ = true;
  }

  void write() {
    std::mt19937_64 random(arguments_.seed);
    while (!done_ && store_->size() < kStatesMax) {
      const auto states = static_cast<int64_t>(random() % 8 == 0 ? 100 : 1 + random() % 5);
      note(store_->append(block_of(store_->schema(), store_->size(), states)).status());
      if (random() % 16 == 0) note(store_->set_tasks(fmt::format("[{}]", random() % 10)));
      std::this_thread::sleep_for(std::chrono::milliseconds(random() % 5));
    }
  }

  void follow() {
    for (; !done_; ++follows_) {
      note(index_->follow());
      std::this_thread::sleep_for(std::chrono::milliseconds(3));
    }
  }

  void scrub() {
    for (; !done_; ++scrubs_) {
      note(storage::verify_series(folder_.file("a"), {}).status());
      if (scrubs_ % 4 == 0) {
        std::filesystem::remove_all(folder_.file("b"));
        note(storage::copy_archive(folder_.file("a"), folder_.file("b"), {}).status());
      }
    }
  }

  void read(uint64_t seed) {
    std::mt19937_64 random(seed);
    while (!done_) {
      const int64_t size = store_->size();
      const auto count = static_cast<int64_t>(1 + random() % 80);
      const auto first = static_cast<int64_t>(
          random() % 2 == 0 ? size - count : kErasedFirst + kErasedStates + random() % 20);
      const std::string wrong = difference(*store_, first, count);
      if (!wrong.empty()) complain(wrong);
      ++reads_;
      if (arguments_.broken == "lock") ++unguarded_;
      search(random, size);
      (void)store_->schema().tasks_json.size();
      (void)store_->last();
    }
  }

  void search(std::mt19937_64& random, int64_t size) {
    const auto query = static_cast<int64_t>(size - 1 - random() % 100);
    const retrieval::Guard guard{.spec = kSpec};
    const auto found = index_->search(query, guard, {.k = 8, .fewer_is_ok = true});
    if (!found.ok()) return complain(found.status().message());
    for (const retrieval::Neighbour& analog : found->analogs) {
      if (!retrieval::usable(guard, query, analog.origin)) complain("an analog from the future");
    }
    ++searches_;
  }

  const Arguments arguments_;
  const MemoryDir& folder_;
  std::unique_ptr<storage::SeriesStore> store_;
  std::unique_ptr<retrieval::AnalogIndex> index_;
  std::atomic<bool> done_ = false, failed_ = false;
  std::atomic<int64_t> reads_ = 0, searches_ = 0, follows_ = 0, scrubs_ = 0;
  int64_t unguarded_ = 0;  // --break=lock
  std::mutex complaint_mutex_;
  std::string complaint_;  // guarded by complaint_mutex_
};

}  // namespace
}  // namespace skipcast::tests

int main(int argc, char** argv) {
  using namespace skipcast::tests;
  const Arguments arguments = parse_arguments(argc, argv, 10, {"lock"});
  const MemoryDir folder;
  const std::string complaint = Races(arguments, folder).run();
  return complaint.empty() ? 0 : verdict(arguments, complaint);
}
