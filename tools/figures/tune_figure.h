// The picture of a tuning sweep.
#pragma once

#include <string>

#include "engine/tuning/tuner.h"
#include "tools/figures/plot.h"

namespace skipcast::tools {

// Score against cost of the trials on all validation windows, and the best of each NFE among them.
// Trials on fewer windows are left out: their scores are of other queries, and cannot be compared.
FrontFigure tune_figure(const engine::TuneReport& report, const std::string& task,
                        const std::string& path);

}  // namespace skipcast::tools
