// Evaluations as JSON, CSV and as a table.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "engine/evaluation/evaluate.h"
#include "engine/evaluation/text_table.h"
#include "storage/schema/time_axis.h"

namespace skipcast::engine {
namespace {

using nlohmann::json;

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

std::vector<std::string> cells_of(const CandidateScores& row) {
  const Scores& normalised = row.normalised;
  return {row.name,
          fmt::format("{}", row.members),
          nfe_text(row),
          fmt::format("{:.1f}", row.seconds_per_query * 1e3),
          fmt::format("{:.4f}", normalised.crps_fair),
          difference_text(row.crps_difference),
          fmt::format("{:.4f}", normalised.energy_fair),
          difference_text(row.energy_difference),
          fmt::format("{:.2f}", normalised.spread_skill),
          fmt::format("{:.4g}", row.physical.crps_fair),
          fmt::format("{:.4g}", row.physical.mae),
          fmt::format("{:.4g}", row.physical.rmse)};
}

}  // namespace

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
  std::vector<std::vector<std::string>> rows = {{"", "M", "NFE", "ms", "CRPS", "diff %", "energy",
                                                 "diff %", "spr/sk", "CRPS*", "MAE*", "RMSE*"}};
  for (const CandidateScores& row : evaluation.rows) rows.push_back(cells_of(row));
  return text + text_table(rows) +
         "NFE: network evaluations a member, + those all members share; ms a query, "
         "retrieval included; * in physical units\n";
}

}  // namespace skipcast::engine
