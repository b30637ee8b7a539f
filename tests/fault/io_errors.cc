// An I/O error at every call: the right status, nothing acknowledged lost, and on it goes.
//
// usage: io_errors [--workload=NAME[:FAULT[:once|sticky[:N]]]] [--count=N] [--break=swallow|...]
// For every workload, every kind of fault, once and from then on: the fault comes at the first
// call that it can hit, then at the second, ... until a run has none left (or N of --count).
// A failing point is printed as its command line.
#include <fmt/format.h>

#include <chrono>
#include <filesystem>

#include "tests/fault/fault_disk.h"
#include "tests/fault/last_words.h"
#include "tests/fault/workloads.h"
#include "tests/support/programme.h"

using namespace skipcast;
using namespace skipcast::tests;

namespace fs = std::filesystem;

namespace {

struct FaultName {
  Fault::Kind kind;
  const char* name;
};
constexpr FaultName kFaults[] = {{Fault::Kind::kIoError, "io_error"},
                                 {Fault::Kind::kNoSpace, "no_space"},
                                 {Fault::Kind::kShortWrite, "short_write"},
                                 {Fault::Kind::kInterrupted, "interrupted"}};

struct Tally {
  int64_t points = 0, refused = 0;
};

// One workload, prepared once, run again and again from the same archive.
class Bench {
 public:
  Bench(const Workload& workload, Break broken, Tally& tally)
      : workload_(workload), broken_(broken), tally_(tally) {
    fs::create_directory(trial_);
    Scene scene(image_ + "/a", workload.places);
    fs::create_directory(image_);
    workload.prepare(scene);
    ledger_ = scene.ledger();
  }

  // What was wrong, or "". `fired`: the fault came.
  std::string run(const Fault& fault, bool& fired) {
    fs::remove_all(trial_);
    fs::copy(image_, trial_, fs::copy_options::recursive);
    Scene scene(trial_ + "/a", workload_.places);
    scene.ledger() = ledger_;
    FaultDisk& disk = FaultDisk::instance();
    disk.watch(trial_, broken_);
    disk.inject(fault);
    const Status status = workload_.work(scene);
    fired = disk.fired();
    if (!fired) disk.heal();
    std::string wrong = check_status(fault, status);
    if (wrong.empty()) wrong = check_reads(scene, fault);
    if (wrong.empty() && fault.sticky && fired) wrong = try_again(scene, fault);
    disk.heal();
    if (wrong.empty() && !fault.sticky) wrong = check_leftovers();
    if (wrong.empty()) wrong = go_on(scene);
    if (wrong.empty()) wrong = scene.recover(true);
    scene.close();
    disk.unwatch();
    count_aloud(++tally_.points, "points");
    tally_.refused += !status.ok();
    return wrong;
  }

 private:
  static std::string check_status(const Fault& fault, const Status& status) {
    if (status.ok()) return "";
    const std::string said = fmt::format("{}: {}", code_name(status.code()), status.message());
    if (!FaultDisk::instance().fired()) return "without a fault " + said;
    if (fault.kind == Fault::Kind::kShortWrite) return "a short write is no failure, but " + said;
    const Code expected = fault.kind == Fault::Kind::kNoSpace ? Code::kNoSpace : Code::kIo;
    return status.code() == expected ? "" : "the wrong status " + said;
  }

  // In the same process; a fault that reads may meet, too, may be told by them.
  static std::string check_reads(Scene& scene, const Fault& fault) {
    if (!scene.store()) return "";
    const bool may_fail = fault.sticky && (fault.kind == Fault::Kind::kIoError ||
                                           fault.kind == Fault::Kind::kInterrupted);
    if (!may_fail) return scene.check_states(false);
    std::vector<float> values(static_cast<size_t>(scene.store()->schema().state_values()));
    const std::vector<int32_t> variables{0, 1};
    for (int64_t state = 0; state < scene.ledger().acknowledged; state += 50) {
      const Status read = scene.store()->read(state, 1, variables, values);
      if (read.ok() || read.code() == Code::kIo) continue;
      return fmt::format("reading ({}) {}", code_name(read.code()), read.message());
    }
    return "";
  }

  // While the fault lasts an append fails again, or is done; and the archive can still be read.
  static std::string try_again(Scene& scene, const Fault& fault) {
    if (!scene.store()) return "";
    const std::string wrong = check_status(fault, scene.append(1));
    return wrong.empty() ? check_reads(scene, fault) : "again: " + wrong;
  }

  // A failed create() leaves nothing behind that it could have removed.
  std::string check_leftovers() const {
    for (const auto& entry : fs::directory_iterator(trial_)) {
      if (entry.path().filename() != "a") return entry.path().string() + " was left behind";
    }
    return "";
  }

  // The fault is gone: reads work again, then an append, without opening the archive anew.
  static std::string go_on(Scene& scene) {
    if (!scene.store()) return "";
    if (std::string wrong = scene.check_states(false); !wrong.empty()) return "healed: " + wrong;
    const Status status = scene.append(2);
    if (status.ok()) return scene.check_states(false);
    return fmt::format("healed: appending ({}) {}", code_name(status.code()), status.message());
  }

  const Workload& workload_;
  const Break broken_;
  Tally& tally_;
  MemoryDir folder_;
  const std::string image_ = folder_.path() + "/image", trial_ = folder_.path() + "/trial";
  Ledger ledger_;
};

// The words of --workload=NAME:FAULT:once:N, those left out empty.
std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words(4);
  size_t word = 0;
  for (const char c : text) {
    if (c == ':' && word + 1 < words.size()) {
      ++word;
    } else {
      words[word] += c;
    }
  }
  return words;
}

// Every n from `words` or 1 on; what was wrong, or "".
std::string run_all(Bench& bench, Fault fault, const std::vector<std::string>& words,
                    int64_t count) {
  const bool one = !words[3].empty();
  const int64_t first = one ? std::stoll(words[3]) : 1;
  bool fired = true;
  for (fault.at = first; fired && fault.at < first + (one ? 1 : count); ++fault.at) {
    const std::string again =
        fmt::format("io_errors --workload={}:{}:{}:{}", words[0], words[1], words[2], fault.at);
    say_if_killed(again);
    const std::string wrong = bench.run(fault, fired);
    if (!wrong.empty()) return wrong + "\nagain: " + again;
  }
  return "";
}

std::string run_workload(const Workload& workload, const Arguments& arguments, Tally& tally) {
  const std::vector<std::string> words = words_of(arguments.workload);
  Bench bench(workload, break_named(arguments.broken), tally);
  std::string wrong;
  for (const FaultName& fault : kFaults) {
    if (!words[1].empty() && words[1] != fault.name) continue;
    for (const bool sticky : {false, true}) {
      const std::string how = sticky ? "sticky" : "once";
      if (!wrong.empty() || (!words[2].empty() && words[2] != how)) continue;
      const Tally before = tally;
      wrong = run_all(bench, {fault.kind, 1, sticky}, {workload.name, fault.name, how, words[3]},
                      arguments.count);
      fmt::print("{:9} {:12} {:7} {:5} points, {:5} told of the fault\n", workload.name, fault.name,
                 how, tally.points - before.points, tally.refused - before.refused);
      std::fflush(stdout);
    }
  }
  return wrong;
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments =
      parse_arguments(argc, argv, int64_t{1} << 30, {"swallow", "wrong_error"});
  const auto began = std::chrono::steady_clock::now();
  Tally tally;
  std::string wrong;
  for (const Workload& workload : workloads()) {
    const std::string name = words_of(arguments.workload)[0];
    if (!wrong.empty() || (!name.empty() && name != workload.name)) continue;
    wrong = run_workload(workload, arguments, tally);
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  fmt::print("{} points in {:.0f} s, {} told of the fault\n", tally.points, took.count(),
             tally.refused);
  return verdict(arguments, wrong);
}
