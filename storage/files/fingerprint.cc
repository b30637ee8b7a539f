#include "storage/files/fingerprint.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace skipcast::storage {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// Value of each base64 character, 64 for all others.
std::array<uint8_t, 256> digit_values() {
  std::array<uint8_t, 256> values;
  values.fill(64);
  for (size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<uint8_t>(kAlphabet[i])] = static_cast<uint8_t>(i);
  }
  return values;
}

}  // namespace

uint64_t mix_bits(uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

std::string fingerprint_of(std::string_view bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : bytes) hash = (hash ^ static_cast<uint8_t>(byte)) * 0x100000001b3;
  return fmt::format("{:016x}", mix_bits(hash));
}

std::string fingerprint_of(std::span<const float> values) {
  return fingerprint_of(
      std::string_view(reinterpret_cast<const char*>(values.data()), values.size_bytes()));
}

std::string floats_to_text(std::span<const float> values) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(values.data());
  const size_t size = values.size_bytes();
  std::string text;
  text.reserve((size + 2) / 3 * 4);
  for (size_t i = 0; i < size; i += 3) {
    const size_t left = size - i;
    const uint32_t group =
        bytes[i] << 16 | (left > 1 ? bytes[i + 1] << 8 : 0) | (left > 2 ? bytes[i + 2] : 0);
    text += kAlphabet[group >> 18];
    text += kAlphabet[group >> 12 & 63];
    text += left > 1 ? kAlphabet[group >> 6 & 63] : '=';
    text += left > 2 ? kAlphabet[group & 63] : '=';
  }
  return text;
}

bool floats_from_text(std::string_view text, std::span<float> values) {
  const size_t size = values.size_bytes();
  if (text.size() != (size + 2) / 3 * 4) return false;
  const std::array<uint8_t, 256> digits = digit_values();
  auto* bytes = reinterpret_cast<uint8_t*>(values.data());
  for (size_t i = 0; i < size; i += 3) {
    uint32_t group = 0;
    const size_t taken = std::min<size_t>(3, size - i);
    for (size_t j = 0; j < 4; ++j) {
      const char c = text[i / 3 * 4 + j];
      const uint8_t digit = j > taken ? (c == '=' ? 0 : 64) : digits[static_cast<uint8_t>(c)];
      if (digit == 64) return false;
      group = group << 6 | digit;
    }
    for (size_t j = 0; j < taken; ++j) bytes[i + j] = static_cast<uint8_t>(group >> (16 - 8 * j));
  }
  return true;
}

}  // namespace skipcast::storage
