// labels: unit
#include <sstream>
#include <string>
#include <vector>

#include "engine/evaluation/evaluate.h"
#include "engine/evaluation/text_table.h"
#include "tests/support/torch_doctest.h"

namespace skipcast::tests {
namespace {

using engine::CandidateScores;
using engine::Evaluation;

// Cells of a line, parted by two blanks or more.
std::vector<std::string> cells(const std::string& line) {
  std::vector<std::string> all;
  for (size_t at = 0; at < line.size();) {
    const size_t end = std::min(line.find("  ", at), line.size());
    all.push_back(line.substr(at, end - at));
    at = std::min(line.find_first_not_of(' ', end), line.size());
  }
  return all;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

CandidateScores row_of(const std::string& name, int64_t members, double nfe) {
  CandidateScores row = {.name = name, .members = members, .nfe = nfe, .nfe_shared = 0.95};
  row.crps_difference = {.queries = 3, .b = 1, .mean = -12345.6, .low = -23456.7, .high = 34567.8};
  return row;
}

TEST_CASE("Evaluate table: columns stay parted for long names and large numbers") {
  Evaluation evaluation = {.task = "t", .part = "test", .archive_mode = "growing"};
  evaluation.rows = {
      row_of("analog/forecast/residual s3.14159 x3 guided 0.1 inflated 0.9/1.2", 16, 0.15),
      row_of("b", 1'000'000, 1234)};
  evaluation.rows[1].seconds_per_query = 123456;
  evaluation.rows[1].normalised.crps_fair = 123456;
  evaluation.rows[1].normalised.energy_fair = 1e9;
  const std::vector<std::string> lines = lines_of(to_table(evaluation));
  REQUIRE(lines.size() == 5);
  const std::vector<std::string> first = cells(lines[2]), second = cells(lines[3]);
  REQUIRE(first.size() == 12);
  REQUIRE(second.size() == 12);
  CHECK(first[1] == "16");
  CHECK(first[2] == "0.15 +0.95");
  CHECK(second[1] == "1000000");
  CHECK(second[3] == "123456000.0");
  CHECK(lines[1].size() == lines[2].size());
  CHECK(lines[1].size() == lines[3].size());
  CHECK(lines[1].find("NFE") + 3 == lines[2].find("0.15 +0.95") + 10);
}

TEST_CASE("Text table: the first column stands left, the others right, letters count once") {
  CHECK(engine::text_table({}) == "");
  CHECK(engine::text_table({{"", "n"}, {"Zürich", "10"}, {"x"}, {"ab", "1"}}) ==
        "         n\nZürich  10\nx\nab       1\n");
}

}  // namespace
}  // namespace skipcast::tests
