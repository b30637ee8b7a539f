// Damage: every byte of every file of an archive changed with three masks, every file cut at every
// length, deleted, exchanged for another and for an older copy of itself. Each must be found, with
// the file or archive named, or leave every answer as it was; nothing may crash.
//   --count=N: a random sample of N (0: all of them)
//   --workload=FILE: only this file of the archive, such as HEAD or db/000012.sst
//   --break=checksum: our checksums always fit (as if they were not looked at)
//   --break=receipt: HEAD acknowledges nothing (as if it were not looked at)
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <memory>
#include <random>

#include "retrieval/search/analog_index.h"
#include "storage/blocks/block_format.h"
#include "storage/blocks/head_receipt.h"
#include "storage/files/file_io.h"
#include "storage/series/archive_config.h"
#include "storage/upkeep/series_verify.h"
#include "tests/proof/broken_checksum.h"
#include "tests/support/plain_encoder.h"
#include "tests/support/programme.h"
#include "tests/support/series.h"

namespace skipcast::tests {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kStates = 150;
constexpr storage::WindowSpec kSpec{2, 1};
const storage::Erasure kErased{.first = 20, .states = 9, .places = {1}};

struct Damage {
  enum class Kind { kFlip, kCut, kDelete, kExchange, kOlder };
  Kind kind;
  int64_t at = 0;
  int mask = 0;
  std::string other;  // kExchange: the file whose bytes it gets
};

// What the forked processes tell the parent, in memory they share.
struct Tally {
  int64_t done, found, healed, harmless, undetected;
  char first[512];
};

std::vector<float> expected_values(const storage::Schema& schema) {
  storage::StateBlock block = block_of(schema, 0, kStates);
  storage::blank_erased({&kErased, 1}, 0, 3, 2, block.values);
  return block.values;
}

Result<std::unique_ptr<retrieval::AnalogIndex>> open_index(const storage::SeriesStore& store) {
  return retrieval::AnalogIndex::open(store, std::make_shared<PlainEncoder>(store, kSpec),
                                      {.spec = kSpec, .path = store.path() + "/index.skx"});
}

Result<std::vector<retrieval::Neighbour>> answers(const retrieval::AnalogIndex& index) {
  std::vector<retrieval::Neighbour> all;
  for (const int64_t query : {60, 110, 148}) {
    SKIPCAST_TRY(const auto found, index.search(query, {.spec = kSpec}, {.k = 5}));
    all.insert(all.end(), found.analogs.begin(), found.analogs.end());
  }
  return all;
}

// Data in SST files and in the log, an erasure, an index and the index before it. `old` gets a copy
// from before the last two appends.
Status make_archive(const std::string& path, const std::string& old) {
  {
    SKIPCAST_TRY(const auto store, storage::SeriesStore::create(path, small_schema(2, 3)));
    SKIPCAST_TRY_OK(store->append(block_of(store->schema(), 0, 80)).status());
    SKIPCAST_TRY_OK(store->erase(kErased));
    SKIPCAST_TRY_OK(open_index(*store).status());
  }
  fs::copy(path, old, fs::copy_options::recursive);
  SKIPCAST_TRY(const auto store, storage::SeriesStore::open(path, storage::OpenMode::kReadWrite));
  SKIPCAST_TRY_OK(store->append(block_of(store->schema(), 80, 69)).status());
  SKIPCAST_TRY_OK(store->append(block_of(store->schema(), 149, 1)).status());
  return open_index(*store).status();
}

void apply(const Damage& damage, const std::string& file, const std::string& older) {
  std::string bytes = *storage::read_file(file, 1 << 28);
  switch (damage.kind) {
    case Damage::Kind::kFlip:
      bytes[static_cast<size_t>(damage.at)] ^= damage.mask;
      break;
    case Damage::Kind::kCut:
      bytes.resize(static_cast<size_t>(damage.at));
      break;
    case Damage::Kind::kExchange:
      bytes = *storage::read_file(damage.other, 1 << 28);
      break;
    case Damage::Kind::kOlder:
      bytes = *storage::read_file(older, 1 << 28);
      break;
    case Damage::Kind::kDelete:
      fs::remove(file);
      return;
  }
  FILE* out = std::fopen(file.c_str(), "wb");
  std::fwrite(bytes.data(), 1, bytes.size(), out);
  std::fclose(out);
}

void ignore_receipt(const std::string& path) {
  const auto config = storage::read_config(path);
  if (!config.ok()) return;
  (void)storage::create_head(path, config->store_id, storage::chain_start(config->store_id));
}

// "found", "healed" (the index said why it was built anew, and the answers are right), "harmless",
// or what is wrong and was not found.
std::string outcome(const std::string& path) {
  const auto store = storage::SeriesStore::open(path, storage::OpenMode::kReadWrite);
  if (!store.ok()) {
    const bool named = store.status().message().find(path) != std::string::npos;
    return named ? "found" : "a message that names no file: " + store.status().message();
  }
  const storage::Schema expected_schema = small_schema(2, 3);
  if ((*store)->size() != kStates) return fmt::format("{} states", (*store)->size());
  if ((*store)->schema().title != expected_schema.title ||
      (*store)->schema().axis != expected_schema.axis ||
      (*store)->schema().variables[1].name != expected_schema.variables[1].name ||
      (*store)->schema().variables[1].units != expected_schema.variables[1].units) {
    return "another schema";
  }
  const std::vector<float> expected = expected_values(expected_schema);
  std::vector<float> got(expected.size());
  const Status read = (*store)->read(0, kStates, all_variables((*store)->schema()), got);
  if (!read.ok()) return "found";
  if (!std::equal(got.begin(), got.end(), expected.begin(), same)) return "other values";
  const auto index = open_index(**store);
  if (!index.ok()) return "no index: " + index.status().message();
  const auto found = answers(**index);
  if (!found.ok()) return "no answer: " + found.status().message();
  static const std::vector<retrieval::Neighbour> right = [&] {
    const auto made = retrieval::AnalogIndex::open(
        **store, std::make_shared<PlainEncoder>(**store, kSpec), {.spec = kSpec});
    return *answers(**made);
  }();
  if (*found != right) return "other analogs";
  const std::vector<std::string> notes = (*index)->notes();
  const bool healed = std::any_of(notes.begin(), notes.end(), [](const std::string& note) {
    return note.find("is not used") != std::string::npos;
  });
  return healed ? "healed" : "harmless";
}

class Programme {
 public:
  Programme(const Arguments& arguments, const MemoryDir& folder)
      : arguments_(arguments),
        folder_(folder),
        good_(folder.file("good")),
        old_(folder.file("old")) {
    void* memory =
        ::mmap(nullptr, sizeof(Tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    tally_ = new (memory) Tally{};
  }

  std::string run() {
    checksums_are_blind = arguments_.broken == "checksum";
    // RocksDB's threads do not live through a fork, so this process itself never opens an archive.
    const std::string made = in_child([&] { return make_archive(good_, old_).message(); });
    if (!made.empty()) return made;
    int64_t total = 0;
    for (const std::string& file : files()) total += static_cast<int64_t>(damages(file).size());
    share_ = arguments_.count == 0 ? 1 : static_cast<double>(arguments_.count) / total;
    fmt::print("damage: {} of {} damages, seed {}\n",
               arguments_.count == 0 ? total : std::min(arguments_.count, total), total,
               arguments_.seed);
    for (const std::string& file : files()) {
      if (!arguments_.workload.empty() && file != arguments_.workload) continue;
      const std::string wrong = attack(file);
      if (!wrong.empty() && complaint_.empty()) complaint_ = wrong;
      if (!complaint_.empty() && !arguments_.broken.empty()) break;
    }
    return complaint_;
  }

 private:
  // The files of the good archive, relative; RocksDB's own diary is not part of it.
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(good_)) {
      const std::string name = entry.path().filename();
      if (!entry.is_regular_file() || name.starts_with("LOG") || name == "LOCK") continue;
      names.push_back(fs::relative(entry.path(), good_));
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  std::vector<Damage> damages(const std::string& file) const {
    using Kind = Damage::Kind;
    std::vector<Damage> all = {{Kind::kDelete}};
    const auto size = static_cast<int64_t>(fs::file_size(good_ + "/" + file));
    for (int64_t at = 0; at < size; ++at) {
      for (const int mask : {0x01, 0x80, 0xff}) all.push_back({Kind::kFlip, at, mask});
      all.push_back({Kind::kCut, at});
    }
    for (const std::string& other : files()) {
      if (other != file) all.push_back({Kind::kExchange, 0, 0, good_ + "/" + other});
    }
    if (fs::exists(old_ + "/" + file)) all.push_back({Kind::kOlder});
    return all;
  }

  // A child does all damages to one file, so that a crash costs no more than that file's rest.
  std::string attack(const std::string& file) {
    *tally_ = {};
    const std::string ended = in_child([&] {
      std::mt19937_64 random(arguments_.seed + std::hash<std::string>()(file));
      for (const Damage& damage : damages(file)) {
        if (std::uniform_real_distribution<double>()(random) < share_) try_damage(file, damage);
      }
      return std::string();
    });
    fmt::print("{:<24}{:>7} done{:>7} found{:>7} healed{:>7} harmless{:>5} undetected\n", file,
               tally_->done, tally_->found, tally_->healed, tally_->harmless, tally_->undetected);
    std::fflush(stdout);
    before_ += tally_->done;
    if (!ended.empty()) return fmt::format("{}: {} after {}", file, ended, tally_->first);
    return tally_->undetected > 0 ? tally_->first : "";
  }

  void try_damage(const std::string& file, const Damage& damage) {
    const std::string path = folder_.file("bad");
    fs::remove_all(path);
    fs::copy(good_, path, fs::copy_options::recursive);
    apply(damage, path + "/" + file, old_ + "/" + file);
    if (arguments_.broken == "receipt") ignore_receipt(path);
    const std::string what =
        fmt::format("{} kind {} at {} mask {:#x} {}", file, static_cast<int>(damage.kind),
                    damage.at, damage.mask, damage.other);
    if (tally_->undetected == 0) remember(what);
    const std::string result = outcome(path);
    count_aloud(before_ + ++tally_->done, "damages");
    tally_->found += result == "found";
    tally_->healed += result == "healed";
    tally_->harmless += result == "harmless";
    if (result == "found" || result == "healed" || result == "harmless") return;
    if (tally_->undetected++ == 0) remember(what + ": " + result);
  }

  void remember(const std::string& what) {
    std::strncpy(tally_->first, what.c_str(), sizeof tally_->first - 1);
  }

  // "" when the child ended well; else its complaint, or the signal that ended it.
  template <typename Work>
  std::string in_child(const Work& work) {
    std::fflush(stdout);
    const pid_t child = ::fork();
    if (child == 0) {
      const std::string wrong = work();
      if (!wrong.empty()) fmt::print("{}\n", wrong);
      std::fflush(stdout);
      ::_exit(wrong.empty() ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) return fmt::format("signal {}", WTERMSIG(status));
    return WEXITSTATUS(status) == 0 ? "" : "the child failed";
  }

  const Arguments arguments_;
  const MemoryDir& folder_;
  const std::string good_, old_;
  Tally* tally_;
  int64_t before_ = 0;  // done to the files before
  double share_ = 1;
  std::string complaint_;
};

}  // namespace
}  // namespace skipcast::tests

int main(int argc, char** argv) {
  using namespace skipcast::tests;
  const Arguments arguments = parse_arguments(argc, argv, 2000, {"checksum", "receipt"});
  const MemoryDir folder;
  return verdict(arguments, Programme(arguments, folder).run());
}
