// labels: unit slow
// `skipcast report`: one page that stands alone, whatever the names hold and whatever is missing.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/storage/readers/netcdf_writer.h"
#include "tests/support/markup.h"
#include "tests/support/refusal.h"
#include "tests/support/report_city.h"

using namespace skipcast::tests;

namespace {

namespace fs = std::filesystem;

constexpr size_t kPageBytesMax = 3'000'000;

// Made once for this file.
const ReportCity& city() {
  static const ReportCity made;
  return made;
}

bool holds(const std::string& page, const std::string& text) {
  return page.find(text) != std::string::npos;
}

// The words of a report of the city that must be refused.
ProgramRun report(std::vector<std::string> words) {
  const std::vector<std::string> front = {"report", "city.skc"};
  words.insert(words.begin(), front.begin(), front.end());
  return city().tiny.skipcast(words);
}

constexpr const char* kGridRecipe = R"({"title": "Small grid", "format": "netcdf",
 "files": ["grid.nc"],
 "variables": [{"name": "air", "units": "K"}, {"name": "wind", "units": "m s-1"}],
 "tasks": [{"name": "grid-3", "variables": ["air", "wind"], "context_states": 4,
   "future_states": 3, "calendar": ["hour_of_day"],
   "network": {"kind": "grid", "width": 8, "context_blocks": 1, "blocks": 1},
   "training": {"minutes": 0, "steps_max": 10, "batch": 4, "warmup_steps": 2,
                "validation_windows": 4, "validations": 1}}]})";

// Two variables every six hours on 4 x 6 cells: waves that travel.
void write_grid(const std::string& path) {
  constexpr int kStates = 240, kRows = 4, kColumns = 6;
  NcWriter file(path);
  const std::vector<int> dims = {file.dim("time", kStates), file.dim("lat", kRows),
                                 file.dim("lon", kColumns)};
  const int time = file.var("time", NC_DOUBLE, {dims[0]});
  file.text(time, "units", "hours since 2020-01-01 00:00:00");
  const int lat = file.var("lat", NC_DOUBLE, {dims[1]});
  file.text(lat, "units", "degrees_north");
  const int lon = file.var("lon", NC_DOUBLE, {dims[2]});
  file.text(lon, "units", "degrees_east");
  const int fields[] = {file.var("air", NC_FLOAT, dims), file.var("wind", NC_FLOAT, dims)};
  file.text(fields[0], "units", "K");
  file.text(fields[1], "units", "m s-1");
  std::vector<double> hours, air, wind;
  for (int t = 0; t < kStates; ++t) {
    hours.push_back(6 * t);
    for (int cell = 0; cell < kRows * kColumns; ++cell) {
      air.push_back(280 + 5 * std::sin(0.4 * t + cell) + std::cos(0.17 * t * cell));
      wind.push_back(4 + 2 * std::cos(0.3 * t - cell) + std::sin(0.23 * t * cell));
    }
  }
  file.put(time, hours);
  file.put(lat, {10, 20, 30, 40});
  file.put(lon, {200, 210, 220, 230, 240, 250});
  file.put(fields[0], air);
  file.put(fields[1], wind);
  file.close();
}

}  // namespace

TEST_CASE("Report: one small page, well formed, that fetches nothing") {
  const std::string page = city().page("report.html");
  CHECK(page.size() > 10'000);
  CHECK(page.size() < kPageBytesMax);
  CHECK(malformed(page) == "");
  CHECK(fetched(page) == "");
  CHECK_FALSE(fs::exists(city().folder.file("report.html.tmp")));
}

TEST_CASE("Report: every section is there, with cold starts at equal NFE beside policies") {
  const std::string page = city().page("report.html");
  for (const char* id : {"scores", "forecast", "retrieval", "chain", "calibration", "front",
                         "worst", "coverage", "provenance"}) {
    CHECK_MESSAGE(holds(page, "<section id=\"" + std::string(id) + "\">"), id);
    CHECK_MESSAGE(holds(page, "href=\"#" + std::string(id) + "\""), id);
  }
  for (const char* word :
       {"policy tiny-6", "cold start, 35 NFE", "cold start, 1 NFE", "baseline: persistence",
        "Fan chart by place", "Map by lead time", "Rank histograms", "Spread against error",
        "Entered mid-chain", "test part", "ug m-3", "fingerprint"}) {
    CHECK_MESSAGE(holds(page, word), word);
  }
  CHECK_FALSE(holds(page, ">nan<"));
  CHECK_FALSE(holds(page, "inf<"));
}

TEST_CASE("Report: names and titles from data are text, never markup") {
  const std::string page = city().page("report.html");
  CHECK_FALSE(holds(page, kAwkwardPlace));
  CHECK_FALSE(holds(page, "</script><i>"));
  CHECK(holds(page, "&lt;b&gt;&amp;&#39;Bay"));
  CHECK(holds(page, "Tiny &lt;/script&gt;&lt;i&gt; &amp; city"));
  CHECK(holds(page, "\\u003cb>&'Bay"));  // in the map's JSON
}

TEST_CASE("Report: --json tells what was written") {
  const auto value = nlohmann::json::parse(city().reported.out);
  CHECK(value.at("out") == "report.html");
  CHECK(value.at("bytes") == city().page("report.html").size());
  CHECK(value.at("task") == "tiny-6");
  CHECK(value.at("part") == "test");
  CHECK(value.at("windows") == 12);
  CHECK(value.at("sections").size() == 9);
  for (const auto& section : value.at("sections")) {
    CHECK_MESSAGE(section.at("shown").get<bool>(), section.dump());
  }
  CHECK(value.at("systems").at(0).at("nfe") == 35);
  CHECK(value.at("systems").at(0).at("crps_low") < value.at("systems").at(0).at("crps_high"));
}

TEST_CASE("Report: the query can be named, policies chosen, and numbers repeat") {
  const std::vector<std::string> words = {
      "report",        "city.skc",   "--out",       "",          "--at",
      "2020-02-25T12", "--policies", "tiny-6-nfe1", "--windows", "4",
      "--members",     "3",          "--threads",   "1",         "--json"};
  const auto systems = [&](const std::string& out) {
    std::vector<std::string> these = words;
    these[3] = out;
    auto value = nlohmann::json::parse(city().run(these).out);
    for (auto& system : value["systems"]) system.erase("seconds_per_query");
    return value["systems"];
  };
  const auto first = systems("at.html");
  CHECK(first == systems("again.html"));
  CHECK(first.at(1).at("name") == "policy tiny-6-nfe1");
  const std::string page = city().page("at.html");
  CHECK(holds(page, "Init time 2020-02-25 12:00: the init time asked for"));
  CHECK(malformed(page) == "");
}

TEST_CASE("Report: without a model the data are shown, and which command trains") {
  const AwkwardCity bare;
  for (const std::vector<std::string>& more :
       {std::vector<std::string>{}, std::vector<std::string>{"--task", "tiny-6"}}) {
    std::vector<std::string> words = {"report", "city.skc", "--out", "bare.html"};
    words.insert(words.end(), more.begin(), more.end());
    const ProgramRun run = bare.run(words);
    CHECK(holds(run.out, "skipcast train city.skc"));
    const std::string page = bare.page("bare.html");
    CHECK(malformed(page) == "");
    CHECK(holds(page, "skipcast train city.skc"));
    CHECK(holds(page, "<section id=\"coverage\">"));
    CHECK_FALSE(holds(page, "<section id=\"scores\">"));
  }
  CHECK(not_refused(
            bare.tiny.skipcast({"report", "city.skc", "--out", "b.html", "--at", "2020-02-25"}), 2,
            {"--at", "trained"}) == "");
}

TEST_CASE("Report: without a policy an untuned start is shown, and which command tunes") {
  const AwkwardCity untuned;
  untuned.run({"train", "city.skc", "--task", "tiny-6", "--threads", "1"});
  untuned.run({"report", "city.skc", "--out", "r.html", "--windows", "3", "--members", "3"});
  const std::string page = untuned.page("r.html");
  CHECK(malformed(page) == "");
  CHECK(holds(page, "untuned analog start"));
  CHECK(holds(page, "skipcast tune city.skc --task tiny-6"));
  CHECK(holds(page, "cold start, 4 NFE"));
}

TEST_CASE("Report: policies that cannot be used are not a wall of words") {
  const AwkwardCity city;
  city.run({"train", "city.skc", "--task", "tiny-6", "--threads", "1"});
  fs::create_directory(city.folder.file("city.skc/policies"));
  for (const char* name : {"a", "b", "c", "d"}) {
    write_file(city.folder.file("city.skc/policies/") + name + ".json", "{}");
  }
  city.run({"report", "city.skc", "--out", "r.html", "--windows", "2", "--members", "3"});
  const std::string page = city.page("r.html");
  CHECK(holds(page, "policies/b.json"));
  CHECK_FALSE(holds(page, "policies/c.json"));
  CHECK(holds(page, "2 more policies cannot be used either."));
}

TEST_CASE("Report: a grid has maps, and several targets a table of their own") {
  const TempDir folder;
  const TinyCity tiny(folder.path());
  write_grid(folder.file("grid.nc"));
  write_file(folder.file("grid.json"), kGridRecipe);
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"ingest", "g.skc", "--recipe", "grid.json", "grid.nc"},
           {"train", "g.skc", "--task", "grid-3", "--threads", "1"},
           {"report", "g.skc", "--out", "g.html", "--windows", "3", "--members", "3"}}) {
    const ProgramRun run = tiny.skipcast(words);
    REQUIRE_MESSAGE(run.exit_code == 0, run.err);
  }
  const std::string page = file_text(folder.file("g.html"));
  CHECK(malformed(page) == "");
  CHECK(holds(page, "<rect class=\"mark\""));
  CHECK(holds(page, "fair CRPS by target"));
  CHECK(holds(page, "wind (m s-1)"));
  CHECK(holds(page, "One member at lead time +12 h"));
  CHECK(holds(page, "10° N, 200° E"));
}

TEST_CASE("Report: what cannot be met is refused in one sentence, and nothing is written") {
  struct Wrong {
    std::vector<std::string> words;
    int exit_code;
    std::vector<std::string> told;
  };
  const std::vector<Wrong> wrong = {
      {{}, 2, {"--out"}},
      {{"--out", "page.pdf"}, 2, {"page.pdf", ".html"}},
      {{"--out", "none/page.html"}, 2, {"none"}},
      {{"--out", "x.html", "--task", "tinny-6"}, 1, {"tinny-6", "Did you mean 'tiny-6'?"}},
      {{"--out", "x.html", "--policies", "tiny-7"}, 1, {"tiny-7"}},
      {{"--out", "x.html", "--at", "yesterday"}, 2, {"--at", "yesterday"}},
      {{"--out", "x.html", "--at", "2031-01-01"}, 1, {"2031-01-01"}},
      {{"--out", "x.html", "--windows", "-1"}, 2, {"--windows"}},
      {{"--out", "x.html", "--windows", "many"}, 2, {"many"}},
      {{"--out", "x.html", "--members", "1"}, 2, {"--members"}},
      {{"--out", "x.html", "--polices", "a"}, 2, {"--polices", "Did you mean '--policies'?"}}};
  for (const Wrong& each : wrong) {
    CHECK(not_refused(report(each.words), each.exit_code, each.told) == "");
    CHECK_FALSE(fs::exists(city().folder.file("x.html")));
  }
  CHECK(not_refused(city().tiny.skipcast({"report", "gone.skc", "--out", "x.html"}), 1,
                    {"gone.skc"}) == "");
  CHECK(not_refused(city().tiny.skipcast({"raport", "city.skc"}), 2, {"Did you mean 'report'?"}) ==
        "");
}

TEST_CASE("Report: a damaged front is named with its line") {
  const std::string path = city().folder.file("city.skc/policies/tiny-6.front.csv");
  const std::string whole = file_text(path);
  write_file(path, whole.substr(0, whole.find('\n') + 1) + "1,0,one,0.1\n");
  CHECK(not_refused(report({"--out", "x.html", "--windows", "2"}), 1,
                    {"tiny-6.front.csv", "line 2", "one", "skipcast tune"}) == "");
  write_file(path, whole);
}
