// Some places of an archive in memory, as an archive of their own: for quick looks at data of any
// size. Read-only: what would change it is refused. Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "storage/series/series_store.h"

namespace skipcast::engine {

class SampledStore final : public storage::SeriesStore {
 public:
  struct Sample {
    std::vector<int32_t> variables;  // store variable numbers
    int64_t states = 0;              // the first so many
    int64_t places_max = 0;          // evenly spread over the archive's
  };
  // Reads the archive once. The schema's variables are those of the sample, in its order; its
  // places are a graph's, without adjacency. Errors: of reading.
  static Result<std::unique_ptr<SampledStore>> make(const storage::SeriesStore& store,
                                                    const Sample& sample);

  // The least value of each variable at any place of the archive in these states; infinite where
  // nothing was observed.
  const std::vector<float>& least() const { return least_; }

  Status read(int64_t first, int64_t count, std::span<const int32_t> variables,
              std::span<float> out) const override;
  int64_t size() const override { return states_; }
  const storage::Schema& schema() const override { return schema_; }
  const std::string& path() const override { return path_; }
  const std::string& store_id() const override { return store_id_; }
  std::vector<storage::BlockInfo> blocks() const override { return {}; }
  storage::Receipt last() const override { return {0, states_, 0}; }
  uint32_t chain_at(int64_t) const override { return 0; }
  std::vector<storage::Erasure> erasures() const override { return {}; }
  Result<storage::AppendReceipt> append(const storage::StateBlock&) override;
  Status erase(const storage::Erasure&) override;
  Status set_tasks(const std::string&) override;

 private:
  SampledStore() = default;

  storage::Schema schema_;
  std::string path_, store_id_;
  int64_t states_ = 0;
  std::vector<float> values_;  // [states, variables, places]
  std::vector<float> least_;
};

}  // namespace skipcast::engine
