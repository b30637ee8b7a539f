// The training methods that there are: one file each in this folder, one line each in
// method_table.cc. Immutable; thread-safe.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "engine/training/method.h"
#include "storage/series/series_store.h"

namespace skipcast::engine {

struct MethodInfo {
  const char* name;  // "one-step"
  const char* verb;  // the subcommand of skipcast that offers it: "train", "distill", "adapt" ...
  const char* subject;  // what is trained: "one-step model"
  const char* help;     // one line
  // Both arguments must outlive the method.
  std::unique_ptr<Method> (*make)(const storage::SeriesStore& store, const TrainRequest& request);
};

template <typename Kind>
std::unique_ptr<Method> make_method(const storage::SeriesStore& store,
                                    const TrainRequest& request) {
  return std::make_unique<Kind>(store, request);
}

// In the order in which help lists them; the first of a verb is its default.
const std::vector<MethodInfo>& methods();
// kUsage lists the names there are.
Result<MethodInfo> find_method(std::string_view name);

// Trains by request.method (training_loop.h): its errors, and kUsage for an unknown method;
// kUnsupported when LibTorch fails or memory is short.
Result<TrainReport> train(const storage::SeriesStore& store, const TrainRequest& request);

}  // namespace skipcast::engine
