// skipcast transfer: a network on an archive whose places it has never seen.
#include <doctest/doctest.h>

#include <string>

#include "tests/support/refusal.h"
#include "tests/support/trained_city.h"

namespace skipcast::tests {
namespace {

// The tiny city's rows and recipe with two of its stations under other names.
std::string renamed(std::string text) {
  const std::pair<std::string, std::string> changes[] = {{"North", "Hill"}, {"South", "Valley"}};
  for (const auto& [old_name, new_name] : changes) {
    for (size_t at = text.find(old_name); at != std::string::npos; at = text.find(old_name)) {
      text.replace(at, old_name.size(), new_name);
    }
  }
  return text;
}

TEST_CASE("transfer: refused for learned embeddings; forecasts places never seen") {
  const TrainedCity city;
  const TinyCity& tiny = city.tiny;
  write_file(tiny.folder + "/town.csv", renamed(city_csv(city_rows(0, kCityStates))));
  write_file(tiny.folder + "/town.json", renamed(city_recipe()));
  const ProgramRun ingested =
      tiny.skipcast({"ingest", "town.skc", "--recipe", "town.json", "town.csv"});
  REQUIRE_MESSAGE(ingested.exit_code == 0, ingested.err);
  const auto transfer = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"transfer", "city.skc", "town.skc"});
    return tiny.skipcast(more);
  };
  CHECK(not_refused(transfer({"--task", "tiny-6"}), 1, {"--described-places"}) == "");
  CHECK(not_refused(transfer({"--task", "tiny-5"}), 1, {"tiny-6"}) == "");
  CHECK(not_refused(tiny.skipcast({"train", "city.skc", "--task", "tiny-6", "--finisher",
                                   "--described-places"}),
                    2, {"--described-places"}) == "");
  const ProgramRun trained = tiny.skipcast(
      {"train", "city.skc", "--task", "tiny-6", "--threads", "1", "--described-places"});
  REQUIRE_MESSAGE(trained.exit_code == 0, trained.err);
  const ProgramRun moved = transfer({"--task", "tiny-6"});
  REQUIRE_MESSAGE(moved.exit_code == 0, moved.err);
  CHECK(moved.out.find("3 places, 1 of them among those trained on") != std::string::npos);
  const ProgramRun listed = tiny.skipcast({"inspect", "town.skc"});
  CHECK(listed.out.find("places described") != std::string::npos);
  const ProgramRun made = tiny.skipcast({"forecast", "town.skc", "--task", "tiny-6"});
  CHECK_MESSAGE(made.exit_code == 0, made.err);
  CHECK(not_refused(transfer({"--task", "tiny-6"}), 1, {"--replace"}) == "");
  const ProgramRun again = transfer({"--task", "tiny-6", "--replace", "--json"});
  CHECK_MESSAGE(again.exit_code == 0, again.err);
  CHECK(again.out.find("\"places_trained_on\": 1") != std::string::npos);
}

}  // namespace
}  // namespace skipcast::tests
