#include "engine/methods/method_table.h"

#include <fmt/format.h>

#include "engine/training/training_job.h"
#include "engine/training/training_loop.h"

// A line a method: <name>_method() is defined in engine/methods/<name>.cc.
#define SKIPCAST_METHODS(METHOD) \
  METHOD(network)                \
  METHOD(moment_heads)           \
  METHOD(cross_fit)              \
  METHOD(one_step)               \
  METHOD(conditioned)            \
  METHOD(learned_metric)

namespace skipcast::engine {

#define SKIPCAST_DECLARE(name) MethodInfo name##_method();
SKIPCAST_METHODS(SKIPCAST_DECLARE)
#undef SKIPCAST_DECLARE

const std::vector<MethodInfo>& methods() {
#define SKIPCAST_ROW(name) name##_method(),
  static const std::vector<MethodInfo> all = {SKIPCAST_METHODS(SKIPCAST_ROW)};
#undef SKIPCAST_ROW
  return all;
}

Result<MethodInfo> find_method(std::string_view name) {
  std::string names;
  for (const MethodInfo& method : methods()) {
    if (method.name == name) return method;
    names += fmt::format("{}{}", names.empty() ? "" : ", ", method.name);
  }
  return usage(fmt::format("there is no training method '{}'; there are: {}", name, names));
}

Result<TrainReport> train(const storage::SeriesStore& store, const TrainRequest& request) {
  SKIPCAST_TRY(const MethodInfo info, find_method(request.method));
  return training_job(request.task, request.threads, "; lower \"batch\" or \"width\"", [&] {
    const std::unique_ptr<Method> method = info.make(store, request);
    return run_training(*method, store, request);
  });
}

}  // namespace skipcast::engine
