// A disk that is really full, filled and freed over and over: a small tmpfs of this process alone.
//
// usage: disk_full [--seed=N] [--count=CYCLES] [--break=swallow]
// A cycle: a ballast file leaves little room; appends go on until they say no_space; all that was
// acknowledged reads back, the index follows in memory; the ballast goes, and the same store, not
// opened anew, takes appends again. Now and then the archive is opened anew, or made anew.
// Exits with 77 when this user may not mount a file system.
#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "tests/fault/fault_disk.h"
#include "tests/fault/last_words.h"
#include "tests/fault/scene.h"
#include "tests/support/programme.h"

using namespace skipcast;
using namespace skipcast::tests;

namespace fs = std::filesystem;

namespace {

constexpr int64_t kKiB = 1024, kMiB = 1024 * kKiB;
constexpr int64_t kArchiveMax = 40 * kMiB;  // then it is made anew
constexpr int64_t kPlaces = 200;            // 1,600 bytes a state
constexpr int kSkipped = 77;

// "" when the folder is now a file system of 64 MiB that nobody else sees.
std::string mount_small(const std::string& folder) {
  if (::unshare(CLONE_NEWNS) != 0) return std::string("unshare: ") + std::strerror(errno);
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=64m") != 0) {
    return std::string("mount: ") + std::strerror(errno);
  }
  return "";
}

int64_t free_bytes(const std::string& folder) {
  struct statvfs state {};
  SKIPCAST_CHECK(::statvfs(folder.c_str(), &state) == 0);
  return static_cast<int64_t>(state.f_bavail * state.f_frsize);
}

struct Tally {
  int64_t cycles = 0, made = 0, reopened = 0, appends = 0, states = 0;
};

class Cycles {
 public:
  Cycles(const std::string& folder, uint64_t seed, Tally& tally)
      : folder_(folder), random_(seed), tally_(tally), scene_(folder + "/a", kPlaces) {}

  // One cycle; what was wrong, or "".
  std::string run() {
    if (Status ready = prepare(); !ready.ok()) return "before: " + ready.message();
    leave_free(64 * kKiB + static_cast<int64_t>(random_() % (2 * kMiB)));
    if (std::string wrong = fill(); !wrong.empty()) return "filling: " + wrong;
    if (std::string wrong = go_on_full(); !wrong.empty()) return "when full: " + wrong;
    fs::remove(ballast_);
    const Status resumed = scene_.append_some(random_);
    if (!resumed.ok()) {
      return fmt::format("resuming ({}) {}", code_name(resumed.code()), resumed.message());
    }
    if (const Status status = scene_.set_tasks(random_); !status.ok()) return status.message();
    ++tally_.cycles;
    if (random_() % 4 != 0) return scene_.check_states(false);
    ++tally_.reopened;
    return scene_.recover(true);
  }

 private:
  Status prepare() {
    if (scene_.store() && kArchiveMax > 64 * kMiB - free_bytes(folder_)) return Status();
    scene_.close();
    fs::remove_all(scene_.path());
    scene_.ledger() = Ledger();
    ++tally_.made;
    SKIPCAST_TRY_OK(scene_.create());
    return scene_.append(100);
  }

  void leave_free(int64_t bytes) {
    const int64_t ballast = free_bytes(folder_) - bytes;
    std::ofstream(ballast_) << std::string(static_cast<size_t>(std::max<int64_t>(0, ballast)), 'x');
  }

  // Appends until the disk is full.
  std::string fill() {
    Status status;
    for (int64_t took = 0; status.ok(); ++tally_.appends) {
      const int64_t before = scene_.store()->size();
      status = scene_.append_some(random_);
      const int64_t states = scene_.store()->size() - before;
      took += states * kPlaces * 2 * static_cast<int64_t>(sizeof(float));
      tally_.states += states;
      if (took > 64 * kMiB) return "the disk took more than it can hold";
    }
    if (status.code() == Code::kNoSpace) return "";
    return fmt::format("({}) {}", code_name(status.code()), status.message());
  }

  std::string go_on_full() {
    if (std::string wrong = scene_.check_states(false); !wrong.empty()) return wrong;
    if (const Status status = scene_.follow(); !status.ok()) return status.message();
    const Status again = scene_.append_some(random_);  // opening anew may have gained some space
    if (!again.ok() && again.code() != Code::kNoSpace) {
      return fmt::format("appending again ({}) {}", code_name(again.code()), again.message());
    }
    return scene_.check_states(false);
  }

  const std::string folder_, ballast_ = folder_ + "/ballast";
  std::mt19937_64 random_;
  Tally& tally_;
  Scene scene_;
};

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments = parse_arguments(argc, argv, 5, {"swallow"});
  const auto began = std::chrono::steady_clock::now();
  const MemoryDir folder;
  if (const std::string refused = mount_small(folder.path()); !refused.empty()) {
    fmt::print("SKIPPED: this user may not mount a tmpfs ({})\n", refused);
    return kSkipped;
  }
  FaultDisk::reserve(true);
  if (!arguments.broken.empty()) {
    FaultDisk::instance().watch(folder.path(), break_named(arguments.broken));
  }
  Tally tally;
  std::string wrong;
  {
    Cycles cycles(folder.path(), arguments.seed, tally);
    while (tally.cycles < arguments.count && wrong.empty()) {
      const std::string again =
          fmt::format("disk_full --seed={} --count={}", arguments.seed, tally.cycles + 1);
      say_if_killed(again);
      wrong = cycles.run();
      if (!wrong.empty()) wrong += "\nagain: " + again;
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  fmt::print("{} cycles in {:.0f} s: {} archives made, {} reopened, {} appends of {} states\n",
             tally.cycles, took.count(), tally.made, tally.reopened, tally.appends, tally.states);
  FaultDisk::instance().unwatch();
  ::umount2(folder.path().c_str(), MNT_DETACH);
  return verdict(arguments, wrong);
}
