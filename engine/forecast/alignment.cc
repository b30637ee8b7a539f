#include "engine/forecast/alignment.h"

#include <ATen/ATen.h>

#include <array>

#include "engine/data/target_space.h"
#include "engine/settings/words.h"
#include "samplers/starts.h"

namespace skipcast::engine {
namespace {

// What an alignment moves.
struct Moved {
  const Dataset& dataset;
  const MeanTable* means;
  const Query& query;
  std::span<const int64_t> origins;
  const at::Tensor& futures;
  double decay_tau;
};

at::Tensor offset(const Moved& of) {
  return samplers::align_offset(of.futures, of.dataset.contexts(of.origins).last, of.query.last,
                                of.decay_tau);
}

at::Tensor residual(const Moved& of) {
  SKIPCAST_CHECK(of.means != nullptr);
  return samplers::align_residual(of.futures, of.means->means(of.origins), of.query.mean);
}

at::Tensor half(const Moved& of) { return (offset(of) + residual(of)) * 0.5; }

struct AlignmentRow {
  Alignment name;
  bool uses_means;
  at::Tensor (*move)(const Moved&);  // nullptr: not moved
};

constexpr std::array<AlignmentRow, 4> kAlignments = {{
    {Alignment::kNone, false, nullptr},
    {Alignment::kOffset, false, offset},
    {Alignment::kResidual, true, residual},
    {Alignment::kHalf, true, half},
}};

const AlignmentRow* find(Alignment alignment) {
  for (const AlignmentRow& row : kAlignments) {
    if (row.name == alignment) return &row;
  }
  return nullptr;
}

}  // namespace

std::string alignment_names() {
  std::string names;
  for (const AlignmentRow& row : kAlignments) add_name(names, row.name.view());
  return names;
}

Result<Alignment> alignment_from(std::string_view word) {
  const Alignment alignment = read_alignment(word);
  if (find(alignment) != nullptr) return alignment;
  return unknown_word("alignment", word, alignment_names());
}

bool uses_means(Alignment alignment) {
  const AlignmentRow* const row = find(alignment);
  return row != nullptr && row->uses_means;
}

at::Tensor aligned_futures(const Dataset& dataset, const MeanTable* means, const Query& query,
                           std::span<const int64_t> origins, const StartOptions& start) {
  const AlignmentRow* const row = find(start.alignment);
  SKIPCAST_CHECK(row != nullptr);
  const at::Tensor futures = dataset.filled_futures(origins);
  if (row->move == nullptr) return futures;
  const at::Tensor moved = row->move({dataset, means, query, origins, futures, start.decay_tau});
  const auto [low, high] = dataset.range(query.last);
  return at::clamp(moved, low, high);
}

Result<at::Tensor> moved_futures(AnalogKeys& keys, const Query& query,
                                 std::span<const int64_t> origins, const StartOptions& start) {
  std::shared_ptr<MeanTable> means;
  if (query.mean.defined()) {
    SKIPCAST_TRY(means, keys.means());
  }
  return aligned_futures(keys.dataset(), means.get(), query, origins, start);
}

std::optional<samplers::AlignedStart> aligned_start(const Dataset& dataset, const Model& model,
                                                    const Query& query,
                                                    std::span<const int64_t> origins,
                                                    const StartOptions& start) {
  const TargetSpace* target = model.target_space();
  if (target == nullptr || start.alignment != Alignment::kOffset || start.added_noise > 0)
    return {};
  const auto [low, high] = dataset.range(query.last);
  return samplers::AlignedStart{
      .future = dataset.filled_futures(origins),
      .analog_last = dataset.contexts(origins).last,
      .query_last = query.last.contiguous(),
      .decay = samplers::offset_decay(model.task().spec.future_states, start.decay_tau,
                                      query.last.options()),
      .low = low,
      .high = high,
      .damping = target->damping.contiguous(),
      .scale = target->scale.contiguous()};
}

}  // namespace skipcast::engine
