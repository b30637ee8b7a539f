// A series store in memory, for tests of what stands above storage: a schema and its values.
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "storage/series/block_table.h"
#include "storage/series/series_store.h"

namespace skipcast::tests {

// Holds values[state, variable, place]; append() takes what follows, without overlap. Reads may
// run while another thread appends only if reserve() was called for all states first.
class MemoryStore final : public storage::SeriesStore {
 public:
  MemoryStore(storage::Schema schema, std::vector<float> values,
              std::string store_id = "00112233445566778899aabbccddeeff")
      : schema_(std::move(schema)), values_(std::move(values)), store_id_(std::move(store_id)) {
    states_ = static_cast<int64_t>(values_.size()) / schema_.state_values();
  }

  Result<storage::AppendReceipt> append(const storage::StateBlock& block) override {
    if (block.first != size()) return refused("a memory store takes no overlap and no gap");
    values_.insert(values_.end(), block.values.begin(), block.values.end());
    const std::lock_guard lock(mutex_);
    states_ += block.states;
    blocks_.push_back({static_cast<int64_t>(blocks_.size()) + 1, block.first, block.states});
    return storage::AppendReceipt{blocks_.back().block, block.states, 0};
  }

  Status read(int64_t first, int64_t count, std::span<const int32_t> variables,
              std::span<float> out) const override {
    const int64_t places = schema_.places.count(), width = schema_.state_values();
    if (first < 0 || count < 0 || first + count > size()) return not_found("no such states");
    float* to = out.data();
    for (int64_t state = first; state < first + count; ++state) {
      for (const int32_t variable : variables) {
        const float* from = values_.data() + state * width + variable * places;
        to = std::copy_n(from, places, to);
      }
    }
    return Status();
  }

  int64_t size() const override { return states_; }
  const storage::Schema& schema() const override { return schema_; }
  const std::string& path() const override { return path_; }
  const std::string& store_id() const override { return store_id_; }
  std::vector<storage::BlockInfo> blocks() const override {
    const std::lock_guard lock(mutex_);
    return blocks_;
  }
  uint32_t chain_at(int64_t block) const override {
    const std::lock_guard lock(mutex_);
    return chain_of(block);
  }
  storage::Receipt last() const override {
    const std::lock_guard lock(mutex_);
    const auto count = static_cast<int64_t>(blocks_.size());
    return {count, size(), chain_of(count)};
  }
  Status erase(const storage::Erasure& asked) override {
    const std::lock_guard lock(mutex_);
    storage::Erasure erasure = asked;
    erasure.block = static_cast<int64_t>(blocks_.size()) + 1;
    blocks_.push_back({erasure.block, size(), 0});
    storage::blank_erased({&erasure, 1}, 0, schema_.places.count(),
                          static_cast<int64_t>(schema_.variables.size()), values_);
    erasures_.push_back(std::move(erasure));
    return Status();
  }
  std::vector<storage::Erasure> erasures() const override {
    const std::lock_guard lock(mutex_);
    return erasures_;
  }
  Status set_tasks(const std::string& tasks_json) override {
    schema_.tasks_json = tasks_json;
    return Status();
  }

  // The folder where models and indexes are looked for; by default there is none.
  void lies_at(const std::string& path) { path_ = path; }
  // The values themselves, for tests that damage or compare them.
  std::vector<float>& values() { return values_; }
  void reserve(int64_t states) {
    values_.reserve(static_cast<size_t>(states * schema_.state_values()));
  }

 private:
  // A chain of block numbers and sizes: enough to tell one history from another.
  uint32_t chain_of(int64_t block) const {
    uint32_t chain = 17;
    for (int64_t b = 0; b < block; ++b) {
      chain = chain * 31 + static_cast<uint32_t>(blocks_[static_cast<size_t>(b)].states);
    }
    return chain;
  }

  storage::Schema schema_;
  std::vector<float> values_;
  std::atomic<int64_t> states_ = 0;
  mutable std::mutex mutex_;  // guards blocks_ and erasures_
  std::string store_id_;
  std::string path_ = "(memory)";
  std::vector<storage::BlockInfo> blocks_;
  std::vector<storage::Erasure> erasures_;
};

// A graph schema with `variables` named "a", "b", ... and `places` named "p0", "p1", ...: hourly
// from Monday 2018-01-01 unless the caller changes the axis.
inline storage::Schema memory_schema(int variables, int places) {
  storage::Schema schema;
  schema.title = "memory";
  schema.axis.start_s = 1514764800;
  schema.axis.step_s = 3600;
  for (int v = 0; v < variables; ++v) {
    storage::Variable variable;
    variable.name = std::string(1, static_cast<char>('a' + v));
    variable.units = "1";
    schema.variables.push_back(variable);
  }
  for (int p = 0; p < places; ++p) schema.places.names.push_back("p" + std::to_string(p));
  return schema;
}

}  // namespace skipcast::tests
