#include "storage/readers/recipe_fields.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "storage/formats/csv_cells.h"

namespace skipcast::storage {
namespace {

using Json = nlohmann::json;

constexpr size_t kItemsMax = size_t{1} << 24;

}  // namespace

Fields::Fields(const Json& object, std::string where, std::string file)
    : object_(object), where_(std::move(where)), file_(std::move(file)) {
  if (!object.is_object()) fail("", "is not an object { ... }");
}

void Fields::text(const char* key, std::string& out) {
  if (const Json* value = take(key)) {
    if (!value->is_string()) return fail(key, "is not a text in quotes");
    out = value->get<std::string>();
  }
}

void Fields::texts(const char* key, std::vector<std::string>& out) {
  const Json* value = take_array(key, "texts");
  if (!value) return;
  for (const Json& item : *value) {
    if (!item.is_string()) return fail(key, "is not a list of texts");
    out.push_back(item.get<std::string>());
  }
}

void Fields::numbers(const char* key, std::vector<double>& out) {
  const Json* value = take_array(key, "numbers");
  if (!value) return;
  for (const Json& item : *value) {
    if (!item.is_number()) return fail(key, "is not a list of numbers");
    out.push_back(item.get<double>());
  }
}

void Fields::number(const char* key, double& out) {
  if (const Json* value = take(key)) {
    if (!value->is_number() || !std::isfinite(value->get<double>())) {
      return fail(key, "is not a number");
    }
    out = value->get<double>();
  }
}

void Fields::count(const char* key, int64_t& out) {
  if (const Json* value = take(key)) {
    if (!value->is_number_integer() || value->get<double>() < 0 || value->get<double>() > 1e15) {
      return fail(key, "is not a whole number from 0 up");
    }
    out = value->get<int64_t>();
  }
}

void Fields::flag(const char* key, bool& out) {
  if (const Json* value = take(key)) {
    if (!value->is_boolean()) return fail(key, "is neither true nor false");
    out = value->get<bool>();
  }
}

const Json* Fields::take(const char* key) {
  known_.insert(key);
  if (!object_.is_object()) return nullptr;
  const auto found = object_.find(key);
  return found == object_.end() ? nullptr : &*found;
}

const Json* Fields::take_array(const char* key, const char* of_what) {
  const Json* value = take(key);
  if (!value) return nullptr;
  if (value->is_array() && value->size() <= kItemsMax) return value;
  fail(key, fmt::format("is not a list [...] of {}", of_what));
  return nullptr;
}

void Fields::fail(const std::string& key, const std::string& what) {
  if (!status_.ok()) return;
  const std::string dot = where_.empty() || key.empty() ? "" : ".";
  const std::string name = where_ + dot + key;
  status_ = bad_input(fmt::format("{}: {} {}; storage/readers/recipe.h describes recipes", file_,
                                  name.empty() ? "the recipe" : fmt::format("\"{}\"", name), what));
}

Status Fields::finish() {
  known_.insert("comment");
  if (status_.ok() && object_.is_object()) {
    for (const auto& [key, value] : object_.items()) {
      if (!known_.count(key)) fail(key.substr(0, 80), "is not a key of a recipe");
    }
  }
  return status_;
}

}  // namespace skipcast::storage
