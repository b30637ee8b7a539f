// CONFIG.json: what an archive is. The one file that turns a folder into an archive.
//
// One JSON object:
//   {"format": "skipcast archive", "format_version": 1 (2 once something was erased),
//    "store_id": 32 hex digits, "schema": {...} (schema_json.cc), "crc32c": 8 hex digits}
// The checksum covers the compact text of the object without the key "crc32c", so white space
// may change and nothing else. A reader refuses a larger format_version before anything else.
// CONFIG.copy.json is the same again, for salvage; it is written first.
#pragma once

#include <cstdint>
#include <string>

#include "storage/schema/schema.h"
#include "storage/status.h"

namespace skipcast::storage {

inline constexpr const char* kConfigFile = "CONFIG.json";
inline constexpr const char* kConfigCopyFile = "CONFIG.copy.json";

struct ArchiveConfig {
  std::string store_id;
  Schema schema;
  int32_t format_version = 1;
};

// Reads and checks archive/CONFIG.json. kNotFound: no such folder, or a folder that is no
// archive; kUnsupported: a newer format; kDataLoss: damaged. The sentence names the remedy.
Result<ArchiveConfig> read_config(const std::string& archive);
// The same from the copy.
Result<ArchiveConfig> read_config_copy(const std::string& archive);

// Replaces the copy, then archive/CONFIG.json, each durably (see write_file_durably).
Status write_config(const std::string& archive, const ArchiveConfig& config);

}  // namespace skipcast::storage
