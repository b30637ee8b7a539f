#include "engine/training/method.h"

namespace skipcast::engine {

void set_budget(const TrainRequest& request, int64_t runs, TrainingOptions& options) {
  if (request.steps_max > 0) {
    options.steps_max = request.steps_max;
    options.minutes = 0;
  }
  if (request.minutes > 0) options.minutes = request.minutes;
  options.minutes /= static_cast<double>(runs);
}

}  // namespace skipcast::engine
