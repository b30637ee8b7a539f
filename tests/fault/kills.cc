// kill -9 at random moments: of making and opening, appends, task lists, the follower and its file.
//
// usage: kills [--seed=N] [--count=KILLS] [--break=acks]
// A child of this program opens the archive and appends, while a thread of it follows with an
// index and writes its file over and over; it tells what it does over a pipe and is killed
// 0..60 ms after it begins to open. Then this process opens the archive and checks it, all of it
// every hundredth time.
// A failing episode is printed as its command line, but time is not repeated by a seed.
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <thread>

#include "tests/fault/last_words.h"
#include "tests/fault/raw_calls.h"
#include "tests/fault/scene.h"
#include "tests/support/programme.h"

using namespace skipcast;
using namespace skipcast::tests;

namespace fs = std::filesystem;

namespace {

constexpr int64_t kStatesMax = 20'000;  // then a new archive
constexpr int64_t kBlockMax = 2'500;    // of Scene::append_some
constexpr int64_t kWholeEvery = 100;
constexpr int64_t kKillAfterUs = 60'000;
constexpr int kPipe = 3;

// What the child tells: a size that is acknowledged, or one of these.
constexpr int64_t kOpening = -1, kFollowing = -2, kFollowed = -3, kFailed = -4;

void tell(int64_t number) {
  if (raw::write(kPipe, &number, sizeof number) != sizeof number) ::_exit(3);
}

[[noreturn]] void fail(const Status& status) {
  fmt::print(stderr, "child: {}: {}\n", code_name(status.code()), status.message());
  tell(kFailed);
  ::_exit(1);
}

[[noreturn]] void follow_for_ever(Scene& scene) {
  for (;;) {
    tell(kFollowing);
    if (const Status status = scene.follow(); !status.ok()) fail(status);
    tell(kFollowed);
  }
}

// Never returns: it is killed. With `early` it tells of an append before it is made.
[[noreturn]] void be_child(const std::string& path, uint64_t seed, bool early) {
  std::mt19937_64 random(seed);
  Scene scene(path);
  tell(kOpening);
  const Status ready = fs::exists(path) ? scene.open() : scene.create();
  if (!ready.ok()) fail(ready);
  tell(scene.store()->size());
  std::thread follower(follow_for_ever, std::ref(scene));
  for (int64_t step = 0;; ++step) {
    if (early) tell(scene.store()->size() + 1);
    const Status status = step % 16 == 15 ? scene.set_tasks(random) : scene.append_some(random);
    if (!status.ok()) fail(status);
    tell(scene.store()->size());
  }
}

struct Child {
  pid_t pid = -1;
  int pipe = -1;
};

Child start_child(const std::string& path, uint64_t seed, bool early) {
  const std::string number = std::to_string(seed);
  const char* const words[] = {
      "kills", "--child", path.c_str(), number.c_str(), early ? "early" : "late", nullptr};
  int ends[2];
  SKIPCAST_CHECK(::pipe2(ends, O_CLOEXEC) == 0);
  const pid_t pid = ::fork();
  SKIPCAST_CHECK(pid >= 0);
  if (pid == 0) {
    ::dup2(ends[1], kPipe);
    if (ends[1] == kPipe) ::fcntl(kPipe, F_SETFD, 0);
    ::execv("/proc/self/exe", const_cast<char* const*>(words));
    ::_exit(126);
  }
  raw::close(ends[1]);
  return {pid, ends[0]};
}

struct Tally {
  int64_t kills = 0, making = 0, opening = 0, writing = 0, following = 0, saving = 0;
};

// The unfinished files and folders in this one.
std::string left_in(const std::string& folder) {
  std::string left;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename();
    const bool unfinished = name.ends_with(".tmp") || name.find(".making-") != std::string::npos;
    if (unfinished) left += " " + entry.path().string();
  }
  return left;
}

class Episode {
 public:
  Episode(uint64_t seed, const Arguments& arguments, Tally& tally)
      : random_(seed), arguments_(arguments), tally_(tally), scene_(folder_.path() + "/a") {}

  // Until the archive is large, at most `kills`; what was wrong, or "".
  std::string run(int64_t kills) {
    std::string wrong;
    for (int64_t kill = 0; kill < kills && wrong.empty(); ++kill) {
      wrong = kill_once();
      if (wrong.empty()) wrong = check();
      if (scene_.ledger().acknowledged > kStatesMax) break;
    }
    scene_.close();
    return wrong;
  }

 private:
  std::string kill_once() {
    const bool exists = fs::exists(scene_.path());
    const Child child = start_child(scene_.path(), random_(), arguments_.broken == "acks");
    int64_t told = 0, newest = kFailed - 1;
    SKIPCAST_CHECK(raw::read(child.pipe, &told, sizeof told) == sizeof told && told == kOpening);
    std::this_thread::sleep_for(std::chrono::microseconds(random_() % kKillAfterUs));
    ::kill(child.pid, SIGKILL);
    ::waitpid(child.pid, nullptr, 0);
    bool following = false, failed = false;
    Ledger& ledger = scene_.ledger();
    while (raw::read(child.pipe, &told, sizeof told) == sizeof told) {
      failed |= told == kFailed;
      following = told == kFollowing || (following && told != kFollowed);
      newest = std::max(newest, told);
    }
    raw::close(child.pipe);
    ledger.created |= newest >= 0;
    ledger.acknowledged = std::max(ledger.acknowledged, newest);
    ledger.attempted = ledger.acknowledged + kBlockMax;
    count_aloud(++tally_.kills, "kills");
    ++(newest >= 0 ? tally_.writing : exists ? tally_.opening : tally_.making);
    tally_.following += following;
    return failed ? "the child failed by itself" : "";
  }

  std::string check() {
    const bool saving = !left_in(scene_.path() + "/index").empty();
    tally_.saving += saving;
    scene_.ledger().tasks.clear();  // any that it set
    std::string wrong = scene_.recover(tally_.kills % kWholeEvery == 0);
    if (wrong.empty() && saving) wrong = scene_.follow().message();
    scene_.close();
    return wrong.empty() ? check_leftovers(saving) : wrong;
  }

  // Opening for writing removes what the child left half-made, opening the index its files.
  std::string check_leftovers(bool index_opened) const {
    std::string left = left_in(folder_.path()) + left_in(scene_.path());
    if (index_opened) left += left_in(scene_.path() + "/index");
    return left.empty() ? "" : "left behind:" + left;
  }

  std::mt19937_64 random_;
  const Arguments& arguments_;
  Tally& tally_;
  MemoryDir folder_;
  Scene scene_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc == 5 && std::string(argv[1]) == "--child") {
    be_child(argv[2], std::stoull(argv[3]), std::string(argv[4]) == "early");
  }
  const Arguments arguments = parse_arguments(argc, argv, 300, {"acks"});
  ::setenv("OMP_NUM_THREADS", "1", 1);  // the children's threads would wait for one another
  const auto began = std::chrono::steady_clock::now();
  Tally tally;
  std::string wrong;
  for (uint64_t seed = arguments.seed; tally.kills < arguments.count && wrong.empty(); ++seed) {
    const int64_t before = tally.kills;
    say_if_killed(fmt::format("kills --seed={}", seed));
    wrong = Episode(seed, arguments, tally).run(arguments.count - before);
    if (wrong.empty()) continue;
    wrong = fmt::format("{}\nagain: kills --seed={} --count={}", wrong, seed, tally.kills - before);
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  fmt::print(
      "{} kills in {:.0f} s: {} making, {} opening, {} writing the archive; {} while "
      "following, {} of them while writing the index's file\n",
      tally.kills, took.count(), tally.making, tally.opening, tally.writing, tally.following,
      tally.saving);
  return verdict(arguments, wrong);
}
