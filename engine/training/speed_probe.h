// How fast this machine trains a task: a few passes on random windows of its shape, about a second.
// Internal to engine.
#pragma once

#include "engine/training/cost_model.h"

namespace skipcast::engine {

// Seconds a window, draws included, there and back. Errors of LibTorch are thrown.
double measured_window_seconds(const Task& task, const NetworkShape& shape, const Compute& compute);

}  // namespace skipcast::engine
