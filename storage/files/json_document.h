// A parsed JSON text that dies without needing memory. Tested with nlohmann's library 3.11.
//
// That library's destructor makes a list of what is left to destroy, and ends the process when
// there is no memory for it, also while a failed parse unwinds. Readers therefore keep what they
// parse in a document, and take neither copies of objects and lists nor temporary ones.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace skipcast::storage {

class JsonDocument {
 public:
  JsonDocument() = default;
  ~JsonDocument();
  JsonDocument(const JsonDocument&) = delete;
  JsonDocument& operator=(const JsonDocument&) = delete;

  // Throws nlohmann's parse_error, and std::bad_alloc; value() is then not to be used. Call once.
  // REQUIRES: json_depth(text) small enough to recurse so deep.
  void parse(std::string_view text);

  nlohmann::json& value() { return value_; }

 private:
  nlohmann::json value_;
};

// Eight hex digits: the CRC32C of the object's compact text. Files keep it under their key
// "crc32c", which is not part of what it covers: take it out first.
std::string json_checksum(const nlohmann::json& object);

// The deepest nesting of brackets outside quotes; printing a document recurses that far.
int json_depth(std::string_view text);

}  // namespace skipcast::storage
