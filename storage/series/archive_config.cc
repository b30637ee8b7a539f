#include "storage/series/archive_config.h"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "storage/files/file_io.h"
#include "storage/files/json_document.h"
#include "storage/series/series_store.h"

namespace skipcast::storage {
namespace {

using nlohmann::json;

constexpr const char* kFormatName = "skipcast archive";
constexpr int kDepthMax = 64;
constexpr int64_t kConfigBytesMax = int64_t{1} << 30;

std::string config_path(const std::string& archive) { return archive + "/" + kConfigFile; }
std::string copy_path(const std::string& archive) { return archive + "/" + kConfigCopyFile; }

Status damaged(const std::string& path, std::string_view what) {
  return data_loss(
      fmt::format("'{}' is damaged ({}): copy the {} beside it over it, or restore it "
                  "from a backup",
                  path, what, kConfigCopyFile));
}

bool is_store_id(const std::string& text) {
  return text.size() == 32 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

Status check_folder(const std::string& archive) {
  std::error_code error;
  const auto type = std::filesystem::status(archive, error).type();
  if (type == std::filesystem::file_type::not_found) {
    return not_found(
        fmt::format("there is no archive '{}': make one with 'skipcast ingest'", archive));
  }
  if (type != std::filesystem::file_type::directory) {
    return not_found(fmt::format("'{}' is not a folder; an archive is a folder with a {} in it",
                                 archive, kConfigFile));
  }
  if (std::filesystem::exists(config_path(archive), error)) return Status();
  if (std::filesystem::exists(copy_path(archive), error)) {
    return damaged(config_path(archive), "missing");
  }
  return not_found(
      fmt::format("folder '{}' is not a skipcast archive: it has no {}", archive, kConfigFile));
}

Status check_version(const std::string& path, const json& object) {
  const auto version = object.find("format_version");
  if (version == object.end() || !version->is_number_unsigned()) {
    return damaged(path, "no format_version");
  }
  const auto number = version->get<uint64_t>();
  if (number == 0) return damaged(path, "format_version 0");
  if (number <= kFormatVersion) return Status();
  return Status(Code::kUnsupported,
                fmt::format("'{}' has format version {}; this program reads versions up to {}: use "
                            "a newer skipcast",
                            path, number, kFormatVersion));
}

// The text under a key, "" when there is none.
std::string text_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// Takes the checksum out of the object, since it does not cover itself.
Result<ArchiveConfig> config_from_json(const std::string& path, json& object) {
  if (!object.is_object()) return damaged(path, "not a JSON object");
  if (text_of(object, "format") != kFormatName) {
    return damaged(path, fmt::format("its key 'format' is not '{}'", kFormatName));
  }
  SKIPCAST_TRY_OK(check_version(path, object));
  const std::string sum = text_of(object, "crc32c");
  object.erase("crc32c");
  if (sum != json_checksum(object)) return damaged(path, "its checksum does not match");
  ArchiveConfig config;
  config.format_version = object["format_version"].get<int32_t>();
  config.store_id = text_of(object, "store_id");
  if (!is_store_id(config.store_id)) return damaged(path, "no store_id");
  SKIPCAST_TRY(config.schema, schema_from_json(object["schema"].dump(), path));
  return config;
}

Result<ArchiveConfig> read_config_file(const std::string& path) {
  SKIPCAST_TRY(const std::string text, read_file(path, kConfigBytesMax));
  if (json_depth(text) > kDepthMax) return damaged(path, "nested too deeply");
  JsonDocument document;
  try {
    document.parse(text);
    return config_from_json(path, document.value());
  } catch (const json::parse_error&) {
    return damaged(path, text.empty() ? "empty" : "not valid JSON; truncated?");
  } catch (const json::exception& error) {
    return damaged(path, error.what());
  }
}

}  // namespace

Result<ArchiveConfig> read_config(const std::string& archive) {
  SKIPCAST_TRY_OK(check_folder(archive));
  return read_config_file(config_path(archive));
}

Result<ArchiveConfig> read_config_copy(const std::string& archive) {
  return read_config_file(copy_path(archive));
}

Status write_config(const std::string& archive, const ArchiveConfig& config) {
  json object{{"format", kFormatName},
              {"format_version", config.format_version},
              {"store_id", config.store_id},
              {"schema", json::parse(to_json(config.schema))}};
  object["crc32c"] = json_checksum(object);
  const std::string text = object.dump(1) + "\n";
  SKIPCAST_TRY_OK(write_file_durably(copy_path(archive), text));
  return write_file_durably(config_path(archive), text);
}

}  // namespace skipcast::storage
