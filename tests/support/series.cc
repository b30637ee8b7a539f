#include "tests/support/series.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <limits>

namespace skipcast::tests {

storage::Schema small_schema(int64_t variables, int64_t places, storage::Codec codec) {
  storage::Schema schema;
  schema.title = "a small city";
  schema.axis.start_s = storage::from_civil(2020, 1, 1, 0);
  schema.axis.step_s = 3600;
  for (int64_t v = 0; v < variables; ++v) {
    schema.variables.push_back({.name = fmt::format("v{}", v), .units = "1", .codec = codec});
  }
  for (int64_t p = 0; p < places; ++p) schema.places.names.push_back(fmt::format("p{}", p));
  return schema;
}

float value_at(int64_t state, int64_t variable, int64_t place) {
  const uint64_t mixed =
      (static_cast<uint64_t>(state) * 1'000'003 + variable * 7919 + place) * 0x9e3779b97f4a7c15ULL;
  if ((mixed >> 40) % 17 == 0) {
    return std::numeric_limits<float>::quiet_NaN();
  }
  return 20.0f + 10.0f * std::sin(0.1f * static_cast<float>(state)) +
         static_cast<float>(mixed >> 44) * 1e-6f;
}

storage::StateBlock block_of(const storage::Schema& schema, int64_t first, int64_t states) {
  storage::StateBlock block{.first = first, .states = states};
  const auto variables = static_cast<int64_t>(schema.variables.size());
  for (int64_t s = first; s < first + states; ++s) {
    for (int64_t v = 0; v < variables; ++v) {
      for (int64_t p = 0; p < schema.places.count(); ++p) {
        block.values.push_back(value_at(s, v, p));
      }
    }
  }
  return block;
}

std::vector<int32_t> all_variables(const storage::Schema& schema) {
  std::vector<int32_t> variables;
  for (size_t v = 0; v < schema.variables.size(); ++v) {
    variables.push_back(static_cast<int32_t>(v));
  }
  return variables;
}

bool same(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) ||
         (std::isnan(a) && std::isnan(b));
}

std::string difference(const storage::SeriesStore& store, int64_t first, int64_t count) {
  const storage::StateBlock expected = block_of(store.schema(), first, count);
  std::vector<float> got(expected.values.size());
  const Status status = store.read(first, count, all_variables(store.schema()), got);
  if (!status.ok()) return status.message();
  for (size_t i = 0; i < got.size(); ++i) {
    if (!same(got[i], expected.values[i])) {
      return fmt::format("value {}: expected {}, got {}", i, expected.values[i], got[i]);
    }
  }
  return "";
}

}  // namespace skipcast::tests
