#include "engine/data/retrieved_futures.h"

#include <ATen/ATen.h>

#include <cmath>

namespace skipcast::engine {
namespace {

constexpr double kFartherMax = 4;  // a distance beyond so many usual ones says no more
constexpr double kAgeScale = 4;    // ln of an age of about 50 windows

}  // namespace

RetrievedBatch retrieved_batch(const Dataset& dataset, const TargetSpace& target,
                               std::span<const int64_t> queries,
                               std::span<const retrieval::Neighbour> analogs,
                               double distance_scale) {
  const auto batch = static_cast<int64_t>(queries.size());
  const auto rows = static_cast<int64_t>(analogs.size());
  SKIPCAST_CHECK(batch > 0 && rows > 0 && rows % batch == 0 && distance_scale > 0);
  const int64_t count = rows / batch;
  const int64_t window = dataset.task().spec.span();
  std::vector<int64_t> origins;
  at::Tensor facts = at::empty({batch, count, 2}, at::kFloat);
  float* fact = facts.data_ptr<float>();
  for (int64_t i = 0; i < rows; ++i) {
    const retrieval::Neighbour& analog = analogs[static_cast<size_t>(i)];
    origins.push_back(analog.origin);
    const auto apart = std::abs(queries[static_cast<size_t>(i / count)] - analog.origin);
    const double age = static_cast<double>(apart) / static_cast<double>(window);
    const double farther = std::isnan(analog.distance) ? 1 : analog.distance / distance_scale;
    *fact++ = static_cast<float>(std::min(farther, kFartherMax));
    *fact++ = static_cast<float>(std::log1p(age) / kAgeScale);
  }
  const ContextBatch theirs = dataset.contexts(origins);
  const int64_t targets = theirs.last.size(1);
  const at::Tensor ours = dataset.contexts(queries).values.narrow(2, 0, targets).unsqueeze(1);
  const auto by_query = [&](const at::Tensor& x) {
    std::vector<int64_t> shape = x.sizes().vec();
    shape[0] = count;
    shape.insert(shape.begin(), batch);
    return x.reshape(shape);
  };
  RetrievedBatch made;
  made.futures = by_query(target.to_target(dataset.filled_futures(origins), theirs.last));
  made.mismatch = by_query(theirs.values.narrow(2, 0, targets)) - ours;
  made.facts = facts.to(made.futures.device());
  made.weight = at::ones({batch}, made.futures.options());
  return made;
}

}  // namespace skipcast::engine
