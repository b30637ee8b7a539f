// The context key: what was observed up to the origin, and its place in the task's calendar.
#include <algorithm>
#include <numeric>
#include <string>

#include "engine/data/dataset.h"
#include "engine/keys/analog_keys.h"
#include "engine/keys/key_table.h"
#include "engine/models/model.h"

namespace skipcast::engine {
namespace {

bool has(const std::vector<std::string>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

Result<std::unique_ptr<retrieval::Encoder>> context_encoder(const KeySource& source,
                                                            const StartOptions&) {
  const Task& task = source.model.task();
  retrieval::ContextKeyOptions options = {.spec = task.spec};
  options.variables.resize(task.variables.size());  // the targets come first
  std::iota(options.variables.begin(), options.variables.end(), int64_t{0});
  options.hour_of_day = has(task.calendar, "hour_of_day");
  options.day_of_week = has(task.calendar, "day_of_week");
  options.day_of_year = has(task.calendar, "day_of_year");
  SKIPCAST_TRY(
      std::unique_ptr<retrieval::Encoder> encoder,
      retrieval::make_context_encoder(source.dataset.store(), source.model.normalizer(), options));
  return projected(std::move(encoder), source.fit_origins);
}

}  // namespace

constinit extern const KeyRow kContextKey = {
    .kind = KeyKind::kContext, .help = "the context itself", .encoder = context_encoder};

}  // namespace skipcast::engine
