// The states of one window, for tests that compare with what the program makes of them.
#pragma once

#include <cstdint>
#include <span>

#include "storage/schema/window.h"
#include "storage/series/series_store.h"

namespace skipcast::tests {

// The context ending at `origin` into out[T_in, variables.size(), places]; the store's errors.
inline Status read_context(const storage::SeriesStore& store, const storage::WindowSpec& spec,
                           int64_t origin, std::span<const int32_t> variables,
                           std::span<float> out) {
  return store.read(origin - spec.context_states + 1, spec.context_states, variables, out);
}

// The future after `origin` into out[T_out, variables.size(), places]; the store's errors.
inline Status read_future(const storage::SeriesStore& store, const storage::WindowSpec& spec,
                          int64_t origin, std::span<const int32_t> variables,
                          std::span<float> out) {
  return store.read(origin + 1, spec.future_states, variables, out);
}

}  // namespace skipcast::tests
