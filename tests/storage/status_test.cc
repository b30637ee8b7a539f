// labels: unit
#include "storage/status.h"

#include <doctest/doctest.h>

#include <map>

using namespace skipcast;

// Scripts and --json readers rely on both: the word and the exit code of every failure.
TEST_CASE("Status: every code has its word and its exit code") {
  const std::map<Code, std::pair<std::string, int>> expected = {
      {Code::kOk, {"ok", 0}},
      {Code::kUsage, {"usage", 2}},
      {Code::kNotFound, {"not_found", 1}},
      {Code::kBadInput, {"bad_input", 1}},
      {Code::kRefused, {"refused", 1}},
      {Code::kDataLoss, {"data_loss", 1}},
      {Code::kNoSpace, {"no_space", 1}},
      {Code::kLocked, {"locked", 1}},
      {Code::kUnsupported, {"unsupported", 1}},
      {Code::kInterrupted, {"interrupted", 130}},
      {Code::kIo, {"io", 1}}};
  CHECK(expected.size() == static_cast<size_t>(Code::kIo) + 1);
  for (const auto& [code, words] : expected) {
    CHECK(code_name(code) == words.first);
    CHECK(exit_code(Status(code, "")) == words.second);
  }
}

TEST_CASE("Status: a result hands on its failure, and its value once") {
  const Result<int> failed = not_found("a.csv: no such file");
  CHECK_FALSE(failed.ok());
  CHECK(failed.status().code() == Code::kNotFound);
  CHECK(failed.status().message() == "a.csv: no such file");
  Result<std::string> held = std::string("text");
  CHECK(held.status().ok());
  CHECK(held->size() == 4);
  CHECK(*std::move(held) == "text");
}
