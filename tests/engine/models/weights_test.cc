// Weights files: what is written comes back, and no damaged byte is ever believed.
#include "engine/models/weights.h"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>
#include <string>

#include "storage/files/bytes.h"
#include "tests/support/skip.h"
#include "tests/support/torch_doctest.h"

namespace {

using skipcast::Code;
using skipcast::engine::decode_weights;
using skipcast::engine::encode_weights;
using skipcast::engine::Weights;

Weights small() {
  Weights weights;
  weights.tensors["a.weight"] = at::arange(6, at::kFloat).view({2, 3}) / 7;
  weights.tensors["b"] = at::full({}, 2.5, at::kFloat);
  weights.tensors["count"] = at::arange(3, at::kLong);
  weights.tensors["empty"] = at::empty({0, 4}, at::kFloat);
  weights.tensors["half"] = at::full({5}, 0.25, at::kHalf);
  weights.metadata["step"] = "12";
  weights.metadata["text"] = "quotes \" and \"crc32c\":\" inside";
  return weights;
}

std::string encoded(const Weights& weights) {
  auto bytes = encode_weights(weights);
  REQUIRE_MESSAGE(bytes.ok(), bytes.status().message());
  return *bytes;
}

std::string file_of(std::string header, const std::string& data) {
  std::string bytes;
  skipcast::storage::put(bytes, static_cast<uint64_t>(header.size()));
  return bytes + header + data;
}

}  // namespace

TEST_CASE("Weights: tensors and metadata come back as they were") {
  const Weights before = small();
  const auto after = decode_weights(encoded(before), "file");
  REQUIRE_MESSAGE(after.ok(), after.status().message());
  CHECK(after->metadata == before.metadata);
  REQUIRE(after->tensors.size() == before.tensors.size());
  for (const auto& [name, tensor] : before.tensors) {
    CAPTURE(name);
    CHECK((after->tensors.at(name).scalar_type() == tensor.scalar_type()));
    CHECK(at::equal(after->tensors.at(name), tensor));
  }
}

TEST_CASE("Weights: a file survives the disk, and a missing one is not found") {
  const skipcast::tests::TempDir folder;
  const std::string path = folder.file("w.safetensors");
  CHECK(skipcast::engine::read_weights(path).status().code() == Code::kNotFound);
  REQUIRE(skipcast::engine::write_weights(path, small()).ok());
  const auto back = skipcast::engine::read_weights(path);
  REQUIRE(back.ok());
  CHECK(at::equal(back->tensors.at("a.weight"), small().tensors.at("a.weight")));
}

TEST_CASE("Weights: every flipped byte is refused") {
  const std::string good = encoded(small());
  for (const unsigned mask : {0x01u, 0x20u, 0x80u, 0xffu}) {
    for (size_t i = 0; i < good.size(); ++i) {
      std::string bad = good;
      bad[i] = static_cast<char>(static_cast<unsigned char>(bad[i]) ^ mask);
      const auto read = decode_weights(bad, "file");
      CAPTURE(i);
      CAPTURE(mask);
      REQUIRE_FALSE(read.ok());
      REQUIRE(read.status().code() == Code::kDataLoss);
    }
  }
}

TEST_CASE("Weights: every truncation and every appended byte is refused") {
  const std::string good = encoded(small());
  for (size_t size = 0; size < good.size(); ++size) {
    CAPTURE(size);
    REQUIRE_FALSE(decode_weights(good.substr(0, size), "file").ok());
  }
  CHECK_FALSE(decode_weights(good + '\0', "file").ok());
}

TEST_CASE("Weights: a header longer than the limit is refused before it is read") {
  const std::string huge = file_of(std::string((1 << 20) + 1, ' '), "");
  const auto read = decode_weights(huge, "file");
  REQUIRE_FALSE(read.ok());
  CHECK(read.status().message() == "file: the header's length does not fit the file");
  std::string endless;
  skipcast::storage::put(endless, std::numeric_limits<uint64_t>::max());
  CHECK_FALSE(decode_weights(endless, "file").ok());
}

TEST_CASE("Weights: headers without a checksum are refused, whatever they claim") {
  for (const char* header :
       {"{}", "[]", "null", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
        "{\"__metadata__\":{\"crc32c\":\"", "{\"__metadata__\":{\"crc32c\":\"00000000\"}}"}) {
    CAPTURE(header);
    CHECK(decode_weights(file_of(header, "abcd"), "file").status().code() == Code::kDataLoss);
  }
}

TEST_CASE("Weights: what the reader would refuse is not written") {
  Weights weights;
  weights.tensors["x"] = at::full({2}, std::numeric_limits<float>::quiet_NaN(), at::kFloat);
  CHECK(encode_weights(weights).status().code() == Code::kUsage);
  weights.tensors["x"] = at::zeros({2}, at::kDouble);
  CHECK(encode_weights(weights).status().code() == Code::kUsage);
  weights.tensors.clear();
  weights.tensors["__metadata__"] = at::zeros({1}, at::kFloat);
  CHECK(encode_weights(weights).status().code() == Code::kUsage);
  weights.tensors.clear();
  for (int i = 0; i <= 4096; ++i) weights.tensors["t" + std::to_string(i)] = at::zeros({1});
  CHECK(encode_weights(weights).status().code() == Code::kUsage);
}
