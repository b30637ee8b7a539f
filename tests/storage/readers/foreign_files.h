// Foreign files made by tests, and what readers make of them. Header only: it needs zlib and
// libzip, which only the storage tests link.
#pragma once

#include <doctest/doctest.h>
#include <zip.h>
#include <zlib.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "storage/readers/state_reader.h"
#include "tests/support/skip.h"

namespace skipcast::tests {

inline std::string write_text(const std::string& path, const std::string& text) {
  std::remove(path.c_str());  // ext4 flushes a file that is truncated and written anew
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

inline std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline std::string write_gzip(const std::string& path, const std::string& text) {
  gzFile file = gzopen(path.c_str(), "wb");
  REQUIRE(gzwrite(file, text.data(), static_cast<unsigned>(text.size())) ==
          static_cast<int>(text.size()));
  REQUIRE(gzclose(file) == Z_OK);
  return path;
}

// The bytes of an .npy file of version 1.
inline std::string npy_bytes(const std::string& descr, const std::string& shape,
                             const std::string& data, bool fortran = false) {
  std::string header = "{'descr': " + descr + ", 'fortran_order': " + (fortran ? "True" : "False") +
                       ", 'shape': " + shape + ", }";
  while ((10 + header.size() + 1) % 64 != 0) header.push_back(' ');
  header.push_back('\n');
  std::string out("\x93NUMPY\x01\x00", 8);
  out.push_back(static_cast<char>(header.size() & 255));
  out.push_back(static_cast<char>(header.size() >> 8));
  return out + header + data;
}

template <typename T>
std::string raw_bytes(const std::vector<T>& values) {
  std::string out(values.size() * sizeof(T), '\0');
  if (!values.empty()) std::memcpy(out.data(), values.data(), out.size());
  return out;
}

template <typename T>
std::string npy(const std::string& descr, const std::string& shape, const std::vector<T>& values) {
  return npy_bytes("'" + descr + "'", shape, raw_bytes(values));
}

// An array of texts of `width` characters, dtype <U.
inline std::string npy_texts(const std::vector<std::string>& texts, size_t width) {
  std::vector<uint32_t> codes;
  for (const std::string& text : texts) {
    for (size_t k = 0; k < width; ++k) {
      codes.push_back(k < text.size() ? static_cast<unsigned char>(text[k]) : 0U);
    }
  }
  return npy("<U" + std::to_string(width), "(" + std::to_string(texts.size()) + ",)", codes);
}

inline std::string write_npz(const std::string& path,
                             const std::map<std::string, std::string>& arrays) {
  int code = 0;
  zip_t* zip = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
  REQUIRE(zip != nullptr);
  for (const auto& [name, bytes] : arrays) {
    zip_source_t* source = zip_source_buffer(zip, bytes.data(), bytes.size(), 0);
    REQUIRE(zip_file_add(zip, (name + ".npy").c_str(), source, 0) >= 0);
  }
  REQUIRE(zip_close(zip) == 0);
  return path;
}

struct ReadStates {
  storage::Schema schema;
  int64_t first = 0, states = 0, gaps = 0;
  std::vector<float> values;  // [state, variable, place]
  Status status;              // of the fault that ended the reading, if any

  float at(int64_t state, int64_t variable, int64_t place) const {
    const auto variables = static_cast<int64_t>(schema.variables.size());
    const int64_t index = (state * variables + variable) * schema.places.count() + place;
    return values.at(static_cast<size_t>(index));
  }
};

// Reads everything in blocks of `states_max`; a failure to open ends up in status too.
inline ReadStates read_states(const std::vector<std::string>& files, const std::string& recipe = "",
                              const std::vector<std::string>& variables = {},
                              int64_t states_max = 7) {
  ReadStates out;
  auto reader = storage::open_states(files, recipe, variables);
  out.status = reader.status();
  if (!reader.ok()) return out;
  out.schema = (*reader)->schema();
  while (true) {
    auto block = (*reader)->next(states_max);
    out.status = block.status();
    if (!block.ok() || !*block) break;
    CHECK((*block)->states <= states_max);
    if (out.states == 0) out.first = (*block)->first;
    CHECK((*block)->first == out.first + out.states);
    out.states += (*block)->states;
    out.values.insert(out.values.end(), (*block)->values.begin(), (*block)->values.end());
  }
  out.gaps = (*reader)->gap_states();
  return out;
}

// The failure has this code and its sentence holds all of these parts.
inline void check_failure(const Status& status, Code code,
                          std::initializer_list<std::string> parts) {
  INFO(status.message());
  CHECK(status.code() == code);
  for (const std::string& part : parts) {
    INFO("expected part: " << part);
    CHECK(status.message().find(part) != std::string::npos);
  }
}

}  // namespace skipcast::tests
