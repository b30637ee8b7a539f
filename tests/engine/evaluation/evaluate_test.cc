// labels: unit
#include "engine/evaluation/evaluate.h"

// Before anything else that brings doctest or a CHECK of LibTorch.
#include <ATen/ATen.h>
#include <netcdf.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>

#include "tests/support/gaussian_city.h"
#include "tests/support/skip.h"
#include "tests/support/torch_doctest.h"

namespace skipcast::tests {
namespace {

using engine::Alignment;
using engine::Candidate;
using engine::EvaluateRequest;
using engine::Evaluation;
using engine::Forecaster;
using engine::ForecastOptions;
using engine::KeyKind;
using engine::StartKind;
using Kind = Candidate::Kind;

constexpr int64_t kStates = 12000;
constexpr engine::Split kSplit = {.states = kStates, .train_end = 6000, .validation_end = 7000};

struct City {
  MemoryStore store = ar1_store(kStates, 6);
  std::shared_ptr<GaussianModel> model = gaussian_model(store, kSplit);
  std::unique_ptr<Forecaster> forecaster = std::move(Forecaster::with_model(store, model)).value();
};

Candidate cold(int64_t steps, const char* solver) {
  return {.name = "cold",
          .options = {{.start = {.kind = StartKind::kCold}, .steps = steps, .solver = solver}}};
}

Candidate chain(StartKind kind, double sigma, int64_t steps) {
  Candidate candidate = {.name = "chain", .options = {{.steps = steps}}};
  candidate.options.start.kind = kind;
  candidate.options.start.alignment = Alignment::kResidual;
  candidate.options.depth.entry_sigma = sigma;
  return candidate;
}

Evaluation scored(City& city, const std::vector<Candidate>& candidates, int64_t members = 16,
                  const std::string& save_path = "") {
  const EvaluateRequest request = {.windows_max = 400,
                                   .members = members,
                                   .candidates = candidates,
                                   .save_path = save_path,
                                   .score = {.pairs_max = 8}};
  auto made = engine::evaluate(*city.forecaster, request);
  REQUIRE_MESSAGE(made.ok(), made.status().message());
  return std::move(made).value();
}

// Mean over lead times of the exact forecast's standard deviation, physical units.
double exact_spread() {
  double sum = 0;
  for (int l = 1; l <= 3; ++l) sum += std::sqrt(1 - std::pow(kRho, 2 * l));
  return sum / 3;
}

const double kGaussianCrps = 1 / std::sqrt(std::numbers::pi);   // of N(0, 1) for itself
const double kGaussianError = std::sqrt(2 / std::numbers::pi);  // mean |N(0, 1)|

TEST_CASE("Evaluate: a forecast that knows the law scores what the law says") {
  City city;
  const Evaluation made = scored(city, {cold(18, "heun")});
  const engine::CandidateScores& row = made.rows[0];
  CHECK(row.physical.crps_fair == doctest::Approx(kGaussianCrps * exact_spread()).epsilon(0.03));
  CHECK(row.physical.spread_skill == doctest::Approx(1).epsilon(0.03));
  CHECK(row.physical.crps > row.physical.crps_fair);
  CHECK(row.nfe == 35);
  CHECK(row.members == 16);
  CHECK(made.windows == 400);
  REQUIRE(row.leads.size() == 3);
  for (int l = 0; l < 3; ++l) {
    const double spread = std::sqrt(1 - std::pow(kRho, 2 * (l + 1)));
    CHECK(row.leads[l].crps_fair == doctest::Approx(kGaussianCrps * spread).epsilon(0.05));
  }
}

TEST_CASE("Evaluate: one step from pure noise is the mean forecast without spread") {
  City city;
  const Evaluation made = scored(city, {cold(18, "heun"), cold(1, "euler")});
  const engine::CandidateScores& one = made.rows[1];
  CHECK(one.physical.crps_fair == doctest::Approx(kGaussianError * exact_spread()).epsilon(0.03));
  CHECK(one.physical.spread_skill < 0.1);
  CHECK(one.crps_difference.significant());
  CHECK(one.crps_difference.low > 0);
  CHECK(one.crps_difference.percent() ==
        doctest::Approx(100 * (std::numbers::sqrt2 - 1)).epsilon(0.1));
  CHECK(made.rows[0].crps_difference.mean == 0);
}

TEST_CASE("Evaluate: entering mid-chain from analogs keeps the score of the whole chain") {
  City city;
  const Evaluation made = scored(
      city, {cold(18, "heun"), chain(StartKind::kAnalog, 3, 4), chain(StartKind::kRandom, 3, 4)});
  for (const engine::CandidateScores& row : made.rows) {
    CHECK(row.physical.crps_fair == doctest::Approx(kGaussianCrps * exact_spread()).epsilon(0.03));
    CHECK(row.physical.spread_skill == doctest::Approx(1).epsilon(0.05));
  }
  CHECK(made.rows[1].nfe == 4);
  CHECK(made.rows[1].nfe_shared == 1);
}

TEST_CASE("Evaluate: baselines score what the law says") {
  City city;
  const Evaluation made = scored(city, {{.name = "persistence", .kind = Kind::kPersistence},
                                        {.name = "climatology", .kind = Kind::kClimatology},
                                        {.name = "weeks", .kind = Kind::kClimatologyEnsemble}});
  double persistence = 0;
  for (int l = 1; l <= 3; ++l) persistence += std::sqrt(2 * (1 - std::pow(kRho, l))) / 3;
  CHECK(made.rows[0].physical.crps_fair ==
        doctest::Approx(kGaussianError * persistence).epsilon(0.04));
  CHECK(made.rows[0].members == 1);
  CHECK(made.rows[1].physical.crps_fair == doctest::Approx(kGaussianError).epsilon(0.06));
  CHECK(made.rows[2].physical.crps_fair == doctest::Approx(kGaussianCrps).epsilon(0.06));
  CHECK(made.rows[2].members == 16);
}

TEST_CASE("Evaluate: raw analogs are worse than aligned ones, both are ensembles") {
  City city;
  Candidate raw = {.name = "raw", .kind = Kind::kAnalogRaw};
  Candidate aligned = {.name = "aligned", .kind = Kind::kAnalogAligned};
  aligned.options.start.alignment = Alignment::kResidual;
  aligned.options.start.key = KeyKind::kForecast;
  const Evaluation made = scored(city, {raw, aligned});
  CHECK(made.rows[0].nfe == 0);
  CHECK(made.rows[1].crps_difference.high < 0);
  CHECK(made.rows[1].physical.crps_fair ==
        doctest::Approx(kGaussianCrps * exact_spread()).epsilon(0.04));
}

TEST_CASE("Evaluate: a policy scores like the options it chooses") {
  City city;
  const Candidate deep = chain(StartKind::kAnalog, 3, 4);
  Candidate policy = {.name = "policy", .kind = Kind::kPolicy};
  policy.policy.bins = {{1e-9, cold(1, "euler").options},
                        {std::numeric_limits<double>::infinity(), deep.options}};
  const Evaluation made = scored(city, {deep, policy});
  CHECK(made.rows[0].physical.crps_fair == made.rows[1].physical.crps_fair);
  CHECK(made.rows[1].nfe == 4);
}

TEST_CASE("Evaluate: scored windows lie in their part and are spread evenly") {
  City city;
  const auto test = engine::scored_origins(*city.forecaster, engine::Part::kTest, 100);
  REQUIRE(test.size() == 100);
  CHECK(test.front() >= kSplit.validation_end - 1);
  CHECK(test.back() + 3 < kStates);
  for (size_t i = 1; i < test.size(); ++i) CHECK(test[i] - test[i - 1] >= 49);
  const auto validation = engine::scored_origins(*city.forecaster, engine::Part::kValidation, 0);
  CHECK(validation.back() + 3 < kSplit.validation_end);
  CHECK(validation.front() >= kSplit.train_end - 1);
}

TEST_CASE("Evaluate: wrong requests are refused, stopping is interrupted") {
  City city;
  CHECK(engine::evaluate(*city.forecaster, {}).status().code() == Code::kUsage);
  EvaluateRequest request = {.windows_max = 5, .members = 0, .candidates = {cold(2, "euler")}};
  CHECK(engine::evaluate(*city.forecaster, request).status().code() == Code::kUsage);
  request.members = 4;
  request.progress = [](const ProgressStep& step) { return step.fraction < 0.5; };
  CHECK(engine::evaluate(*city.forecaster, request).status().code() == Code::kInterrupted);
  request.progress = {};
  request.candidates[0].options.solver = "nonsense";
  const Status status = engine::evaluate(*city.forecaster, request).status();
  CHECK(status.code() == Code::kUsage);
  CHECK(status.message().starts_with("cold: "));
}

TEST_CASE("Evaluate: JSON and table hold every candidate") {
  City city;
  ForecastOptions options = {{.steps = 2}};
  options.depth.entry_sigma = 2;
  auto candidates = engine::baselines_of(options, {KeyKind::kContext, KeyKind::kForecast});
  candidates.push_back(engine::candidate_of(Candidate::Kind::kChain, options));
  candidates.push_back(engine::cold_start(2));
  REQUIRE(candidates.size() == 9);
  const EvaluateRequest request = {.windows_max = 6, .members = 4, .candidates = candidates};
  const auto made = engine::evaluate(*city.forecaster, request);
  REQUIRE(made.ok());
  const auto parsed = nlohmann::json::parse(to_json(*made));
  CHECK(parsed.at("rows").size() == 9);
  CHECK(parsed.at("rows")[0].at("lead_times").size() == 3);
  CHECK(parsed.at("rows")[2].at("normalised").at("crps_fair").get<double>() ==
        made->rows[2].normalised.crps_fair);
  const std::string table = to_table(*made);
  for (const Candidate& candidate : candidates) {
    CHECK(table.find(candidate.name) != std::string::npos);
  }
}

std::vector<float> read_variable(int file, const char* name, size_t values) {
  int id = -1;
  REQUIRE(nc_inq_varid(file, name, &id) == NC_NOERR);
  std::vector<float> out(values);
  REQUIRE(nc_get_var_float(file, id, out.data()) == NC_NOERR);
  return out;
}

TEST_CASE("Evaluate: the saved file gives the scores back") {
  const TempDir folder;
  const std::string path = folder.file("scored.nc");
  City city;
  const Evaluation made = scored(city, {cold(2, "euler")}, 3, path);
  int file = -1;
  REQUIRE(nc_open(path.c_str(), NC_NOWRITE, &file) == NC_NOERR);
  const auto forecast = read_variable(file, "forecast", 400 * 3 * 3 * 6);
  const auto observed = read_variable(file, "observation", 400 * 3 * 6);
  double crps = 0;
  for (int64_t q = 0; q < 400; ++q) {
    for (int64_t i = 0; i < 18; ++i) {
      const double a = forecast[q * 54 + i], b = forecast[q * 54 + 18 + i];
      const double c = forecast[q * 54 + 36 + i], y = observed[q * 18 + i];
      crps += (std::abs(a - y) + std::abs(b - y) + std::abs(c - y)) / 3 -
              (std::abs(a - b) + std::abs(a - c) + std::abs(b - c)) / 6;
    }
  }
  double stored = 0;
  REQUIRE(nc_get_att_double(file, NC_GLOBAL, "crps_fair", &stored) == NC_NOERR);
  CHECK(stored == made.rows[0].physical.crps_fair);
  CHECK(crps / (400 * 18) == doctest::Approx(stored).epsilon(1e-6));
  nc_close(file);
}

TEST_CASE("Evaluate: any row can be saved, a policy by its name too; others are refused by name") {
  const TempDir folder;
  City city;
  engine::Policy policy = {.name = "ar-nfe1",
                           .bins = {{std::numeric_limits<double>::infinity(),
                                     {.start = {.kind = StartKind::kCold}, .steps = 1}}}};
  EvaluateRequest request = {.windows_max = 20,
                             .members = 3,
                             .candidates = {cold(2, "euler"), engine::policy_candidate(policy)},
                             .save_path = folder.file("row.nc"),
                             .score = {.pairs_max = 8}};
  const auto stored = [&](const std::string& row) {
    request.save_row = row;
    const auto made = engine::evaluate(*city.forecaster, request);
    REQUIRE_MESSAGE(made.ok(), made.status().message());
    double crps = 0;
    int file = -1;
    REQUIRE(nc_open(request.save_path.c_str(), NC_NOWRITE, &file) == NC_NOERR);
    REQUIRE(nc_get_att_double(file, NC_GLOBAL, "crps_fair", &crps) == NC_NOERR);
    nc_close(file);
    CHECK(made->rows[0].physical.crps_fair != made->rows[1].physical.crps_fair);
    return crps - made->rows[row.empty() || row == "cold" ? 0 : 1].physical.crps_fair;
  };
  for (const char* row : {"", "cold", "policy ar-nfe1", "ar-nfe1"}) CHECK(stored(row) == 0);
  request.save_row = "warm";
  const Status refused = engine::evaluate(*city.forecaster, request).status();
  CHECK(refused.code() == Code::kUsage);
  CHECK(refused.message().find("'cold', 'policy ar-nfe1'") != std::string::npos);
}

}  // namespace
}  // namespace skipcast::tests
