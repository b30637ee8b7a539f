// One JSON object of a recipe, read strictly, key by key. Internal to recipe.cc.
//
// Each reader leaves its output alone when the key is absent. The first wrong type, and at
// finish() the first key nobody asked for, becomes a kBadInput sentence with file and key.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <vector>

#include "storage/status.h"

namespace skipcast::storage {

class Fields {
 public:
  // `object` must outlive this; `where` is its key path ("variables[2]"), empty at the top.
  Fields(const nlohmann::json& object, std::string where, std::string file);

  void text(const char* key, std::string& out);
  void texts(const char* key, std::vector<std::string>& out);
  void numbers(const char* key, std::vector<double>& out);
  void number(const char* key, double& out);
  void count(const char* key, int64_t& out);  // a whole number from 0 up
  void flag(const char* key, bool& out);

  // The value under `key` (checked to be an array), or nullptr; the key counts as known.
  const nlohmann::json* take(const char* key);
  const nlohmann::json* take_array(const char* key, const char* of_what);

  // Records that `key` (empty: the object itself) "is not ..."; only the first fault is kept.
  void fail(const std::string& key, const std::string& what);
  Status finish();

 private:
  const nlohmann::json& object_;
  const std::string where_, file_;
  std::set<std::string> known_;
  Status status_;
};

}  // namespace skipcast::storage
