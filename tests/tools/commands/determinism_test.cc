// labels: unit slow
// Same seed, same bits: over member batches, threads and processes; and what must differ, differs.
#include <doctest/doctest.h>
#include <netcdf.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tests/support/refusal.h"
#include "tests/support/skip.h"
#include "tests/support/trained_city.h"

using namespace skipcast::tests;

namespace {

// Bytes of one numeric or character variable.
std::string bytes_of(int file, int variable) {
  nc_type type = 0;
  int dimensions = 0, numbers[NC_MAX_VAR_DIMS];
  nc_inq_var(file, variable, nullptr, &type, &dimensions, numbers, nullptr);
  size_t count = 1, size = 0;
  for (int i = 0; i < dimensions; ++i) {
    size_t length = 0;
    nc_inq_dimlen(file, numbers[i], &length);
    count *= length;
  }
  nc_inq_type(file, type, nullptr, &size);
  std::string bytes;
  if (type == NC_STRING) {
    std::vector<char*> texts(count);
    nc_get_var_string(file, variable, texts.data());
    for (const char* text : texts) bytes += std::string(text != nullptr ? text : "") + '\n';
    nc_free_string(count, texts.data());
    return bytes;
  }
  bytes.resize(count * size);
  nc_get_var(file, variable, bytes.data());
  return bytes;
}

std::map<std::string, std::string> payload(const std::string& path) {
  std::map<std::string, std::string> result;
  int file = 0, variables = 0;
  REQUIRE(nc_open(path.c_str(), NC_NOWRITE, &file) == NC_NOERR);
  nc_inq_nvars(file, &variables);
  for (int v = 0; v < variables; ++v) {
    char name[NC_MAX_NAME + 1] = {};
    nc_inq_varname(file, v, name);
    result[name] = bytes_of(file, v);
  }
  nc_close(file);
  return result;
}

std::map<std::string, std::string> forecast(const TrainedCity& city, const std::string& name,
                                            std::vector<std::string> words) {
  const std::vector<std::string> front = {"--at", "2020-02-25T12", "--members", "9", "--out", name};
  words.insert(words.begin(), front.begin(), front.end());
  const ProgramRun run = city.forecast(words);
  REQUIRE_MESSAGE(run.exit_code == 0, run.err);
  return payload(city.folder.file(name));
}

}  // namespace

TEST_CASE("Determinism: same seed, same bits for any member batch, thread count and restart") {
  const TrainedCity city;
  for (const char* start : {"analog", "cold", "mean", "random"}) {
    const std::vector<std::string> base = {"--start", start};
    const auto with = [&base](std::vector<std::string> more) {
      more.insert(more.begin(), base.begin(), base.end());
      return more;
    };
    const auto first = forecast(city, "a.nc", with({"--threads", "1"}));
    REQUIRE(first.size() > 3);
    CHECK(forecast(city, "b.nc", with({"--threads", "1"})) == first);
    CHECK(forecast(city, "c.nc", with({"--threads", "2"})) == first);
    CHECK(forecast(city, "d.nc", with({"--member-batch", "1"})) == first);
    CHECK(forecast(city, "e.nc", with({"--member-batch", "7", "--threads", "2"})) == first);
    CHECK(forecast(city, "f.nc", with({"--seed", "2"})) != first);
  }
}

TEST_CASE("Determinism: a deleted index is built again to the same analogs and bits") {
  const TrainedCity city;
  const auto first = forecast(city, "a.nc", {"--start", "analog"});
  std::error_code error;
  std::filesystem::remove_all(city.folder.file("city.skc/index"), error);
  REQUIRE(!error);
  CHECK(forecast(city, "b.nc", {"--start", "analog"}) == first);
}
