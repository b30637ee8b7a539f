// labels: unit slow
// skipcast evaluate --by-query: a line a query and row, whose mean is the score of the table.
#include <doctest/doctest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "storage/files/file_io.h"
#include "tests/support/trained_city.h"

namespace skipcast::tests {
namespace {

TEST_CASE("evaluate --by-query: the lines' mean is the row's score, for growing and frozen") {
  const TrainedCity city;
  for (const std::string archive : {"growing", "frozen"}) {
    const ProgramRun run =
        city.tiny.skipcast({"evaluate", "city.skc", "--task", "tiny-6", "--windows", "12",
                            "--members", "4", "--starts", "analog", "--nfe", "2", "--archive",
                            archive, "--by-query", "q.csv", "--json"});
    REQUIRE_MESSAGE(run.exit_code == 0, run.err);
    const auto csv = storage::read_file(city.folder.path() + "/q.csv", 1 << 20);
    REQUIRE(csv.ok());
    std::istringstream lines(*csv);
    std::string line;
    std::getline(lines, line);
    CHECK(line == "time,name,crps_fair");
    std::map<std::string, double> sums;
    std::map<std::string, int> counts;
    while (std::getline(lines, line)) {
      const size_t name = line.find(",\""), end = line.rfind("\",");
      REQUIRE(name != std::string::npos);
      REQUIRE(end > name);
      CHECK(line.substr(0, 2) == "20");
      const std::string row = line.substr(name + 2, end - name - 2);
      sums[row] += std::stod(line.substr(end + 2));
      ++counts[row];
    }
    const nlohmann::json value = nlohmann::json::parse(run.out);
    REQUIRE(value.at("rows").size() == 2);
    for (const nlohmann::json& row : value.at("rows")) {
      const std::string name = row.at("name").get<std::string>();
      CAPTURE(name);
      CHECK(counts[name] == 12);
      const double score = row.at("normalised").at("crps_fair").get<double>();
      CHECK(sums[name] / 12 == doctest::Approx(score).epsilon(0.02));  // gaps weigh queries
    }
  }
}

}  // namespace
}  // namespace skipcast::tests
