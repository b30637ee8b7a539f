// The words of starts, keys and alignments: today's, those of earlier versions, and no others.
#include "engine/forecast/start_table.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "engine/forecast/alignment.h"
#include "engine/keys/key_table.h"
#include "engine/settings/options_json.h"

using namespace skipcast;
using namespace skipcast::engine;

TEST_CASE("Names: a word of the table is the name, a word of an earlier version today's") {
  CHECK(start_from("analog").value() == StartKind::kAnalog);
  CHECK(start_from("shuffled").value() == StartKind::kMismatched);
  CHECK(word(start_from("shuffled").value()) == "mismatched");
  CHECK(key_from("learned").value() == KeyKind::kMetric);
  CHECK(word(key_from("metric").value()) == "metric");
  CHECK(alignment_from("half").value() == Alignment::kHalf);
}

TEST_CASE("Names: an unknown word is refused with the list") {
  const auto refusal = [](const Status& status) {
    CHECK(status.code() == Code::kUsage);
    return status.message();
  };
  CHECK(refusal(start_from("anlog").status()) ==
        "no start is called 'anlog'; there are cold, analog, mean, random, persist, mismatched, "
        "redi, previous");
  CHECK(refusal(key_from("").status()) ==
        "no key is called ''; there are context, forecast, mixed, metric");
  CHECK(refusal(alignment_from("Half").status()) ==
        "no alignment is called 'Half'; there are none, offset, residual, half");
  const std::string lengthy = "analog" + std::string(40, 'g');
  CHECK(refusal(start_from(lengthy).status()).find(lengthy) != std::string::npos);
  CHECK(refusal(check_names({.kind = StartKind("nowhere")})).find("nowhere") != std::string::npos);
  CHECK(refusal(check_names({.key = KeyKind("nothing")})).find("nothing") != std::string::npos);
  CHECK_FALSE(check_names({.alignment = Alignment("never")}).ok());
  CHECK(check_names({}).ok());
}

TEST_CASE("Names: settings of older files are read as today's") {
  ForecastOptions options;
  options.start = {.kind = StartKind::kMismatched, .key = KeyKind::kMetric};
  nlohmann::json object = options_json(options);
  object["start"] = "shuffled";
  object["key"] = "learned";
  const auto back = options_from_json(object);
  REQUIRE(back.ok());
  CHECK(back->start.kind == StartKind::kMismatched);
  CHECK(back->start.key == KeyKind::kMetric);
}

TEST_CASE("Names: blind starts and mismatched retrieval are controls, nothing else is") {
  std::string controls;
  for (const StartKind kind :
       {StartKind::kCold, StartKind::kAnalog, StartKind::kMean, StartKind::kRandom,
        StartKind::kPersist, StartKind::kMismatched, StartKind::kRedi, StartKind::kPrevious}) {
    if (is_control({.start = {.kind = kind}})) controls += std::string(kind.view()) + " ";
  }
  CHECK(controls == "random persist mismatched ");
  CHECK(is_control({.mismatched_retrieval = true}));
}

TEST_CASE("Names: starts know whether they have analogs, and whether a search finds them") {
  CHECK(is_retrieved(StartKind::kAnalog));
  CHECK(is_retrieved(StartKind::kMismatched));
  CHECK_FALSE(is_retrieved(StartKind::kRandom));
  CHECK(has_analogs(StartKind::kRandom));
  CHECK_FALSE(has_analogs(StartKind::kMean));
  CHECK_FALSE(has_analogs(StartKind("nowhere")));
}
