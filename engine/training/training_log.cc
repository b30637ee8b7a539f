#include "engine/training/training_log.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace skipcast::engine {

TrainingLog::TrainingLog(const std::string& path, std::string method)
    : path_(path), method_(std::move(method)) {}

TrainingLog::~TrainingLog() {
  if (file_ != nullptr) std::fclose(file_);
}

void TrainingLog::line(nlohmann::json event) {
  if (file_ == nullptr) file_ = std::fopen(path_.c_str(), "a");
  if (file_ == nullptr) return;
  event["method"] = method_;
  std::fputs((event.dump() + "\n").c_str(), file_);
  std::fflush(file_);
}

}  // namespace skipcast::engine
