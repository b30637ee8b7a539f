#include "engine/methods/baseline_check.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <vector>

#include "engine/keys/analog_keys.h"
#include "engine/keys/analog_table.h"
#include "engine/training/validation.h"

namespace skipcast::engine {
namespace {

constexpr int64_t kAnalogs = 16;
constexpr int64_t kValuesMax = 30000000;  // states x places x targets: indexed in seconds

Result<std::optional<double>> analog_score(const std::shared_ptr<const Model>& model,
                                           const Dataset& dataset,
                                           std::span<const int64_t> origins) {
  const Task& task = model->task();
  const auto targets = static_cast<int64_t>(task.variables.size());
  if (dataset.states() * dataset.places() * targets > kValuesMax) return std::optional<double>();
  AnalogKeys keys(model, dataset, {}, storage::kMemoryBytesDefault, AnalogKeys::Files::kInMemory);
  SKIPCAST_TRY(const retrieval::AnalogIndex* index, keys.index({.key = KeyKind::kContext}));
  SKIPCAST_TRY(const AnalogTable table,
               AnalogTable::for_validation(*index, task, origins, kAnalogs));
  if (10 * table.origins().size() < 9 * origins.size()) return std::optional<double>();
  const auto members = [&](int64_t origin) {
    std::vector<int64_t> past;
    for (const retrieval::Neighbour& one : table.of(origin, kAnalogs)) past.push_back(one.origin);
    const at::Tensor then =
        model->to_target(dataset.filled_futures(past), dataset.contexts(past).last);
    const at::Tensor now = dataset.contexts({&origin, 1}).last[0];
    return dataset.denormalise(model->from_target(then, now), origin).cpu();
  };
  return std::optional(score_ensembles(dataset, table.origins(), members).score);
}

}  // namespace

Result<BaselineScores> baseline_scores(const std::shared_ptr<const Model>& model,
                                       const Dataset& dataset, std::span<const int64_t> origins,
                                       double network) {
  BaselineScores scores{.network = network};
  scores.climatology = validate_climatology(dataset, model->split(), origins).score;
  SKIPCAST_TRY(scores.analogs, analog_score(model, dataset, origins));
  return scores;
}

std::string baseline_line(const BaselineScores& scores) {
  std::string line =
      fmt::format("validation CRPS / mean deviation: network {:.3f}, climatology {:.3f}",
                  scores.network, scores.climatology);
  if (scores.analogs) line += fmt::format(", analogs {:.3f}", *scores.analogs);
  const auto loses_to = [&scores](double other) { return !(scores.network < other); };
  const bool to_analogs = scores.analogs && loses_to(*scores.analogs);
  const bool to_climatology = loses_to(scores.climatology);
  if (!to_analogs && !to_climatology) return "compared  " + line;
  return fmt::format("warning   {}: the network loses to {}; give it more time", line,
                     to_climatology ? "climatology" : "analogs");
}

}  // namespace skipcast::engine
