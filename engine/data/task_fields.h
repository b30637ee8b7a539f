// One JSON object of a task, read strictly, key by key. Internal to task.cc.
//
// Each reader leaves its output alone when the key is absent. The first wrong value, and at
// finish() the first key nobody asked for, becomes a kBadInput sentence that names the task, the
// key and what is allowed. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "storage/status.h"

namespace skipcast::engine {

struct NumberRange {
  double low, high;  // both allowed
};

class TaskFields {
 public:
  // `object` must outlive this; `where` starts every message: "task metr-12" or
  // "task metr-12, \"training\"".
  TaskFields(const nlohmann::json& object, std::string where);

  void text(const char* key, std::string& out);
  void texts(const char* key, std::vector<std::string>& out);
  void number(const char* key, double& out, NumberRange range);
  void count(const char* key, int64_t& out, NumberRange range);
  void flag(const char* key, bool& out);
  // One of `words`; `out` becomes its position.
  void choice(const char* key, const std::vector<std::string>& words, int& out);
  // An object {name: one of `words`}; `out` gets its position for each name.
  void choices(const char* key, const std::vector<std::string>& words,
               std::map<std::string, int>& out);

  // The value under `key`, or nullptr; the key counts as known.
  const nlohmann::json* take(const char* key);
  // Records a fault of `key`; only the first is kept.
  void fail(const std::string& key, const std::string& what);
  // The first fault, else the first unknown key (listing the known ones), else ok.
  Status finish();

 private:
  const nlohmann::json& object_;
  const std::string where_;
  std::vector<std::string> known_;
  Status status_;
};

}  // namespace skipcast::engine
