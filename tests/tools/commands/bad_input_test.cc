// labels: unit slow
// Foreign files that cannot be taken: exit code, one sentence with file and position, and an
// archive that is as it was. The readers' own tests go deeper; here it is what a user sees.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/refusal.h"
#include "tests/support/skip.h"
#include "tests/support/tiny_city.h"

using namespace skipcast::tests;

namespace {

// A city that is ingested, and a second file to be appended or not.
struct City {
  City() : tiny(folder.path()) {
    const ProgramRun run = tiny.ingest();
    REQUIRE_MESSAGE(run.exit_code == 0, run.err);
  }
  ProgramRun append(const std::string& csv) const {
    write_file(folder.file("more.csv"), csv);
    return tiny.skipcast({"ingest", "city.skc", "--append", "--recipe", "recipe.json", "more.csv"});
  }
  int64_t states() const { return stored_states(tiny); }

  TempDir folder;
  TinyCity tiny;
};

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

// Ingests `csv` into a new archive and expects a refusal that leaves no states behind.
std::string refusal_of_new(const std::string& csv, const std::vector<std::string>& words) {
  const TempDir folder;
  const TinyCity tiny(folder.path());
  write_file(folder.file("city.csv"), csv);
  return not_refused(tiny.ingest(), 1, words);
}

std::string good() { return city_csv(city_rows(0, 100)); }

}  // namespace

TEST_CASE("Bad input: a missing file is named") {
  const TempDir folder;
  const TinyCity tiny(folder.path());
  CHECK(not_refused(tiny.skipcast({"ingest", "a.skc", "--recipe", "recipe.json", "absent.csv"}), 1,
                    {"absent.csv"}) == "");
  CHECK(not_refused(tiny.skipcast({"ingest", "a.skc", "--recipe", "absent.json", "city.csv"}), 1,
                    {"absent.json"}) == "");
  CHECK_FALSE(std::filesystem::exists(folder.file("a.skc")));
}

TEST_CASE("Bad input: a truncated gzip file is refused, not half read") {
  const TempDir folder;
  const TinyCity tiny(folder.path());
  if (run_program({"gzip", folder.file("city.csv")}).exit_code != 0) return skip("no gzip here");
  const std::string packed = folder.file("city.csv.gz");
  std::filesystem::resize_file(packed, std::filesystem::file_size(packed) / 2);
  const ProgramRun run =
      tiny.skipcast({"ingest", "city.skc", "--recipe", "recipe.json", "city.csv.gz"});
  CHECK(not_refused(run, 1, {"city.csv.gz"}) == "");
}

TEST_CASE("Bad input: an unknown variable is named") {
  const TempDir folder;
  const TinyCity tiny(folder.path());
  write_file(folder.file("recipe.json"), replaced(city_recipe(), "\"soot\"", "\"smoke\""));
  CHECK(not_refused(tiny.ingest(), 1, {"smoke"}) == "");
}

TEST_CASE("Bad input: an unparsable number is told by line and column") {
  CHECK(refusal_of_new(replaced(good(), "02:00:00Z,North,", "02:00:00Z,North,twelve"),
                       {"city.csv", "8", "soot"}) == "");
}

TEST_CASE("Bad input: time going backwards, twice, and off the grid") {
  const std::string backwards = city_csv(city_rows(0, 20) + city_rows(3, 1));
  CHECK(refusal_of_new(backwards, {"city.csv", "2020-01-01T03:00:00Z"}) == "");
  const std::string twice = city_csv(city_rows(0, 20) + city_rows(19, 1));
  CHECK(refusal_of_new(twice, {"city.csv"}) == "");
  const std::string off = replaced(good(), "T05:00:00Z,North", "T05:20:00Z,North");
  CHECK(refusal_of_new(off, {"city.csv", "05:20"}) == "");
}

TEST_CASE("Bad input: a gap longer than the recipe allows") {
  const std::string gap = city_csv(city_rows(0, 50) + city_rows(200, 50));
  CHECK(refusal_of_new(gap, {"city.csv", "gap"}) == "");
}

TEST_CASE("Bad input: a variable without a single value") {
  std::string csv = "time,station,soot\n";
  for (const char* station : kCityStations) {
    csv += std::string("2020-01-01T00:00,") + station + ",NA\n";
  }
  for (const char* station : kCityStations) {
    csv += std::string("2020-01-01T01:00,") + station + ",NA\n";
  }
  CHECK(refusal_of_new(csv, {"soot"}) == "");
}

TEST_CASE("Bad input: broken and unknown recipe keys") {
  const TempDir folder;
  const TinyCity tiny(folder.path());
  write_file(folder.file("recipe.json"), replaced(city_recipe(), "\"layout\"", "\"layuot\""));
  CHECK(not_refused(tiny.ingest(), 1, {"recipe.json", "layuot"}) == "");
  write_file(folder.file("recipe.json"), "{\"title\": ");
  CHECK(not_refused(tiny.ingest(), 1, {"recipe.json"}) == "");
}

TEST_CASE("Bad input: NaN in an adjacency") {
  const TempDir folder;
  const TinyCity tiny(folder.path());
  write_file(folder.file("recipe.json"),
             replaced(city_recipe(), "\"gap_states_max\"",
                      "\"adjacency\": {\"file\": \"adj.csv\"}, \"gap_states_max\""));
  write_file(folder.file("adj.csv"), "0,1,0\n1,nan,1\n0,1,0\n");
  CHECK(not_refused(tiny.ingest(), 1, {"adj"}) == "");
}

TEST_CASE("Bad input: appending what overlaps, identical and different") {
  const City city;
  const int64_t before = city.states();
  const ProgramRun same = city.append(city_csv(city_rows(kCityStates - 10, 10)));
  CHECK(same.exit_code == 0);
  CHECK(same.out.find("10 states that were there already, identical") != std::string::npos);
  std::string rows = city_rows(kCityStates - 10, 10);
  rows.replace(rows.rfind(',') + 1, std::string::npos, "999\n");
  CHECK(not_refused(city.append(city_csv(rows)), 1, {"soot", "Harbour"}) == "");
  CHECK(city.states() == before);
}

TEST_CASE("Bad input: appending other places or units") {
  const City city;
  const int64_t before = city.states();
  std::string rows = city_rows(kCityStates, 5);
  CHECK(not_refused(city.append(city_csv(replaced(rows, "Harbour", "Airport"))), 1, {"Airport"}) ==
        "");
  write_file(city.folder.file("recipe.json"), replaced(city_recipe(), "ug m-3", "mg m-3"));
  CHECK(not_refused(city.append(city_csv(rows)), 1, {"soot", "ug m-3", "mg m-3"}) == "");
  CHECK(city.states() == before);
}

TEST_CASE("Bad input: an archive that is there is not written over") {
  const City city;
  const int64_t before = city.states();
  CHECK(not_refused(city.tiny.ingest(), 1, {"city.skc", "--append"}) == "");
  CHECK(city.states() == before);
}

TEST_CASE("Bad input: a dry run writes nothing") {
  const TempDir folder;
  const TinyCity tiny(folder.path());
  const ProgramRun run =
      tiny.skipcast({"ingest", "city.skc", "--dry-run", "--recipe", "recipe.json", "city.csv"});
  CHECK(run.exit_code == 0);
  CHECK(run.out.find("nothing was written") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(folder.file("city.skc")));
}
