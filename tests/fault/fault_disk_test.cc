// labels: fault
// The fault disk itself: RocksDB's calls come by it, and a roll-back does what a journal says.
#include "tests/fault/fault_disk.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

#include "storage/files/file_io.h"
#include "tests/fault/scene.h"
#include "tests/support/programme.h"

using namespace skipcast;
using namespace skipcast::tests;

namespace {

std::string text_of(const std::string& path) { return *storage::read_file(path, 1 << 20); }

// A file of `synced` bytes 'a' on the watched disk, and then `more` bytes 'b' without a sync.
void write_some(const std::string& path, int64_t synced, int64_t more) {
  REQUIRE(storage::write_file_durably(path, std::string(synced, 'a')).ok());
  const storage::FileHandle file(::open(path.c_str(), O_WRONLY | O_APPEND));
  REQUIRE(::write(file.get(), std::string(more, 'b').data(), more) == more);
}

}  // namespace

TEST_CASE("FaultDisk: the calls of RocksDB and of our own code are counted") {
  const MemoryDir folder;
  FaultDisk& disk = FaultDisk::instance();
  disk.watch(folder.path());
  Scene scene(folder.path() + "/a");
  REQUIRE(scene.create().ok());
  const int64_t before = disk.bytes_written(".log");
  REQUIRE(scene.append(100).ok());
  CHECK(disk.bytes_written(".log") - before > 100 * 8 * 4);
  CHECK(disk.bytes_written("/HEAD") > 0);
  CHECK(disk.bytes_written(".tmp") > 0);  // CONFIG.json before it is renamed
  disk.inject({Fault::Kind::kNoSpace});
  CHECK(scene.append(1).code() == Code::kNoSpace);
  CHECK(disk.fired());
  scene.close();
  disk.unwatch();
}

TEST_CASE("FaultDisk: synced bytes survive a power cut, others in part, nothing else comes") {
  const MemoryDir folder;
  const std::string path = folder.path() + "/file";
  FaultDisk& disk = FaultDisk::instance();
  std::mt19937_64 random(3);
  int64_t shortest = 9000, longest = 0;
  for (int i = 0; i < 200; ++i) {
    disk.watch(folder.path());
    disk.cut_power_at(100);
    write_some(path, 5000, 4000);
    disk.roll_back(random, i % 2 == 0 ? Tear::kPrefix : Tear::kPages);
    disk.unwatch();
    const std::string text = text_of(path);
    REQUIRE(text.size() >= 5000);
    REQUIRE(text.substr(0, 5000) == std::string(5000, 'a'));
    REQUIRE(text.find_first_not_of(std::string("b\0", 2), 5000) == std::string::npos);
    shortest = std::min(shortest, static_cast<int64_t>(text.size()));
    longest = std::max(longest, static_cast<int64_t>(text.size()));
  }
  CHECK(shortest == 5000);
  CHECK(longest == 9000);
}

TEST_CASE("FaultDisk: names that no sync of their folder covers come and go") {
  const MemoryDir folder;
  const std::string old = folder.path() + "/old", fresh = folder.path() + "/new";
  FaultDisk& disk = FaultDisk::instance();
  std::mt19937_64 random(4);
  int renamed = 0, kept = 0;
  for (int i = 0; i < 100; ++i) {
    REQUIRE(storage::write_file_durably(old, "old").ok());
    REQUIRE(storage::write_file_durably(fresh, "replaced").ok());
    disk.watch(folder.path());
    disk.cut_power_at(100);
    REQUIRE(std::rename(old.c_str(), fresh.c_str()) == 0);
    disk.roll_back(random, Tear::kPrefix);
    disk.unwatch();
    const bool done = !std::filesystem::exists(old);
    REQUIRE(text_of(fresh) == (done ? "old" : "replaced"));
    ++(done ? renamed : kept);
  }
  CHECK(renamed > 10);
  CHECK(kept > 10);
}

TEST_CASE("FaultDisk: after the power cut every change fails, reads go on") {
  const MemoryDir folder;
  const std::string path = folder.path() + "/file";
  REQUIRE(storage::write_file_durably(path, "here").ok());
  FaultDisk& disk = FaultDisk::instance();
  disk.watch(folder.path());
  disk.cut_power_at(1);
  CHECK(storage::write_file_durably(path, "gone").code() == Code::kIo);
  CHECK(::unlink(path.c_str()) != 0);
  CHECK(text_of(path) == "here");
  disk.unwatch();
}
