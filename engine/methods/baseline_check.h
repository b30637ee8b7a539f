// Is a trained network worth having? Its validation score beside those of forecasts that need no
// network, on the same windows. Internal to engine/methods.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "engine/data/dataset.h"
#include "engine/models/model.h"

namespace skipcast::engine {

// ValidationScores::score of each, less is better.
struct BaselineScores {
  double network = 0, climatology = 0;
  std::optional<double> analogs;  // of the windows that have some; none: not looked for, or
                                  // a tenth of the windows have none
};

// Of climatology, and of 16 analogs by the context key, their futures moved to today in target
// space, unless the archive has so many values that searching it would take long. `network` is
// taken over. Nothing is written. Errors: of the index.
Result<BaselineScores> baseline_scores(const std::shared_ptr<const Model>& model,
                                       const Dataset& dataset, std::span<const int64_t> origins,
                                       double network);

// One line with all figures; it begins with "warning" when the network loses to one of them.
std::string baseline_line(const BaselineScores& scores);

}  // namespace skipcast::engine
