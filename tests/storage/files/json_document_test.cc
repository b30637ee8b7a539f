// labels: unit
#include "storage/files/json_document.h"

#include <doctest/doctest.h>

#include <string>

using namespace skipcast::storage;

TEST_CASE("JSON document: holds what it parses, throws for what it cannot") {
  JsonDocument document;
  document.parse(R"({"a": [1, 2.5, "x"], "b": {"c": null}})");
  CHECK(document.value().at("a").size() == 3);
  CHECK(document.value().at("b").at("c").is_null());
  for (const char* bad : {"", "{", "[1,]", "{\"a\" 1}", "nul", "1 2"}) {
    CAPTURE(bad);
    JsonDocument broken;
    CHECK_THROWS_AS(broken.parse(bad), nlohmann::json::parse_error);
  }
}

TEST_CASE("JSON document: a deep one dies as quietly as a flat one") {
  constexpr int kDeep = 500;
  JsonDocument document;
  document.parse(std::string(kDeep, '[') + std::string(kDeep, ']'));
  CHECK(document.value().is_array());
}

TEST_CASE("JSON depth: brackets outside quotes, escaped quotes among them") {
  CHECK(json_depth("") == 0);
  CHECK(json_depth("1") == 0);
  CHECK(json_depth(R"({"a": [[1], {"b": 2}]})") == 3);
  CHECK(json_depth(R"({"[[[": "]]{{"})") == 1);
  CHECK(json_depth(R"({"a\"[": ["\\"]})") == 2);
  CHECK(json_depth("]]]]") == 0);
}

TEST_CASE("JSON checksum: of the compact text with its keys in order, whatever their order was") {
  const auto one = nlohmann::json::parse(R"({"b": 1, "a": [2, 3]})");
  const auto other = nlohmann::json::parse(R"({ "a":[2,3],"b":1 })");
  CHECK(json_checksum(one) == json_checksum(other));
  CHECK(json_checksum(one).size() == 8);
  CHECK(json_checksum(one) != json_checksum(nlohmann::json::parse(R"({"a": [3, 2], "b": 1})")));
  // CRC32C of "123456789" is e3069283 (RFC 3720); a JSON number has no quotes.
  CHECK(json_checksum(nlohmann::json(123456789)) == "e3069283");
}
