// Copies of a network, made without training, and as earlier versions wrote them. Include after
// LibTorch's headers.
#pragma once

#include <filesystem>
#include <string>

#include "engine/models/model_file.h"
#include "engine/models/network_copy.h"
#include "engine/models/weights.h"
#include "tests/support/torch_doctest.h"

namespace skipcast::tests {

// Where the copies of a trained task belong.
inline engine::CopyHome home_of(const storage::SeriesStore& store, const std::string& task) {
  const auto stored = engine::read_model(store, task);
  REQUIRE_MESSAGE(stored.ok(), stored.status().message());
  const engine::ModelParts& parts = stored->parts;
  return engine::copy_home(
      store, parts.task,
      engine::shape_of(parts.task, store.schema().places, parts.normalizer, parts.target),
      stored->fingerprint);
}

// Saves the network itself as a copy of this kind, with retrieval attention that changes nothing.
inline void save_untrained_copy(const storage::SeriesStore& store, const std::string& task,
                                const char* kind) {
  const engine::CopyHome home = home_of(store, task);
  const auto stored = engine::read_model(store, task);
  engine::StoredCopy copy = {.info = {.kind = kind, .retrieval = true}, .network = {}, .note = {}};
  copy.network = engine::copy_of(*stored->parts.network, home.task, home.shape, true);
  REQUIRE(engine::save_copy(home, copy).ok());
}

// Renames a copy's file and the word in it as an earlier version had them; returns its path.
inline std::string age_copy(const storage::SeriesStore& store, const std::string& task,
                            const char* kind) {
  const engine::CopyKind& row = engine::copy_kind(kind);
  const std::string now = engine::copy_path(store.path(), task, row);
  auto weights = engine::read_weights(now);
  REQUIRE_MESSAGE(weights.ok(), weights.status().message());
  weights->metadata["role"] = row.old_name;
  const std::string before = store.path() + "/models/" + task + "." + row.old_name + ".safetensors";
  REQUIRE(engine::write_weights(before, *weights).ok());
  std::filesystem::remove(now);
  return before;
}

}  // namespace skipcast::tests
