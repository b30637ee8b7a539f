// Candidates by name, and evaluations as JSON and as a table.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "engine/evaluation/evaluate.h"
#include "engine/forecast/start_table.h"
#include "storage/schema/time_axis.h"

namespace skipcast::engine {
namespace {

using nlohmann::json;
using Kind = Candidate::Kind;

constexpr int64_t kReferenceSteps = 18;  // of Heun: 35 evaluations

Candidate cold_reference() {
  ForecastOptions options = {{.steps = kReferenceSteps, .solver = "heun"}};
  options.start.kind = StartKind::kCold;
  return {.name = "cold-35", .options = options};
}

Candidate cold_at(const ForecastOptions& chain) {
  ForecastOptions options = chain;
  options.start = {.kind = StartKind::kCold};
  options.depth = {};
  options.steps = std::max<int64_t>(1, chain.steps);
  return {.name = fmt::format("cold-{}", options.steps), .options = options};
}

std::string depth_text(const ForecastOptions& options) {
  if (options.depth.entry_sigma) return fmt::format(" s{:g}", *options.depth.entry_sigma);
  if (options.depth.skip_fraction) return fmt::format(" skip {:g}", *options.depth.skip_fraction);
  if (options.depth.skip_steps) return fmt::format(" skip {}", *options.depth.skip_steps);
  return "";
}

Candidate chain_from(const ForecastOptions& chain, StartKind kind) {
  Candidate candidate = {.options = chain};
  candidate.options.start.kind = kind;
  candidate.name = fmt::format("{}{} {} steps", word(kind), depth_text(chain), chain.steps);
  return candidate;
}

Candidate analogs(const ForecastOptions& chain, KeyKind key, Kind kind) {
  Candidate candidate = {.kind = kind, .options = chain};
  candidate.options.start.key = key;
  candidate.name =
      fmt::format("analogs {} {}", word(key),
                  kind == Kind::kAnalogRaw ? "raw" : word(candidate.options.start.alignment));
  return candidate;
}

json scores_json(const Scores& scores) {
  return {{"queries", scores.queries},
          {"values", scores.values},
          {"crps_fair", scores.crps_fair},
          {"crps", scores.crps},
          {"energy_fair", scores.energy_fair},
          {"energy", scores.energy},
          {"variogram", scores.variogram},
          {"variogram_places", scores.variogram_places},
          {"variogram_lead_times", scores.variogram_lead_times},
          {"rmse", scores.rmse},
          {"mae", scores.mae},
          {"spread", scores.spread},
          {"spread_skill", scores.spread_skill},
          {"crps_quantile", scores.crps_quantile},
          {"ranks", scores.ranks}};
}

json difference_json(const Difference& difference) {
  return {{"mean", difference.mean},
          {"low", difference.low},
          {"high", difference.high},
          {"percent", difference.percent()},
          {"percent_low", difference.percent_low()},
          {"percent_high", difference.percent_high()},
          {"block_length", difference.block_length},
          {"queries", difference.queries}};
}

std::string difference_text(const Difference& difference) {
  if (difference.queries == 0) return "-";
  return fmt::format("{:+.1f} [{:+.1f}, {:+.1f}]", difference.percent(), difference.percent_low(),
                     difference.percent_high());
}

}  // namespace

std::vector<Candidate> standard_candidates(const ForecastOptions& chain) {
  std::vector<Candidate> all = {cold_reference(), cold_at(chain)};
  for (const StartKind kind :
       {StartKind::kAnalog, StartKind::kMean, StartKind::kRandom, StartKind::kPersist}) {
    all.push_back(chain_from(chain, kind));
  }
  for (const KeyKind key : {KeyKind::kContext, KeyKind::kForecast}) {
    all.push_back(analogs(chain, key, Kind::kAnalogRaw));
    all.push_back(analogs(chain, key, Kind::kAnalogAligned));
  }
  all.push_back({.name = "persistence", .kind = Kind::kPersistence});
  all.push_back({.name = "climatology", .kind = Kind::kClimatology});
  all.push_back({.name = "same slot, past weeks", .kind = Kind::kClimatologyEnsemble});
  return all;
}

Result<std::vector<Candidate>> candidates_from(const std::vector<std::string>& words,
                                               const ForecastOptions& chain) {
  std::vector<Candidate> all;
  for (const std::string& each : words) {
    if (each == "cold") {
      all.push_back(cold_reference());
      all.push_back(cold_at(chain));
    } else if (each == "analogs") {
      all.push_back(analogs(chain, chain.start.key, Kind::kAnalogRaw));
      all.push_back(analogs(chain, chain.start.key, Kind::kAnalogAligned));
    } else if (each == "persistence") {
      all.push_back({.name = "persistence", .kind = Kind::kPersistence});
    } else if (each == "climatology") {
      all.push_back({.name = "climatology", .kind = Kind::kClimatology});
      all.push_back({.name = "same slot, past weeks", .kind = Kind::kClimatologyEnsemble});
    } else if (const Result<StartKind> kind = start_from(each); kind.ok()) {
      all.push_back(chain_from(chain, *kind));
    } else {
      return usage(
          fmt::format("nothing to evaluate is called '{}'; there are {}, analogs, persistence, "
                      "climatology",
                      each, start_names()));
    }
  }
  return all;
}

std::string nfe_text(const CandidateScores& scores) {
  if (scores.nfe_shared <= 0) return fmt::format("{:.3g}", scores.nfe);
  return fmt::format("{:.3g} +{:.2g}", scores.nfe, scores.nfe_shared);
}

std::string to_json(const Evaluation& evaluation) {
  json rows = json::array();
  for (const CandidateScores& row : evaluation.rows) {
    json leads = json::array();
    for (const Scores& lead : row.leads) leads.push_back(scores_json(lead));
    rows.push_back({{"name", row.name},
                    {"members", row.members},
                    {"nfe", row.nfe},
                    {"nfe_shared", row.nfe_shared},
                    {"seconds_per_query", row.seconds_per_query},
                    {"normalised", scores_json(row.normalised)},
                    {"physical", scores_json(row.physical)},
                    {"lead_times", std::move(leads)},
                    {"crps_difference", difference_json(row.crps_difference)},
                    {"energy_difference", difference_json(row.energy_difference)}});
  }
  const json all = {{"task", evaluation.task},
                    {"part", evaluation.part},
                    {"archive_mode", evaluation.archive_mode},
                    {"model_fingerprint", evaluation.model_fingerprint},
                    {"windows", evaluation.windows},
                    {"members", evaluation.members},
                    {"rows", std::move(rows)}};
  return all.dump(2);
}

std::string by_query_csv(const Evaluation& evaluation) {
  std::string text = "time,name,crps_fair\n";
  for (const CandidateScores& row : evaluation.rows) {
    for (const Contribution& query : row.normalised_rows.contributions(Metric::kCrpsFair)) {
      if (query.weight <= 0) continue;
      text += fmt::format("{},\"{}\",{:.6g}\n", storage::format_time(query.origin), row.name,
                          query.sum / query.weight);
    }
  }
  return text;
}

std::string to_table(const Evaluation& evaluation) {
  std::string text = fmt::format(
      "{}, {} part, {} windows, {} members, archive {}; scores in normalised units, lower is "
      "better; differences in % of '{}' with 95 % intervals\n",
      evaluation.task, evaluation.part, evaluation.windows, evaluation.members,
      evaluation.archive_mode, evaluation.rows.empty() ? "" : evaluation.rows.front().name);
  size_t width = 28;
  for (const CandidateScores& row : evaluation.rows) width = std::max(width, row.name.size());
  text += fmt::format("{:<{}}{:>4}{:>10}{:>9}{:>8}{:>22}{:>8}{:>22}{:>8}{:>10}{:>10}{:>10}\n", "",
                      width, "M", "NFE", "ms", "CRPS", "diff %", "energy", "diff %", "spr/sk",
                      "CRPS*", "MAE*", "RMSE*");
  for (const CandidateScores& row : evaluation.rows) {
    text += fmt::format(
        "{:<{}}{:>4}{:>10}{:>9.1f}{:>8.4f}{:>22}{:>8.4f}{:>22}{:>8.2f}{:>10.4g}{:>10.4g}"
        "{:>10.4g}\n",
        row.name, width, row.members, nfe_text(row), row.seconds_per_query * 1e3,
        row.normalised.crps_fair, difference_text(row.crps_difference), row.normalised.energy_fair,
        difference_text(row.energy_difference), row.normalised.spread_skill, row.physical.crps_fair,
        row.physical.mae, row.physical.rmse);
  }
  return text +
         "NFE: network evaluations a member, + those all members share; ms a query, "
         "retrieval included; * in physical units\n";
}

}  // namespace skipcast::engine
