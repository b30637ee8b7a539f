// A small archive on disk whose future is predictable, with a task "small" that trains in seconds.
#pragma once

#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "storage/series/series_store.h"

namespace skipcast::tests {

inline constexpr const char* kSmallTask = R"([{"name": "small", "variables": ["x"],
  "context_variables": ["x", "y"], "context_states": 6, "future_states": 4,
  "calendar": ["hour_of_day"], "base": "mean", "schedule": {"sigma_min": 0.05, "sigma_max": 20},
  "network": {"width": 16, "heads": 2, "context_blocks": 1, "blocks": 1, "dropout": 0.05},
  "training": {"batch": 16, "sigma_draws": 2, "learning_rate": 0.01, "warmup_steps": 10,
    "validations": 4, "validation_windows": 12}}])";

// `states` hours of two noisy oscillations (a period of 9 hours, a place-dependent phase) at three
// places; the noise is a hash of its position.
inline std::unique_ptr<storage::SeriesStore> make_archive(const std::string& path, int64_t states) {
  storage::Schema schema;
  schema.title = "small";
  schema.axis.start_s = 1514764800;
  schema.axis.step_s = 3600;
  schema.variables = {{"x", "1"}, {"y", "1"}};
  schema.places.names = {"p", "q", "r"};
  schema.tasks_json = kSmallTask;
  storage::StateBlock block;
  block.states = states;
  for (int64_t s = 0; s < states; ++s) {
    for (int64_t i = 0; i < 6; ++i) {
      const uint64_t hash = (static_cast<uint64_t>(s * 6 + i) + 1) * 0x9E3779B97F4A7C15u;
      const double noise = static_cast<double>((hash ^ (hash >> 29)) >> 40) / (1 << 24) - 0.5;
      const double phase = 2 * M_PI * static_cast<double>(s) / 9 + static_cast<double>(i);
      block.values.push_back(static_cast<float>(10 + 3 * std::sin(phase) + 0.3 * noise));
    }
  }
  auto store = storage::SeriesStore::create(path, schema);
  if (!store.ok() || !(*store)->append(block).ok()) return nullptr;
  return std::move(store).value();
}

}  // namespace skipcast::tests
