// labels: unit slow
// skipcast verify: an intact archive is said to be so, and each damaged file is named.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/refusal.h"
#include "tests/support/trained_city.h"

using namespace skipcast::tests;

namespace {

namespace fs = std::filesystem;

// The only file of the folder with this ending.
std::string only_file(const std::string& folder, const std::string& ending) {
  std::string found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!entry.path().string().ends_with(ending)) continue;
    REQUIRE(found == "");
    found = entry.path().string();
  }
  REQUIRE(found != "");
  return found;
}

void change(const std::string& path, int64_t at, int mask) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(at);
  const char byte = static_cast<char>(file.get() ^ mask);
  file.seekp(at);
  file.put(byte);
}

// Another byte in the middle of a file; the old one comes back when the object dies.
class Damage {
 public:
  explicit Damage(const std::string& path) : path_(path) { flip(); }
  ~Damage() { flip(); }
  Damage(const Damage&) = delete;
  Damage& operator=(const Damage&) = delete;

 private:
  void flip() const { change(path_, static_cast<int64_t>(fs::file_size(path_)) / 2, 0x10); }

  std::string path_;
};

}  // namespace

TEST_CASE("Verify: intact archives, damaged files, no archive") {
  const TrainedCity city;
  const std::string archive = city.folder.file("city.skc");
  REQUIRE(city.forecast({"--entry-sigma", "3"}).exit_code == 0);  // makes the index
  const auto verify = [&] { return city.tiny.skipcast({"verify", "city.skc"}); };
  const ProgramRun intact = verify();
  CHECK(intact.exit_code == 0);
  CHECK(intact.out.find("intact    series: 1440 states") != std::string::npos);
  CHECK(intact.out.find("DAMAGED") == std::string::npos);

  const std::string index = only_file(archive + "/index", ".skx");
  const std::string weights = archive + "/models/tiny-6.safetensors";
  const std::string description = archive + "/models/tiny-6.json";
  for (const std::string& path : {index, weights, description}) {
    CAPTURE(path);
    CHECK(intact.out.find(fs::path(path).stem().string()) != std::string::npos);
    const Damage damage(path);
    const ProgramRun run = verify();
    CHECK(not_refused(run, 1, {"damaged", "city.skc"}) == "");
    CHECK(run.out.find("DAMAGED") != std::string::npos);
    CHECK(run.out.find(fs::path(path).stem().string()) != std::string::npos);
    CHECK(run.out.find("intact    series") != std::string::npos);
  }
  const ProgramRun deep = city.tiny.skipcast({"verify", "city.skc", "--deep"});
  CHECK_MESSAGE(deep.exit_code == 0, deep.out);
  CHECK(deep.out.find("windows made anew, all the same") != std::string::npos);
  {
    const Damage damage(archive + "/CONFIG.copy.json");
    CHECK(verify().out.find("DAMAGED   city.skc/CONFIG.copy.json") != std::string::npos);
  }
  {
    const Damage damage(archive + "/CONFIG.json");
    CHECK(not_refused(verify(), 1, {"damaged"}) == "");
  }
  {
    change(index, 8, 3);  // version 2 becomes 1: another version is no damage
    const ProgramRun old = verify();
    CHECK(old.exit_code == 0);
    CHECK(old.out.find("UNUSED    city.skc/index/") != std::string::npos);
    change(index, 8, 3);
  }
  fs::create_directories(archive + "/policies");
  write_file(archive + "/policies/mine.json", "{");
  const ProgramRun run = city.tiny.skipcast({"verify", "city.skc", "--json"});
  CHECK(run.exit_code == 1);
  const auto list = nlohmann::json::parse(run.out);
  CHECK(list.front()["part"] == "series");
  CHECK(list.front()["intact"] == true);
  CHECK(list.back()["intact"] == false);
  CHECK(list.back()["part"].get<std::string>().ends_with("mine.json"));
  CHECK(list.back()["remedy"] != "");
  CHECK_FALSE(list.back().contains("facts"));
  CHECK(not_refused(city.tiny.skipcast({"verify", "nowhere.skc"}), 1, {"nowhere.skc"}) == "");
}
