// --help of the commands that make forecasts: everyday options first, then the others by group;
// words of earlier versions are still understood, and not shown.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/support/refusal.h"
#include "tests/support/skip.h"
#include "tests/support/tiny_city.h"

using namespace skipcast::tests;

namespace {

std::string help_of(const std::string& command) {
  const TempDir folder;
  const ProgramRun run = TinyCity(folder.path()).skipcast({command, "--help"});
  CHECK_MESSAGE(run.exit_code == 0, run.err);
  return run.out;
}

// Are these in the text, in this order?
bool in_order(const std::string& text, const std::vector<std::string>& parts) {
  size_t at = 0;
  for (const std::string& part : parts) {
    at = text.find(part, at);
    if (at == std::string::npos) return false;
    at += part.size();
  }
  return true;
}

}  // namespace

TEST_CASE("Help: a forecast's everyday options come first, the others by group") {
  const std::string text = help_of("forecast");
  CHECK(in_order(text, {"Everyday:",   "--task",
                        "--at",        "--policy",
                        "--start",     "--entry-sigma",
                        "--steps",     "--members",
                        "--seed",      "--out",
                        "--plot",      "Start:",
                        "--key",       "--added-noise",
                        "Depth:",      "--sigmas",
                        "Solver:",     "--exit-tolerance",
                        "Retrieval:",  "--mismatched-retrieval",
                        "--guidance",  "Output:",
                        "--inflation", "Compute:",
                        "--device"}));
  CHECK(text.find("--start-spread") == std::string::npos);
  CHECK(text.find("--shuffled-retrieval") == std::string::npos);
}

TEST_CASE("Help: evaluate, tune and compare show their everyday options first") {
  CHECK(in_order(help_of("evaluate"), {"Everyday:", "--starts", "--nfe", "--windows", "--members",
                                       "Start:", "Output:", "Compute:"}));
  CHECK(in_order(help_of("tune"), {"Everyday:", "--budget-minutes", "Compute:", "Plans try --start",
                                   "vary in", "--solver", "levels: --sigmas"}));
  CHECK(in_order(help_of("compare"), {"Everyday:", "--policies", "Compute:"}));
}

TEST_CASE("Help: a flag of an earlier version is the same knob, by the name it was given") {
  const TempDir folder;
  const TinyCity city(folder.path());
  const auto refused = [&city](std::vector<std::string> words, const char* part) {
    std::vector<std::string> all = {"forecast", "none.skc", "--task", "t", "--policy", "p"};
    all.insert(all.end(), words.begin(), words.end());
    return not_refused(city.skipcast(all), 2, {part});
  };
  CHECK(refused({"--start-spread", "0.5"}, "--policy and --start-spread") == "");
  CHECK(refused({"--added-noise", "0.5"}, "--policy and --added-noise") == "");
  CHECK(refused({"--shuffled-retrieval"}, "--shuffled-retrieval") == "");
}
