// Training a task's learned metric with a model at hand (tests); otherwise it is one of methods().
#pragma once

#include <memory>

#include "engine/models/model.h"
#include "engine/training/method.h"

namespace skipcast::engine {

// `store` and `request` must outlive it. Null `model`: the task's is loaded.
std::unique_ptr<Method> make_learned_metric(const storage::SeriesStore& store,
                                            const TrainRequest& request,
                                            std::shared_ptr<const Model> model);

}  // namespace skipcast::engine
