#include "engine/models/weights.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "storage/files/bytes.h"
#include "storage/files/checksum.h"
#include "storage/files/file_io.h"

namespace skipcast::engine {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kFileCrc = "crc32c";
constexpr std::string_view kTensorCrc = "crc32c.";
constexpr std::string_view kFileCrcField = "\"crc32c\":\"";
constexpr std::string_view kZeros = "00000000";
constexpr size_t kRankMax = 8;

struct NamedType {
  std::string_view name;
  at::ScalarType type;
  int64_t bytes;
};
constexpr NamedType kTypes[] = {{"F32", at::kFloat, 4},
                                {"F16", at::kHalf, 2},
                                {"BF16", at::kBFloat16, 2},
                                {"I64", at::kLong, 8}};

std::string hex(uint32_t value) { return fmt::format("{:08x}", value); }

std::string_view data_of(const at::Tensor& tensor) {
  return {static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes()};
}

bool finite(const at::Tensor& tensor) {
  return !tensor.is_floating_point() || tensor.isfinite().all().item<bool>();
}

// One tensor as the header tells it, checked on its own.
struct Entry {
  std::string name;
  const NamedType* type;
  std::vector<int64_t> shape;
  int64_t begin, end;
};

// Bytes of a shape, or nullopt when a size is negative or the product leaves the limit.
std::optional<int64_t> bytes_of(const std::vector<int64_t>& shape, int64_t item_bytes) {
  int64_t bytes = item_bytes;
  for (const int64_t size : shape) {
    if (size < 0 || (size > 0 && bytes > kWeightsBytesMax / size)) return std::nullopt;
    bytes *= size;
  }
  return bytes;
}

const NamedType* find_type(std::string_view name) {
  const auto same = [name](const NamedType& type) { return type.name == name; };
  const auto* found = std::find_if(std::begin(kTypes), std::end(kTypes), same);
  return found == std::end(kTypes) ? nullptr : found;
}

Result<Entry> read_entry(const std::string& name, const Json& object, const std::string& file) {
  const auto bad = [&](const char* what) {
    return data_loss(fmt::format("{}: tensor '{:.80}' has {}", file, name, what));
  };
  Entry entry;
  entry.name = name;
  entry.type = find_type(object.at("dtype").get<std::string>());
  if (!entry.type) {
    return Status(Code::kUnsupported, fmt::format("{}: tensor '{:.80}' has a type other than F32, "
                                                  "F16, BF16, I64",
                                                  file, name));
  }
  if (object.size() != 3 || object.at("shape").size() > kRankMax) return bad("a wrong shape");
  for (const Json& size : object.at("shape")) {
    if (!size.is_number_unsigned()) return bad("a wrong shape");
    entry.shape.push_back(size.get<int64_t>());
  }
  const Json& offsets = object.at("data_offsets");
  if (offsets.size() != 2 || !offsets[0].is_number_unsigned() || !offsets[1].is_number_unsigned()) {
    return bad("wrong offsets");
  }
  entry.begin = offsets[0].get<int64_t>();
  entry.end = offsets[1].get<int64_t>();
  const std::optional<int64_t> bytes = bytes_of(entry.shape, entry.type->bytes);
  if (!bytes || entry.begin < 0 || entry.end < entry.begin || entry.end - entry.begin != *bytes) {
    return bad("a shape that does not fit its bytes");
  }
  return entry;
}

struct Header {
  std::vector<Entry> entries;  // in the order of their data
  std::map<std::string, std::string> metadata;
};

// Throws nlohmann's exceptions on wrong types; decode_weights() stops them.
Result<Header> read_header(std::string_view text, const std::string& file) {
  const Json json = Json::parse(text);
  if (!json.is_object() || json.size() > static_cast<size_t>(kWeightsTensorsMax) + 1) {
    return data_loss(fmt::format("{}: more than {} tensors", file, kWeightsTensorsMax));
  }
  Header header;
  for (const auto& [name, value] : json.items()) {
    if (name == "__metadata__") {
      header.metadata = value.get<std::map<std::string, std::string>>();
      continue;
    }
    SKIPCAST_TRY(Entry entry, read_entry(name, value, file));
    header.entries.push_back(std::move(entry));
  }
  const auto earlier = [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  };
  std::sort(header.entries.begin(), header.entries.end(), earlier);
  return header;
}

// The checksum of the file with the digits of its own checksum as zeros, and those digits.
std::optional<std::pair<uint32_t, std::string_view>> file_crc(std::string_view bytes,
                                                              size_t header_end) {
  const size_t field = bytes.substr(0, header_end).find(kFileCrcField);
  if (field == std::string_view::npos) return std::nullopt;
  const size_t digits = field + kFileCrcField.size();
  if (digits + kZeros.size() > header_end) return std::nullopt;
  const size_t rest = digits + kZeros.size();
  uint32_t crc = storage::crc32c(bytes.substr(0, digits));
  crc = storage::crc32c(crc, kZeros.data(), kZeros.size());
  crc = storage::crc32c(crc, bytes.data() + rest, bytes.size() - rest);
  return std::pair(crc, bytes.substr(digits, kZeros.size()));
}

Status check_name(const std::string& name) {
  const auto plain = [](char c) { return c > ' ' && c < 127 && c != '"' && c != '\\'; };
  if (name.empty() || name.size() > 200 || name == "__metadata__" ||
      !std::all_of(name.begin(), name.end(), plain)) {
    return usage(fmt::format("'{:.80}' cannot name a tensor", name));
  }
  return {};
}

// Copies the tensors out of the data part, which must be covered without gap or overlap.
Result<Weights> take_tensors(Header header, std::string_view data, const std::string& file) {
  Weights weights;
  int64_t at = 0;
  for (const Entry& entry : header.entries) {
    if (entry.begin != at || entry.end > static_cast<int64_t>(data.size())) {
      return data_loss(fmt::format("{}: tensor '{:.80}' overlaps, leaves a gap or is cut off", file,
                                   entry.name));
    }
    at = entry.end;
    const std::string_view bytes =
        data.substr(static_cast<size_t>(entry.begin), static_cast<size_t>(entry.end - entry.begin));
    const auto crc = header.metadata.find(std::string(kTensorCrc) + entry.name);
    if (crc == header.metadata.end() || crc->second != hex(storage::crc32c(bytes))) {
      return data_loss(
          fmt::format("{}: the checksum of tensor '{:.80}' is wrong", file, entry.name));
    }
    header.metadata.erase(crc);
    at::Tensor tensor = at::empty(entry.shape, entry.type->type);
    if (!bytes.empty()) std::memcpy(tensor.data_ptr(), bytes.data(), bytes.size());
    if (!finite(tensor)) {
      return data_loss(
          fmt::format("{}: tensor '{:.80}' holds a value that is not finite", file, entry.name));
    }
    weights.tensors.emplace(entry.name, std::move(tensor));
  }
  if (at != static_cast<int64_t>(data.size())) {
    return data_loss(fmt::format("{}: {} bytes belong to no tensor", file,
                                 static_cast<int64_t>(data.size()) - at));
  }
  header.metadata.erase(std::string(kFileCrc));
  weights.metadata = std::move(header.metadata);
  return weights;
}

}  // namespace

Result<std::string> encode_weights(const Weights& weights) {
  Json header = Json::object();
  Json metadata(weights.metadata);
  if (weights.metadata.empty()) metadata = Json::object();
  std::string data;
  for (const auto& [name, tensor] : weights.tensors) {
    SKIPCAST_TRY_OK(check_name(name));
    const auto same = [scalar = tensor.scalar_type()](const NamedType& type) {
      return type.type == scalar;
    };
    const auto* type = std::find_if(std::begin(kTypes), std::end(kTypes), same);
    if (type == std::end(kTypes)) return usage("tensor " + name + " has a type we do not store");
    if (!finite(tensor)) return usage("tensor " + name + " holds a value that is not finite");
    const at::Tensor plain = tensor.to(at::kCPU).contiguous();
    header[name] = {{"dtype", type->name},
                    {"shape", plain.sizes().vec()},
                    {"data_offsets", {data.size(), data.size() + plain.nbytes()}}};
    metadata[std::string(kTensorCrc) + name] = hex(storage::crc32c(data_of(plain)));
    data.append(data_of(plain));
  }
  metadata[std::string(kFileCrc)] = kZeros;
  header["__metadata__"] = metadata;
  std::string text = header.dump(-1, ' ', true, Json::error_handler_t::replace);
  text.resize((text.size() + 7) / 8 * 8, ' ');  // data starts at a multiple of 8
  if (static_cast<int64_t>(text.size()) > kWeightsHeaderBytesMax ||
      static_cast<int64_t>(weights.tensors.size()) > kWeightsTensorsMax ||
      static_cast<int64_t>(data.size()) > kWeightsBytesMax - kWeightsHeaderBytesMax - 8) {
    return usage("too many or too large tensors for one file");
  }
  std::string bytes;
  storage::put(bytes, static_cast<uint64_t>(text.size()));
  bytes += text + data;
  const auto crc = file_crc(bytes, 8 + text.size());
  SKIPCAST_CHECK(crc.has_value());
  const size_t digits = static_cast<size_t>(crc->second.data() - bytes.data());
  return bytes.replace(digits, kZeros.size(), hex(crc->first));
}

Result<Weights> decode_weights(std::string_view bytes, const std::string& name) {
  storage::ByteReader reader(bytes);
  uint64_t length = 0;
  std::string_view text;
  if (!reader.take(length) || length > static_cast<uint64_t>(kWeightsHeaderBytesMax) ||
      !reader.take(static_cast<size_t>(length), text)) {
    return data_loss(name + ": the header's length does not fit the file");
  }
  const auto crc = file_crc(bytes, 8 + text.size());
  if (!crc || crc->second != hex(crc->first)) {
    return data_loss(name + ": the file's checksum is wrong; train again or restore a copy");
  }
  try {
    SKIPCAST_TRY(Header header, read_header(text, name));
    return take_tensors(std::move(header), reader.rest(), name);
  } catch (const nlohmann::json::exception&) {
    return data_loss(name + ": the header is not the JSON it should be");
  }
}

Status write_weights(const std::string& path, const Weights& weights) {
  SKIPCAST_TRY(const std::string bytes, encode_weights(weights));
  return storage::write_file_durably(path, bytes);
}

Result<Weights> read_weights(const std::string& path) {
  SKIPCAST_TRY(const std::string bytes, storage::read_file(path, kWeightsBytesMax));
  return decode_weights(bytes, path);
}

}  // namespace skipcast::engine
