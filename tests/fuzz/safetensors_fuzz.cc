// Weights files. The input: one byte, then 0 (mod 3): the file; 1: the file, its whole checksum
// put right; 2: a header's length (16 bits), its text and the data, with every checksum put right.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "engine/models/weights.h"
#include "storage/files/bytes.h"
#include "storage/files/checksum.h"
#include "tests/fuzz/target.h"

namespace skipcast::fuzz {
namespace {

using namespace skipcast::engine;
using nlohmann::json;

constexpr std::string_view kField = "\"crc32c\":\"", kZeros = "00000000";

// The file with the digits of its own checksum put right, when it has the field.
std::string resealed(std::string bytes) {
  const size_t field = bytes.find(kField);
  if (field == std::string::npos || field + kField.size() + 8 > bytes.size()) return bytes;
  bytes.replace(field + kField.size(), 8, kZeros);
  const std::string sum = fmt::format("{:08x}", storage::crc32c(bytes));
  return bytes.replace(field + kField.size(), 8, sum);
}

// Gives each tensor whose offsets lie in the data its checksum.
void seal_tensors(json& header, std::string_view data) {
  json metadata = header.contains("__metadata__") ? header["__metadata__"] : json::object();
  if (!metadata.is_object()) return;
  for (const auto& [name, value] : header.items()) {
    const json offsets = value.is_object() ? value.value("data_offsets", json()) : json();
    const bool whole = offsets.is_array() && offsets.size() == 2 &&
                       offsets[0].is_number_unsigned() && offsets[1].is_number_unsigned();
    if (!whole) continue;
    const auto begin = offsets[0].get<uint64_t>(), end = offsets[1].get<uint64_t>();
    if (begin > end || end > data.size()) continue;
    metadata["crc32c." + name] =
        fmt::format("{:08x}", storage::crc32c(data.substr(begin, end - begin)));
  }
  metadata["crc32c"] = kZeros;
  header["__metadata__"] = metadata;
}

std::string framed(std::string_view text, std::string_view data) {
  std::string bytes;
  storage::put(bytes, static_cast<uint64_t>(text.size()));
  return bytes.append(text).append(data);
}

std::string sealed(std::string_view text, std::string_view data) {
  json header = json::parse(text, nullptr, false);
  if (!header.is_object()) return framed(text, data);
  try {
    seal_tensors(header, data);
    return resealed(framed(header.dump(), data));
  } catch (const json::exception&) {  // a text that is not UTF-8
    return framed(text, data);
  }
}

bool same(const Weights& a, const Weights& b) {
  if (a.metadata != b.metadata || a.tensors.size() != b.tensors.size()) return false;
  for (const auto& [name, tensor] : a.tensors) {
    const auto other = b.tensors.find(name);
    if (other == b.tensors.end() || other->second.sizes() != tensor.sizes()) return false;
    if (other->second.scalar_type() != tensor.scalar_type()) return false;
    if (tensor.nbytes() > 0 && std::memcmp(other->second.const_data_ptr(), tensor.const_data_ptr(),
                                           tensor.nbytes()) != 0) {
      return false;
    }
  }
  return true;
}

void check_file(const std::string& bytes) {
  const Result<Weights> weights = decode_weights(bytes, "w.safetensors");
  if (!weights.ok()) return check_refusal(weights.status(), "w.safetensors");
  for (const auto& [name, tensor] : weights->tensors) {
    SKIPCAST_CHECK(tensor.is_contiguous() && tensor.nbytes() <= bytes.size());
    SKIPCAST_CHECK(!tensor.is_floating_point() || tensor.isfinite().all().item<bool>());
  }
  const Result<std::string> again = encode_weights(*weights);
  if (!again.ok()) return;  // a name or text that our own writer does not write
  const Result<Weights> back = decode_weights(*again, "w.safetensors");
  SKIPCAST_CHECK(back.ok() && same(*weights, *back));
}

}  // namespace

void check_input(std::string_view input) {
  Pieces pieces(input);
  const auto kind = pieces.number<uint8_t>() % 3;
  if (kind == 0) return check_file(std::string(pieces.rest()));
  if (kind == 1) return check_file(resealed(std::string(pieces.rest())));
  const auto length = pieces.number<uint16_t>();
  const std::string_view text = pieces.text(length);
  check_file(sealed(text, pieces.rest()));
}

std::vector<std::string> seed_inputs() {
  at::set_num_threads(1);
  Weights weights;
  weights.tensors["a.weight"] = at::arange(6, at::kFloat).reshape({2, 3});
  weights.tensors["b"] = at::arange(2, at::kLong);
  weights.metadata["kind"] = "graph";
  const std::string file = encode_weights(weights).value();
  const std::string text = R"({"a":{"dtype":"F16","shape":[2,1],"data_offsets":[0,4]},)"
                           R"("b":{"dtype":"I64","shape":[],"data_offsets":[4,12]}})";
  std::string made("\x02", 1);
  storage::put(made, static_cast<uint16_t>(text.size()));
  made += text + std::string("\x00\x3c\x01\x3c\x07\x00\x00\x00\x00\x00\x00\x00", 12);
  return {std::string(1, '\0') + file, "\x01" + file, made};
}

}  // namespace skipcast::fuzz
