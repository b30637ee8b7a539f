// Power cuts at random changes of the disk: what was acknowledged survives, nothing is refused.
//
// usage: power_cut [--seed=N] [--count=POINTS] [--workload=prefix|pages]
//                  [--break=log_sync|folder_sync|head_sync|acks]
// The workload says which unsynced bytes survive (Tear); without it both, by chance.
// An episode (own seed, new archive) makes several cuts: in making the archive, in appends, task
// lists and index files, and in the recovery from the cut before. After each the folder becomes
// what the disk might hold (disk_journal.h), and the archive must open with all it acknowledged.
// A failing episode is printed as its command line; background threads of RocksDB may shift a cut.
#include <fmt/format.h>

#include <chrono>
#include <filesystem>

#include "tests/fault/fault_disk.h"
#include "tests/fault/last_words.h"
#include "tests/fault/scene.h"
#include "tests/support/programme.h"

using namespace skipcast;
using namespace skipcast::tests;

namespace {

constexpr int64_t kCutsMax = 12;      // of an episode
constexpr int64_t kChangesMax = 160;  // the cut comes within so many, or after the last step
constexpr int64_t kSteps = 14;

struct Tally {
  int64_t points = 0, in_making = 0, in_opening = 0, in_steps = 0, after = 0;
};

class Episode {
 public:
  Episode(uint64_t seed, const Arguments& arguments, Tally& tally)
      : random_(seed), arguments_(arguments), tally_(tally), scene_(folder_.path() + "/a") {}

  // At most `points` cuts; what was wrong, or "".
  std::string run(int64_t points) {
    FaultDisk& disk = FaultDisk::instance();
    disk.watch(folder_.path(), break_named(arguments_.broken));
    std::string wrong;
    for (int64_t cut = 0; cut < points && wrong.empty(); ++cut) wrong = cut_once();
    scene_.close();
    disk.unwatch();
    return wrong;
  }

 private:
  std::string cut_once() {
    FaultDisk& disk = FaultDisk::instance();
    disk.cut_power_at(1 + static_cast<int64_t>(random_() % kChangesMax));
    std::string wrong = work();
    scene_.close();
    disk.roll_back(random_, tear());
    count_aloud(++tally_.points, "power cuts");
    if (wrong.empty()) wrong = scene_.check_receipt();
    if (!wrong.empty() || random_() % 4 == 0) return wrong;  // the next cut comes in the recovery
    wrong = scene_.recover(random_() % 4 == 0);
    scene_.close();
    return wrong;
  }

  // Until the power is cut, or all steps are done. What went wrong before the cut, or "".
  std::string work() {
    const bool exists = scene_.ledger().created || std::filesystem::exists(scene_.path());
    Status status = exists ? scene_.open() : scene_.create();
    if (!status.ok()) {
      ++(exists ? tally_.in_opening : tally_.in_making);
      return unless_cut(status);
    }
    if (std::string wrong = scene_.check_states(false); !wrong.empty()) return wrong;
    scene_.accept();
    for (int64_t step = 0; status.ok() && step < kSteps; ++step) status = scene_.step(random_);
    ++(status.ok() ? tally_.after : tally_.in_steps);
    Ledger& ledger = scene_.ledger();
    if (arguments_.broken == "acks") ledger.acknowledged = ledger.attempted;
    return unless_cut(status);
  }

  Tear tear() {
    const bool prefix = random_() % 2 == 0;
    if (arguments_.workload == "prefix") return Tear::kPrefix;
    return prefix && arguments_.workload != "pages" ? Tear::kPrefix : Tear::kPages;
  }

  static std::string unless_cut(const Status& status) {
    return status.ok() || FaultDisk::instance().fired() ? "" : "with power on: " + status.message();
  }

  std::mt19937_64 random_;
  const Arguments& arguments_;
  Tally& tally_;
  MemoryDir folder_;
  Scene scene_;
};

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments =
      parse_arguments(argc, argv, 300, {"log_sync", "folder_sync", "head_sync", "acks"});
  const auto again = [&](uint64_t seed, int64_t points) {
    const std::string tear = arguments.workload.empty() ? "" : " --workload=" + arguments.workload;
    return fmt::format("power_cut --seed={} --count={}{}", seed, points, tear);
  };
  const auto began = std::chrono::steady_clock::now();
  Tally tally;
  std::string wrong;
  for (uint64_t seed = arguments.seed; tally.points < arguments.count && wrong.empty(); ++seed) {
    const int64_t before = tally.points;
    const int64_t points = std::min(kCutsMax, arguments.count - before);
    say_if_killed(again(seed, points));
    wrong = Episode(seed, arguments, tally).run(points);
    if (!wrong.empty()) wrong += "\nagain: " + again(seed, tally.points - before);
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  fmt::print("{} power cuts in {:.0f} s: {} in making, {} in opening, {} in steps, {} after them\n",
             tally.points, took.count(), tally.in_making, tally.in_opening, tally.in_steps,
             tally.after);
  return verdict(arguments, wrong);
}
