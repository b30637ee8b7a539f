// CONFIG.json and the schema in it. The input: one byte, then text. 0: the text is the file;
// 1: the text, if JSON, with format, store id and checksum put right; 2: a schema.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "storage/files/checksum.h"
#include "storage/series/archive_config.h"
#include "storage/series/series_store.h"
#include "tests/fuzz/target.h"

namespace skipcast::fuzz {
namespace {

using namespace skipcast::storage;
using nlohmann::json;

constexpr const char* kStoreId = "00112233445566778899aabbccddeeff";

const char* const kSchema = R"({"title": "T", "axis": {"start": "2016-01-01T00:00:00Z",
  "step_seconds": 3600, "session_states": 12, "weekdays_only": true},
  "variables": [{"name": "a", "units": "K", "long_name": "A", "log_transform": true,
                 "codec": "zstd"}, {"name": "b", "units": "1"}],
  "places": {"kind": "graph", "names": ["x", "y"], "lat": [1, 2], "lon": [3.5, -4],
             "edges": {"from": [0, 1], "to": [1, 0], "weight": [0.5, 1]}},
  "gap_states_max": 3, "tasks": [{"name": "t"}]})";
const char* const kGrid = R"({"axis": {"start": "2016-01-01", "step_months": 1},
  "variables": [{"name": "a", "units": "K"}],
  "places": {"kind": "grid", "lat": [1, 2], "lon": [3.5, -4]}})";

// Sealed as the writer would.
std::string sealed(std::string_view text) {
  json object = json::parse(text, nullptr, false);
  if (!object.is_object()) return std::string(text);
  object["format"] = "skipcast archive";
  if (!object.contains("format_version")) object["format_version"] = 1;
  object["store_id"] = kStoreId;
  object.erase("crc32c");
  try {
    object["crc32c"] = fmt::format("{:08x}", crc32c(object.dump()));
    return object.dump();
  } catch (const json::exception&) {  // a text that is not UTF-8
    return std::string(text);
  }
}

void check_schema(const Schema& schema) {
  SKIPCAST_CHECK(validate(schema).ok());
  SKIPCAST_CHECK(schema.state_values() > 0);
  const std::string text = to_json(schema);
  const Result<Schema> again = schema_from_json(text, "s.json");
  SKIPCAST_CHECK(again.ok());
  SKIPCAST_CHECK(again->axis == schema.axis && again->variables == schema.variables);
  SKIPCAST_CHECK(again->places == schema.places && again->title == schema.title);
  SKIPCAST_CHECK(to_json(*again) == text);
}

void check_config(std::string_view text) {
  scratch_file(kConfigFile, text);
  const Result<ArchiveConfig> config = read_config(scratch_folder());
  if (!config.ok()) return check_refusal(config.status(), "");
  SKIPCAST_CHECK(config->store_id.size() == 32);
  SKIPCAST_CHECK(config->format_version >= 1 && config->format_version <= kFormatVersion);
  check_schema(config->schema);
  if (text.size() % 8 != 0) return;  // a rename and two syncs: not every time
  SKIPCAST_CHECK(write_config(scratch_folder(), *config).ok());
  const Result<ArchiveConfig> again = read_config(scratch_folder());
  SKIPCAST_CHECK(again.ok() && again->store_id == config->store_id);
  SKIPCAST_CHECK(to_json(again->schema) == to_json(config->schema));
}

}  // namespace

void check_input(std::string_view input) {
  Pieces pieces(input);
  const auto kind = pieces.number<uint8_t>() % 3;
  if (kind == 0) return check_config(pieces.rest());
  if (kind == 1) return check_config(sealed(pieces.rest()));
  const Result<Schema> schema = schema_from_json(pieces.rest(), "s.json");
  if (!schema.ok()) return check_refusal(schema.status(), "s.json");
  check_schema(*schema);
}

std::vector<std::string> seed_inputs() {
  const std::string wrapped = fmt::format(R"({{"schema": {}}})", kSchema);
  return {std::string(1, '\0') + sealed(wrapped), "\x01" + wrapped,
          "\x01" + fmt::format(R"({{"format_version": 2, "schema": {}}})", kGrid),
          std::string("\x02") + kSchema, std::string("\x02") + kGrid};
}

}  // namespace skipcast::fuzz
