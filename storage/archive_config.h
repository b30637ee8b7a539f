// CONFIG.json: what an archive is. The one file that turns a folder into an archive.
//
// One JSON object, format version 1:
//   {"format": "skipcast archive", "format_version": 1, "store_id": 32 hex digits,
//    "schema": {...} (schema_json.cc), "crc32c": 8 hex digits}
// The checksum covers the compact text of the object without the key "crc32c", so white space
// may change and nothing else. A reader refuses a larger format_version before anything else.
#pragma once

#include <cstdint>
#include <string>

#include "storage/schema.h"
#include "storage/status.h"

namespace skipcast::storage {

inline constexpr const char* kConfigFile = "CONFIG.json";

struct ArchiveConfig {
  std::string store_id;
  Schema schema;
};

// Reads and checks archive/CONFIG.json. kNotFound: no such folder, or a folder that is no
// archive; kUnsupported: a newer format; kDataLoss: damaged. The sentence names the remedy.
Result<ArchiveConfig> read_config(const std::string& archive);

// Replaces archive/CONFIG.json durably (see write_file_durably).
Status write_config(const std::string& archive, const ArchiveConfig& config);

}  // namespace skipcast::storage
