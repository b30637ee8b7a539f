// The log of trainings, models/<task>.log.jsonl: one JSON object a line, appended. A log that
// cannot be written is no reason to stop training. Not thread-safe. Internal to engine.
#pragma once

#include <cstdio>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace skipcast::engine {

class TrainingLog {
 public:
  // `method` is added to every line.
  TrainingLog(const std::string& path, std::string method);
  ~TrainingLog();
  TrainingLog(const TrainingLog&) = delete;
  TrainingLog& operator=(const TrainingLog&) = delete;

  void line(nlohmann::json event);

 private:
  std::FILE* file_;  // null: it cannot be written
  const std::string method_;
};

}  // namespace skipcast::engine
