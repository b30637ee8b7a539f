#include "engine/data/task_fields.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

namespace skipcast::engine {

using Json = nlohmann::json;

TaskFields::TaskFields(const Json& object, std::string where)
    : object_(object), where_(std::move(where)) {
  if (!object.is_object()) status_ = bad_input(where_ + " is not an object { ... }");
}

void TaskFields::text(const char* key, std::string& out) {
  const Json* value = take(key);
  if (!value) return;
  if (!value->is_string()) return fail(key, "is not a text in quotes");
  out = value->get<std::string>();
}

void TaskFields::texts(const char* key, std::vector<std::string>& out) {
  const Json* value = take(key);
  if (!value) return;
  const auto is_text = [](const Json& item) { return item.is_string(); };
  if (!value->is_array() || value->size() > 4096 ||
      !std::all_of(value->begin(), value->end(), is_text)) {
    return fail(key, "is not a list of texts");
  }
  out = value->get<std::vector<std::string>>();
}

void TaskFields::number(const char* key, double& out, NumberRange range) {
  const Json* value = take(key);
  if (!value) return;
  if (!value->is_number()) return fail(key, "is not a number");
  const double number = value->get<double>();
  if (!(number >= range.low && number <= range.high)) {
    return fail(key, fmt::format("is {}, outside {} to {}", number, range.low, range.high));
  }
  out = number;
}

void TaskFields::count(const char* key, int64_t& out, NumberRange range) {
  double number = static_cast<double>(out);
  this->number(key, number, range);
  if (number != std::floor(number)) return fail(key, "is not a whole number");
  out = static_cast<int64_t>(number);
}

void TaskFields::flag(const char* key, bool& out) {
  const Json* value = take(key);
  if (!value) return;
  if (!value->is_boolean()) return fail(key, "is neither true nor false");
  out = value->get<bool>();
}

void TaskFields::choice(const char* key, const std::vector<std::string>& words, int& out) {
  const Json* value = take(key);
  if (!value) return;
  const auto found = value->is_string()
                         ? std::find(words.begin(), words.end(), value->get<std::string>())
                         : words.end();
  if (found == words.end()) {
    return fail(key, fmt::format("is none of: {}", fmt::join(words, ", ")));
  }
  out = static_cast<int>(found - words.begin());
}

void TaskFields::choices(const char* key, const std::vector<std::string>& words,
                         std::map<std::string, int>& out) {
  const Json* value = take(key);
  if (!value) return;
  if (!value->is_object()) return fail(key, "is not an object {name: word}");
  for (const auto& [name, word] : value->items()) {
    const auto found = word.is_string()
                           ? std::find(words.begin(), words.end(), word.get<std::string>())
                           : words.end();
    if (found == words.end()) {
      return fail(
          key, fmt::format("of \"{}\" is none of: {}", name.substr(0, 80), fmt::join(words, ", ")));
    }
    out[name] = static_cast<int>(found - words.begin());
  }
}

const Json* TaskFields::take(const char* key) {
  known_.emplace_back(key);
  if (!object_.is_object()) return nullptr;
  const auto found = object_.find(key);
  return found == object_.end() ? nullptr : &*found;
}

void TaskFields::fail(const std::string& key, const std::string& what) {
  if (status_.ok()) status_ = bad_input(fmt::format("{}: \"{}\" {}", where_, key, what));
}

Status TaskFields::finish() {
  if (!status_.ok()) return status_;
  for (const auto& [key, value] : object_.items()) {
    if (key == "comment" || std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    fail(key.substr(0, 80), fmt::format("is no key here; known are: {}", fmt::join(known_, ", ")));
  }
  return status_;
}

}  // namespace skipcast::engine
