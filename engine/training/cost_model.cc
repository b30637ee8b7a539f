#include "engine/training/cost_model.h"

#include <algorithm>

#include "engine/training/validation.h"
#include "retrieval/scaling/slots.h"

namespace skipcast::engine {
namespace {

constexpr double kThereAndBack = 3;     // forward once, the way back costs two of it
constexpr double kWeightBuffers = 11;   // values, gradients, decays of two networks; moments; best
constexpr double kTransient = 1.4;      // what a pass takes beside what it keeps
constexpr double kWorkingBytes = 64e6;  // of a validation's windows at once
// What a weight of the arithmetic costs beside it in traffic: elementwise work of small widths.
constexpr double kFlopsAByte = 12;
constexpr double kFlopsACore = 40e9, kFlopsAGpu = 8e12;

}  // namespace

TrainingCost training_cost(const Task& task, const NetworkShape& shape, bool gpu) {
  const NetworkCost network = network_cost(task.network, shape);
  const TrainingOptions& t = task.training;
  const auto draws = static_cast<double>(t.sigma_draws);
  TrainingCost cost;
  const double kept = network.encode_bytes + draws * network.denoise_bytes;
  const double flops = network.encode_flops + draws * network.denoise_flops;
  cost.window_flops = kThereAndBack * flops + kFlopsAByte * kept;
  cost.window_bytes = kept;
  const double most = (gpu ? kPartBytesGpu : kPartBytes) / kept;
  const auto fits = static_cast<int64_t>(std::clamp(most, 1.0, static_cast<double>(t.batch)));
  const int64_t parts = (t.batch + fits - 1) / fits;
  cost.windows_at_once = (t.batch + parts - 1) / parts;
  cost.part_bytes = kTransient * kept * static_cast<double>(cost.windows_at_once);
  cost.fixed_bytes = kWeightBuffers * sizeof(float) * network.parameters;
  const double pass = network.denoise_flops + kFlopsAByte * network.working_bytes;
  cost.validation_flops = static_cast<double>(t.validation_windows) *
                          (network.encode_flops + kValidationMembers * kValidationSteps * pass);
  return cost;
}

int64_t validation_windows_at_once(const NetworkOptions& options, const NetworkShape& shape) {
  const double window = kValidationMembers * network_cost(options, shape).working_bytes;
  return static_cast<int64_t>(std::clamp(kWorkingBytes / window, 1.0, 8.0));
}

double nominal_flops_a_second(int64_t threads, bool gpu) {
  return gpu ? kFlopsAGpu : kFlopsACore * static_cast<double>(threads);
}

NetworkShape planning_shape(const Task& task, const storage::Schema& schema) {
  const bool by_slot =
      task.base != retrieval::Base::kMean && retrieval::slot_count(schema.axis, task.base) > 1;
  return shape_of(task, schema.places, by_slot);
}

}  // namespace skipcast::engine
