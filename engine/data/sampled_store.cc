#include "engine/data/sampled_store.h"

#include <algorithm>
#include <limits>

namespace skipcast::engine {
namespace {

constexpr int64_t kReadValues = 1 << 22;  // at once, about

// The numbers of `wanted` of `count` places, first and last included.
std::vector<size_t> spread(int64_t count, int64_t wanted) {
  std::vector<size_t> chosen;
  const int64_t most = std::clamp<int64_t>(wanted, 1, count);
  for (int64_t i = 0; i < most; ++i) {
    chosen.push_back(static_cast<size_t>(most == 1 ? 0 : i * (count - 1) / (most - 1)));
  }
  return chosen;
}

storage::Schema schema_of(const storage::Schema& whole, const SampledStore::Sample& sample,
                          const std::vector<size_t>& places) {
  storage::Schema schema = whole;
  schema.variables.clear();
  for (const int32_t number : sample.variables) {
    schema.variables.push_back(whole.variables[static_cast<size_t>(number)]);
  }
  schema.places = {};
  for (const size_t place : places) {
    const std::vector<std::string>& names = whole.places.names;
    schema.places.names.push_back(place < names.size() ? names[place] : std::to_string(place));
  }
  return schema;
}

Status read_only() { return refused("a sample of an archive is not changed"); }

}  // namespace

Result<std::unique_ptr<SampledStore>> SampledStore::make(const storage::SeriesStore& store,
                                                         const Sample& sample) {
  std::unique_ptr<SampledStore> made(new SampledStore);
  const auto count = store.schema().places.count();
  const std::vector<size_t> places = spread(count, sample.places_max);
  const auto variables = static_cast<int64_t>(sample.variables.size());
  made->schema_ = schema_of(store.schema(), sample, places);
  made->path_ = store.path();
  made->store_id_ = store.store_id();
  made->states_ = sample.states;
  made->least_.assign(sample.variables.size(), std::numeric_limits<float>::infinity());
  const int64_t row = variables * count, chunk = std::max<int64_t>(1, kReadValues / row);
  std::vector<float> values;
  for (int64_t first = 0; first < sample.states; first += chunk) {
    const int64_t states = std::min(chunk, sample.states - first);
    values.resize(static_cast<size_t>(states * row));
    SKIPCAST_TRY_OK(store.read(first, states, sample.variables, values));
    for (int64_t i = 0; i < states * variables; ++i) {
      const float* from = values.data() + i * count;
      float& least = made->least_[static_cast<size_t>(i % variables)];
      for (int64_t place = 0; place < count; ++place) {
        if (from[place] < least) least = from[place];
      }
      for (const size_t place : places) made->values_.push_back(from[place]);
    }
  }
  return made;
}

Status SampledStore::read(int64_t first, int64_t count, std::span<const int32_t> variables,
                          std::span<float> out) const {
  if (first < 0 || count < 0 || first + count > states_) return not_found("no such states");
  const int64_t places = schema_.places.count(), width = schema_.state_values();
  float* to = out.data();
  for (int64_t state = first; state < first + count; ++state) {
    for (const int32_t variable : variables) {
      to = std::copy_n(values_.data() + state * width + variable * places, places, to);
    }
  }
  return {};
}

Result<storage::AppendReceipt> SampledStore::append(const storage::StateBlock&) {
  return read_only();
}
Status SampledStore::erase(const storage::Erasure&) { return read_only(); }
Status SampledStore::set_tasks(const std::string&) { return read_only(); }

}  // namespace skipcast::engine
