// The log of trainings, models/<task>.log.jsonl: one JSON object a line, appended. A log that
// cannot be written is no reason to stop training. Not thread-safe. Internal to engine.
#pragma once

#include <cstdio>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace skipcast::engine {

class TrainingLog {
 public:
  // `method` is added to every line. The file is opened with the first one:
  // the loop has made its folder by then.
  TrainingLog(const std::string& path, std::string method);
  ~TrainingLog();
  TrainingLog(const TrainingLog&) = delete;
  TrainingLog& operator=(const TrainingLog&) = delete;

  void line(nlohmann::json event);

 private:
  const std::string path_, method_;
  std::FILE* file_ = nullptr;  // null: nothing was logged yet, or it cannot be written
};

}  // namespace skipcast::engine
