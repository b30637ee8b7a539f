// labels: unit slow
// skipcast erase, compact, backup, restore and verify --salvage, as a user types them.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/refusal.h"
#include "tests/support/trained_city.h"

using namespace skipcast::tests;

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

ProgramRun run(const TrainedCity& city, const std::vector<std::string>& words) {
  return city.tiny.skipcast(words);
}

json answer(const ProgramRun& run) {
  REQUIRE_MESSAGE(run.exit_code == 0, run.err);
  return json::parse(run.out);
}

double missing_share(const TrainedCity& city, const std::string& archive) {
  const json report = answer(run(city, {"inspect", archive, "--json"}));
  return report.at("variables").at(0).at("missing_share").get<double>();
}

}  // namespace

TEST_CASE("Archive commands: backup, restore, erase, compact; forecasts stay possible") {
  const TrainedCity city;
  const std::vector<std::string> forecast = {"--members", "4",    "--entry-sigma",
                                             "3",         "--at", "2020-02-20T00"};
  REQUIRE(city.forecast(forecast).exit_code == 0);
  const json backup = answer(run(city, {"backup", "city.skc", "copy", "--json"}));
  CHECK(backup.at("states") == 1440);
  CHECK(not_refused(run(city, {"backup", "city.skc", "copy"}), 1, {"copy", "not empty"}) == "");

  const double before = missing_share(city, "city.skc");
  const json plan = answer(run(city, {"erase", "city.skc", "--from", "2020-01-03T00", "--to",
                                      "2020-01-09T23", "--place", "North", "--dry-run", "--json"}));
  CHECK(plan.at("states") == 7 * 24);
  CHECK(plan.at("places") == 1);
  CHECK(missing_share(city, "city.skc") == before);
  const ProgramRun erased = run(city, {"erase", "city.skc", "--from", "2020-01-03T00", "--to",
                                       "2020-01-09T23", "--place", "North"});
  REQUIRE_MESSAGE(erased.exit_code == 0, erased.err);
  CHECK(erased.out.find("168 states at 1 places") != std::string::npos);
  CHECK(missing_share(city, "city.skc") > before + 0.03);
  CHECK(run(city, {"verify", "city.skc"}).exit_code == 0);
  const ProgramRun after = city.forecast(forecast);
  CHECK_MESSAGE(after.exit_code == 0, after.err);

  const json compacted = answer(run(city, {"compact", "city.skc", "--json"}));
  CHECK(compacted.at("states") == 1440);
  CHECK(missing_share(city, "city.skc") > before + 0.03);
  CHECK(run(city, {"verify", "city.skc"}).exit_code == 0);
  CHECK(city.forecast(forecast).exit_code == 0);

  fs::rename(city.folder.file("city.skc"), city.folder.file("gone"));
  CHECK(answer(run(city, {"restore", "copy", "city.skc", "--json"})).at("states") == 1440);
  CHECK(missing_share(city, "city.skc") == before);
  CHECK(city.forecast(forecast).exit_code == 0);
}

TEST_CASE("Archive commands: what cannot be erased is said in one sentence") {
  const TempDir folder;
  const TinyCity tiny(folder.path());
  REQUIRE(tiny.ingest().exit_code == 0);
  const auto erase = [&](const std::string& from, const std::string& to, const std::string& place) {
    return tiny.skipcast({"erase", "city.skc", "--from", from, "--to", to, "--place", place});
  };
  CHECK(not_refused(erase("2020-01-03", "2020-01-02", "North"), 2, {"--to", "--from"}) == "");
  CHECK(not_refused(erase("2020-01-03", "2021-01-02", "North"), 1, {"1440 states"}) == "");
  CHECK(not_refused(erase("2020-01-03", "2020-01-04", "Nort"), 1, {"Nort", "Did you mean"}) == "");
  CHECK(not_refused(erase("2020-01-03T00:30", "2020-01-04", "North"), 1, {"00:30"}) == "");
  CHECK(not_refused(tiny.skipcast({"erase", "city.skc", "--from", "2020-01-03"}), 2, {"--to"}) ==
        "");
  CHECK(not_refused(tiny.skipcast({"compact", "nowhere.skc"}), 1, {"nowhere.skc"}) == "");
  CHECK(not_refused(tiny.skipcast({"backup", "nowhere.skc", "b"}), 1, {"nowhere.skc"}) == "");
}

TEST_CASE("Archive commands: salvage takes what is intact, with the model, and lists the rest") {
  const TrainedCity city;
  for (const auto& entry : fs::directory_iterator(city.folder.file("city.skc") + "/db")) {
    if (entry.path().extension() == ".log" && entry.file_size() > 0) {
      fs::resize_file(entry.path(), entry.file_size() / 2);
    }
  }
  fs::create_directories(city.folder.file("city.skc") + "/policies");
  write_file(city.folder.file("city.skc") + "/policies/mine.json", "{");
  CHECK(not_refused(run(city, {"verify", "city.skc"}), 1, {"damaged"}) == "");
  const json report = answer(run(city, {"verify", "city.skc", "--salvage", "new.skc", "--json"}));
  CHECK(report.at("states").get<int64_t>() < 1440);
  CHECK(report.at("lost").size() == 1);
  CHECK(report.at("kept").size() == 2);
  CHECK(report.at("left").size() == 1);
  CHECK(run(city, {"verify", "new.skc"}).exit_code == 0);
  const ProgramRun text = run(city, {"verify", "city.skc", "--salvage", "other.skc"});
  CHECK(text.exit_code == 0);
  CHECK(text.out.find("LOST      soot") != std::string::npos);
}
