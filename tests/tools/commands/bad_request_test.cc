// labels: unit slow
// Requests that cannot be met, as a user of the program meets them: exit code 2 when the request
// itself is wrong, 1 when the archive cannot serve it, one sentence, and an archive as it was.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/support/refusal.h"
#include "tests/support/skip.h"
#include "tests/support/tiny_city.h"
#include "tests/support/trained_city.h"

using namespace skipcast::tests;

namespace {

namespace fs = std::filesystem;

// Made once for this file.
const TrainedCity& city() {
  static const TrainedCity made;
  return made;
}

std::string text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The trained city with its models folder changed; gone when the object dies.
struct CityCopy {
  CityCopy() : tiny(folder.path()) {
    fs::copy(city().folder.file("city.skc"), folder.file("city.skc"), fs::copy_options::recursive);
  }
  ProgramRun forecast() const {
    return tiny.skipcast({"forecast", "city.skc", "--task", "tiny-6", "--members", "2"});
  }
  std::string model(const std::string& ending) const {
    return folder.file("city.skc/models/tiny-6" + ending);
  }

  TempDir folder;
  TinyCity tiny;
};

}  // namespace

TEST_CASE("Request: subcommands, options and tasks are guessed when mistyped") {
  const TinyCity& tiny = city().tiny;
  CHECK(not_refused(tiny.skipcast({"forcast"}), 2, {"forcast", "Did you mean 'forecast'?"}) == "");
  CHECK(not_refused(city().forecast({"--member", "3"}), 2, {"--member", "'--members'"}) == "");
  CHECK(not_refused(tiny.skipcast({"forecast", "city.skc", "--task", "tiny6"}), 1,
                    {"tiny6", ". Did you mean 'tiny-6'?"}) == "");
  CHECK(not_refused(tiny.skipcast({"train", "city.skc", "--task", "tyni-6"}), 1,
                    {"Did you mean 'tiny-6'?"}) == "");
  CHECK(not_refused(tiny.skipcast({"forecast", "city.skc"}), 2, {"--task"}) == "");
  CHECK(tiny.skipcast({}).exit_code == 2);
  CHECK(tiny.skipcast({"--help"}).exit_code == 0);
  CHECK(tiny.skipcast({"--version"}).out.starts_with("skipcast "));
}

TEST_CASE("Request: numbers out of range are usage errors") {
  CHECK(not_refused(city().forecast({"--members", "0"}), 2, {"member"}) == "");
  CHECK(not_refused(city().forecast({"--members", "few"}), 2, {"--members", "few"}) == "");
  CHECK(not_refused(city().forecast({"--entry-sigma", "1000"}), 2, {"1000", "80"}) == "");
  CHECK(not_refused(city().forecast({"--entry-sigma", "-1"}), 2, {"-1"}) == "");
  CHECK(not_refused(city().forecast({"--skip-frac", "1.5"}), 2, {"1.5"}) == "");
  CHECK(not_refused(city().forecast({"--skip-steps", "9"}), 2, {"9"}) == "");
  CHECK(not_refused(city().forecast({"--steps", "-2"}), 2, {"-2"}) == "");
  CHECK(not_refused(city().forecast({"--entry-sigma", "5", "--skip-frac", "0.5"}), 2, {}) == "");
  CHECK(not_refused(city().forecast({"--threads", "-1"}), 2, {"--threads"}) == "");
  CHECK(not_refused(city().forecast({"--sigmas", "1,5"}), 2, {"descend"}) == "");
  CHECK(not_refused(city().forecast({"--noise-amount", "1"}), 2, {"dpmpp_2m", "no noise"}) == "");
  CHECK(not_refused(city().forecast({"--solver", "sa_2", "--noise-amount", "9"}), 2, {"tau"}) ==
        "");
  CHECK(not_refused(city().forecast({"--rho", "0"}), 2, {"rho"}) == "");
}

TEST_CASE("Request: a preset is known by its name and stands alone") {
  CHECK(not_refused(city().forecast({"--preset", "edm-18"}), 2, {"edm-18", "edm-35"}) == "");
  CHECK(not_refused(city().forecast({"--preset", "edm-35", "--steps", "4"}), 2, {"--steps"}) == "");
  CHECK(not_refused(city().forecast({"--preset", "edm-35", "--policy", "p"}), 2, {"--policy"}) ==
        "");
  const auto made = city().forecast({"--preset", "gencast-39", "--members", "2", "--json"});
  CHECK(made.exit_code == 0);
  CHECK(made.out.find("\"nfe\": 39") != std::string::npos);
}

TEST_CASE("Request: unknown words are answered with the words there are") {
  CHECK(not_refused(city().forecast({"--start", "warm"}), 2, {"warm", "analog"}) == "");
  CHECK(not_refused(city().forecast({"--solver", "rk45"}), 2, {"rk45", "heun"}) == "");
  CHECK(not_refused(city().forecast({"--key", "latent"}), 2, {"latent", "context"}) == "");
  CHECK(not_refused(city().forecast({"--alignment", "x"}), 2, {"x", "offset"}) == "");
  CHECK(not_refused(city().forecast({"--archive", "old"}), 2, {"old", "frozen"}) == "");
  CHECK(not_refused(city().forecast({"--spacing", "even"}), 2, {"even", "karras"}) == "");
}

TEST_CASE("Request: times before, after and between the states") {
  CHECK(not_refused(city().forecast({"--at", "2020-01-01T02"}), 1, {"2020-01-01"}) == "");
  CHECK(not_refused(city().forecast({"--at", "2031-01-01"}), 1, {"2031", "2020-02-29"}) == "");
  CHECK(not_refused(city().forecast({"--at", "2020-02-01T00:30"}), 1, {"00:30"}) == "");
  CHECK(not_refused(city().forecast({"--at", "yesterday"}), 2, {"--at", "yesterday"}) == "");
}

TEST_CASE("Request: no archive, and a folder that is none") {
  const TinyCity& tiny = city().tiny;
  CHECK(not_refused(tiny.skipcast({"inspect", "nowhere.skc"}), 1, {"nowhere.skc"}) == "");
  fs::create_directory(city().folder.file("plain"));
  CHECK(not_refused(tiny.skipcast({"inspect", "plain"}), 1, {"plain"}) == "");
}

TEST_CASE("Request: a task that is not trained says how to train it") {
  const TempDir folder;
  const TinyCity tiny(folder.path());
  REQUIRE(tiny.ingest().exit_code == 0);
  CHECK(not_refused(tiny.skipcast({"forecast", "city.skc", "--task", "tiny-6"}), 1,
                    {"tiny-6", "skipcast train"}) == "");
}

TEST_CASE("Request: a model of another archive, task or version is refused") {
  const CityCopy other;
  fs::remove_all(other.folder.file("city.skc"));
  REQUIRE(other.tiny.ingest().exit_code == 0);
  fs::copy(city().folder.file("city.skc/models"), other.folder.file("city.skc/models"));
  CHECK(not_refused(other.forecast(), 1, {"archive"}) == "");

  const CityCopy renamed;
  std::string recipe = city_recipe();
  recipe.replace(recipe.find("tiny-6"), 6, "else-6");
  write_file(renamed.folder.file("recipe.json"), recipe);
  REQUIRE(renamed.tiny
              .skipcast({"ingest", "city.skc", "--append", "--recipe", "recipe.json", "city.csv"})
              .exit_code == 0);
  for (const char* ending : {".json", ".safetensors"}) {
    fs::copy(renamed.model(ending), renamed.folder.file("city.skc/models/else-6") + ending);
  }
  CHECK(not_refused(renamed.tiny.skipcast({"forecast", "city.skc", "--task", "else-6"}), 1,
                    {"else-6"}) == "");
}

TEST_CASE("Request: a damaged model is noticed") {
  const CityCopy damaged;
  std::string weights = text_of(damaged.model(".safetensors"));
  weights[weights.size() - 5] = static_cast<char>(weights[weights.size() - 5] ^ 1);
  write_file(damaged.model(".safetensors"), weights);
  CHECK(not_refused(damaged.forecast(), 1, {"tiny-6.safetensors"}) == "");
}

TEST_CASE("Request: a policy and a depth contradict each other; absent policies are listed") {
  CHECK(not_refused(city().forecast({"--policy", "x", "--steps", "3"}), 2, {"--steps"}) == "");
  CHECK(not_refused(city().forecast({"--policy", "x"}), 1, {"x"}) == "");
}

TEST_CASE("Request: outputs that cannot be written are named") {
  CHECK(not_refused(city().forecast({"--plot", "f.jpg"}), 2, {"f.jpg", ".png"}) == "");
  CHECK(not_refused(city().forecast({"--out", "no/where/f.nc"}), 2, {"no/where"}) == "");
  fs::create_directory(city().folder.file("taken.nc"));
  CHECK(not_refused(city().forecast({"--out", "taken.nc", "--members", "2"}), 1, {"taken.nc"}) ==
        "");
  CHECK(not_refused(city().forecast({"--plot", "f.png", "--plot-places", "Nroth"}), 2,
                    {"Nroth", "North"}) == "");
}

TEST_CASE("Request: refusals with --json carry code and message on standard output") {
  const ProgramRun run = city().forecast({"--members", "0", "--json"});
  CHECK(run.exit_code == 2);
  const nlohmann::json error = nlohmann::json::parse(run.out).at("error");
  CHECK(error.at("code") == "usage");
  CHECK_FALSE(error.at("message").get<std::string>().empty());
}

TEST_CASE("Request: after all these refusals the archive holds what it held") {
  CHECK(stored_states(city().tiny) == kCityStates);
  CHECK(city().forecast({"--members", "2"}).exit_code == 0);
}
