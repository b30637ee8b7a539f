// The front as a file: what is written is read back, blind controls marked.
#include "engine/tuning/front_file.h"

#include <doctest/doctest.h>

#include <fstream>

#include "tests/support/skip.h"

using namespace skipcast;
using engine::StartKind;
using engine::Trial;

TEST_CASE("Front file: every trial is a row, and the blind ones are marked") {
  std::vector<Trial> trials;
  for (const StartKind kind : {StartKind::kCold, StartKind::kAnalog, StartKind::kMean,
                               StartKind::kRandom, StartKind::kPersist}) {
    trials.push_back({.options = {.start = {.kind = kind}, .steps = 3}, .windows = 20, .nfe = 3});
  }
  trials.push_back(trials[1]);
  trials.back().options.mismatched_retrieval = true;
  trials[0].on_front = true;
  const tests::TempDir folder;
  const std::string path = folder.file("x.front.csv");
  std::ofstream(path) << engine::front_csv(trials, 16);
  const auto back = engine::read_front(path);
  REQUIRE_MESSAGE(back.ok(), back.status().message());
  REQUIRE(back->size() == 6);
  for (size_t i = 0; i < 6; ++i) {
    CHECK((*back)[i].control == (i >= 3));
    CHECK((*back)[i].on_front == (i == 0));
    CHECK((*back)[i].nfe == 3);
    CHECK((*back)[i].windows == 20);
  }
}
