#include "tests/fault/workloads.h"

#include <filesystem>

namespace skipcast::tests {
namespace {

namespace fs = std::filesystem;

// Blocks of 512 KiB (2 variables at 1,024 places) fill RocksDB's memory, 5.3 MiB of a Scene's
// budget, twice: a third filling must wait until the first one is a file.
constexpr int64_t kLargeStates = 64, kLargeAppends = 24;

void must(const Status& status) { SKIPCAST_CHECK(status.ok()); }

void nothing(Scene&) {}

void make_small(Scene& scene) {
  must(scene.create());
  for (const int64_t states : {100, 20, 30}) must(scene.append(states));
  scene.close();
}

void make_empty(Scene& scene) {
  must(scene.create());
  scene.close();
}

// What a killed writer leaves: blocks in RocksDB's log alone, HEAD one block behind.
void make_killed(Scene& scene) {
  const std::string copy = scene.path() + ".killed";
  make_small(scene);
  must(scene.open());
  must(scene.append(70));
  must(scene.append(10));
  const std::string behind = copy + "/HEAD";
  fs::create_directory(copy);
  fs::copy_file(scene.path() + "/HEAD", behind);
  must(scene.append(5));
  fs::copy(scene.path(), copy, fs::copy_options::recursive | fs::copy_options::skip_existing);
  scene.close();
  fs::remove_all(scene.path());
  fs::rename(copy, scene.path());
}

Status append_all(Scene& scene, std::initializer_list<int64_t> blocks) {
  for (const int64_t states : blocks) SKIPCAST_TRY_OK(scene.append(states));
  return Status();
}

Status create_and_append(Scene& scene) {
  SKIPCAST_TRY_OK(scene.create());
  return append_all(scene, {100, 7});
}

// Stretches of 64 states that several blocks share are gathered into one row.
Status open_and_append(Scene& scene) {
  SKIPCAST_TRY_OK(scene.open());
  return append_all(scene, {10, 1, 40, 3, 64});
}

Status append_much(Scene& scene) {
  SKIPCAST_TRY_OK(scene.open());
  for (int64_t i = 0; i < kLargeAppends; ++i) SKIPCAST_TRY_OK(scene.append(kLargeStates));
  return Status();
}

Status change_tasks(Scene& scene) {
  SKIPCAST_TRY_OK(scene.open());
  std::mt19937_64 random(1);
  SKIPCAST_TRY_OK(scene.set_tasks(random));
  SKIPCAST_TRY_OK(scene.append(1));
  return scene.set_tasks(random);
}

Status follow_index(Scene& scene) {
  SKIPCAST_TRY_OK(scene.open());
  SKIPCAST_TRY_OK(scene.follow());
  SKIPCAST_TRY_OK(scene.append(70));
  return scene.follow();
}

Status recover_and_append(Scene& scene) {
  SKIPCAST_TRY_OK(scene.open());
  return scene.append(9);
}

}  // namespace

const std::vector<Workload>& workloads() {
  static const std::vector<Workload> table = {
      {"create", 4, nothing, create_and_append}, {"append", 4, make_small, open_and_append},
      {"large", 1024, make_empty, append_much},  {"tasks", 4, make_small, change_tasks},
      {"index", 4, make_small, follow_index},    {"recovery", 4, make_killed, recover_and_append},
  };
  return table;
}

}  // namespace skipcast::tests
