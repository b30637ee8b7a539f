// The analogs of many windows, found once before training on them. Internal to engine.
//
// As they would have been in operation: for a training window only windows whose future had ended
// by its origin, from the training part; where hardly any history lies before it, from both sides
// but for a band of T_in + T_out states. For validation windows the growing archive.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/data/task.h"
#include "retrieval/search/analog_index.h"

namespace skipcast::engine {

class AnalogTable {
 public:
  // `pool` analogs each, nearest first; fewer than that are repeated in turn. Windows without any
  // are left out of origins(). Errors of the index.
  static Result<AnalogTable> for_training(const retrieval::AnalogIndex& index, const Task& task,
                                          const Split& split, std::span<const int64_t> origins,
                                          int64_t pool);
  static Result<AnalogTable> for_validation(const retrieval::AnalogIndex& index, const Task& task,
                                            std::span<const int64_t> origins, int64_t pool);

  const std::vector<int64_t>& origins() const { return origins_; }
  // The first `count` <= pool of the window, distances not squared. REQUIRES one of origins().
  std::span<const retrieval::Neighbour> of(int64_t origin, int64_t count) const;
  // Mean distance of the first `count` over all windows; 1 if that is 0.
  double mean_distance(int64_t count) const;

 private:
  Status find(const retrieval::AnalogIndex& index, std::span<const int64_t> origins,
              const retrieval::Guard& guard);
  void add(int64_t origin, const std::vector<retrieval::Neighbour>& analogs);

  int64_t pool_ = 0;
  std::vector<int64_t> origins_;
  std::vector<retrieval::Neighbour> analogs_;  // [origins, pool]
  std::unordered_map<int64_t, int64_t> row_;   // by origin
};

}  // namespace skipcast::engine
