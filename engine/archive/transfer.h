// A network trained on one archive, put to work on another with the same kind of places: other
// sensors, other stations. Places that it never saw are told apart by facts about them
// (place_description.h); normalisation, target space, analogs and scores are the new archive's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/models/model.h"
#include "storage/series/series_store.h"

namespace skipcast::engine {

struct TransferRequest {
  std::string task;      // of both archives
  bool replace = false;  // a model that the task has already
  // Although the network was trained on times that are held out here: see transfer().
  bool allow_overlap = false;
  int64_t threads = 0;  // intra-op threads; 0 = all cores
};

struct TransferReport {
  std::string model_path;
  int64_t places = 0;
  int64_t seen = 0;                 // of them by name among those trained on
  std::vector<std::string> copies;  // the kinds of those that came along
  double validation_crps = 0;       // fair, normalised units, on the new archive's validation part
  double seconds = 0;
};

// Writes models/<task>.* of `to`; `from` stays as it is. kRefused when the network has a learned
// embedding a place (names the command that trains another), when `to` has a model already, or when
// the training part of `from` reaches into times after that of `to`: what happened then at other
// places is known to the network, and validation and test would be flattered.
// kBadInput when the archives' steps, or the units or transforms of the task's variables, differ,
// or only one of the two has the adjacency that the network uses; kNotFound as find_task(), and
// when `from` has no model; kDataLoss as Model::load.
Result<TransferReport> transfer(const storage::SeriesStore& from, const storage::SeriesStore& to,
                                const TransferRequest& request);

}  // namespace skipcast::engine
