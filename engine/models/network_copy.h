// Copies of a task's network, trained on for something else: one a kind
// (engine/settings/copy_kinds.h).
//
// models/<task>.<kind>.safetensors: all weights, and in the metadata what they were made of. A copy
// belongs to one model (its fingerprint) and is refused beside another: train it again. The model's
// own forecasts, keys and policies stay as they are. Files of earlier versions, under a kind's old
// name, are read; a copy that is trained again replaces them. Values; immutable after load.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "engine/networks/network.h"
#include "engine/settings/copy_kinds.h"
#include "storage/series/series_store.h"

namespace skipcast::engine {

struct StoredCopy {
  CopyInfo info;
  std::shared_ptr<Network> network;
  std::map<std::string, std::string> note;  // figures of its training, for people
};

// The model that copies belong to, beside which their files lie.
struct CopyHome {
  std::string archive, archive_id;  // path and id
  Task task;
  NetworkShape shape;
  std::string model;  // its fingerprint
};
CopyHome copy_home(const storage::SeriesStore& store, const Task& task, const NetworkShape& shape,
                   const std::string& model);

// The file of a kind, by its old name where only that is there.
std::string copy_path(const std::string& archive, const std::string& task_name,
                      const CopyKind& kind);

// Where a copy starts from: the same shape and weights, without moment heads; with retrieval
// attention, whose output is 0, if asked for.
std::shared_ptr<Network> copy_of(Network& network, const Task& task, const NetworkShape& shape,
                                 bool retrieval);

// Durably, in one file; then a file under the kind's old name goes.
Status save_copy(const CopyHome& home, const StoredCopy& copy);

// kNotFound when it is not trained yet (says which command trains it); kRefused when it belongs to
// another archive or model; kDataLoss when it is damaged; kUnsupported for a newer version.
Result<StoredCopy> read_copy(const CopyHome& home, const CopyKind& kind);

}  // namespace skipcast::engine
