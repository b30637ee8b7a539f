// A tiny city with a trained model, for tests that run the program. Requires what it does.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/support/skip.h"
#include "tests/support/tiny_city.h"

namespace skipcast::tests {

struct TrainedCity {
  TrainedCity() : tiny(folder.path()) {
    const ProgramRun ingested = tiny.ingest();
    REQUIRE_MESSAGE(ingested.exit_code == 0, ingested.err);
    const ProgramRun trained = tiny.train();
    REQUIRE_MESSAGE(trained.exit_code == 0, trained.err);
  }

  // skipcast forecast city.skc --task tiny-6 <words>.
  ProgramRun forecast(std::vector<std::string> words) const {
    const std::vector<std::string> front = {"forecast", "city.skc", "--task", "tiny-6"};
    words.insert(words.begin(), front.begin(), front.end());
    return tiny.skipcast(words);
  }

  TempDir folder;
  TinyCity tiny;
};

}  // namespace skipcast::tests
