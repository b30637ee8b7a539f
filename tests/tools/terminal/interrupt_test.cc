// labels: unit slow
// Ctrl-C while the program works: exit code 130, a sentence that says how to go on, and --resume
// that ends where an undisturbed run ends.
#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "tests/support/refusal.h"
#include "tests/support/skip.h"
#include "tests/support/tiny_city.h"

using namespace skipcast::tests;

namespace {

constexpr int64_t kManyStates = 12000;

std::string text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Interrupts once the named job has reported a share of 10 % or more.
ProgramOptions interrupt_during(const std::string& job) {
  return {.interrupt_when = [job](const std::string& err) {
    const size_t at = err.find(job + "  ");
    return at != std::string::npos && err.find(" %", at) != std::string::npos &&
           err.find(job, at + 1) != std::string::npos;
  }};
}

}  // namespace

TEST_CASE("Interrupt: an ingest stopped by Ctrl-C goes on with --resume and ends the same") {
  const TempDir folder;
  const TinyCity tiny(folder.path());
  write_file(folder.file("city.csv"), city_csv(city_rows(0, kManyStates)));
  const std::vector<std::string> words = {"ingest",   "city.skc",    "--block-states", "40",
                                          "--recipe", "recipe.json", "city.csv"};
  const ProgramRun stopped = tiny.skipcast(words, interrupt_during("ingest"));
  REQUIRE(not_refused(stopped, 130, {"--resume"}) == "");
  const int64_t kept = stored_states(tiny);
  CHECK(kept > 0);
  CHECK(kept < kManyStates);

  std::vector<std::string> again = words;
  again.push_back("--resume");
  const ProgramRun resumed = tiny.skipcast(again);
  REQUIRE_MESSAGE(resumed.exit_code == 0, resumed.err);
  CHECK(stored_states(tiny) == kManyStates);

  const TempDir whole_folder;
  const TinyCity whole(whole_folder.path());
  write_file(whole_folder.file("city.csv"), city_csv(city_rows(0, kManyStates)));
  REQUIRE(whole.skipcast(words).exit_code == 0);
  const auto facts = [](const TinyCity& city) {
    return nlohmann::json::parse(city.skipcast({"inspect", "city.skc", "--json"}).out)
        .at("variables");
  };
  CHECK(facts(tiny) == facts(whole));
}

TEST_CASE("Interrupt: a training stopped by Ctrl-C goes on to the same bits") {
  const TempDir folder, whole_folder;
  const TinyCity tiny(folder.path()), whole(whole_folder.path());
  REQUIRE(tiny.ingest().exit_code == 0);
  const auto check = [&](const std::string& verb, const std::string& job, const char* file) {
    const std::vector<std::string> words = {verb,        "city.skc", "--task",  "tiny-6",
                                            "--threads", "1",        "--steps", "600"};
    const ProgramRun copied =
        run_program({"cp", "-rT", folder.file("city.skc"), whole_folder.file("city.skc")});
    REQUIRE(copied.exit_code == 0);  // the same archive: models carry its id
    const ProgramRun stopped = tiny.skipcast(words, interrupt_during(job));
    REQUIRE(not_refused(stopped, 130, {"run again with --resume", "checkpoint"}) == "");

    std::vector<std::string> again = words;
    again.push_back("--resume");
    const ProgramRun resumed = tiny.skipcast(again);
    REQUIRE_MESSAGE(resumed.exit_code == 0, resumed.err);
    REQUIRE(whole.skipcast(words).exit_code == 0);
    CHECK(text_of(folder.path() + file) == text_of(whole_folder.path() + file));
  };
  check("train", "train", "/city.skc/models/tiny-6.safetensors");
  check("distill", "one-step", "/city.skc/models/tiny-6.one-step.safetensors");
}
