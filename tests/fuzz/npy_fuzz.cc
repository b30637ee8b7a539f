// NPY and NPZ. The input: one byte of kind, then
//   0 (mod 4) an .npy header's text alone;
//   1         a recipe's number and a file's bytes (an .npy, or a zip);
//   2         a recipe's number, a header's text (16-bit length) and data, made an .npy;
//   3         a recipe's number and arrays "v", "t", "ids", "adj" (each: 16-bit lengths of header
//             and data, both), made an .npz with correct checksums.
#include <zip.h>

#include <memory>

#include "storage/files/bytes.h"
#include "storage/formats/npy_array.h"
#include "storage/readers/open_formats.h"
#include "storage/readers/recipe.h"
#include "tests/fuzz/states.h"
#include "tests/fuzz/target.h"

namespace skipcast::fuzz {
namespace {

using namespace skipcast::storage;

constexpr int64_t kStatesMax = 400;
constexpr const char* kNames[] = {"v", "t", "ids", "adj"};

const char* const kRecipes[] = {
    R"({"time": {"start": "2016-01-01", "step": "1 h"}, "variables": [{"name": "v"}]})",
    R"({"time": {"array": "t"}, "places": {"array": "ids"}, "variables": [{"name": "v"}],
        "adjacency": {"array": "adj"}, "gap_states_max": 50})",
    R"({"time": {"array": "t", "units": "hours since 2013-01-01"}, "gap_states_max": 50,
        "dimensions": ["time", "place", "variable"],
        "variables": [{"name": "a", "source": "v", "index": 0},
                      {"name": "b", "source": "v", "index": 1, "scale": 0.5, "missing": [-9]}]})",
    R"({"places": {"grid": true, "lat_array": "ids", "lon_array": "adj"}, "gap_states_max": 50,
        "time": {"start": "2016-01-01", "step": "1 h"}, "variables": [{"name": "v"}]})"};

const Recipe& recipe_of(size_t kind) {
  static const std::vector<Recipe> recipes = [] {
    std::vector<Recipe> parsed;
    for (const char* text : kRecipes) {
      parsed.push_back(parse_recipe(text, "r.json").value());
      parsed.back().path = scratch_folder() + "/r.json";
    }
    return parsed;
  }();
  return recipes[kind % recipes.size()];
}

std::string npy(std::string_view header, std::string_view data) {
  std::string out("\x93NUMPY\x01\x00", 8);
  put(out, static_cast<uint16_t>(header.size()));
  return out.append(header).append(data);
}

std::string take_npy(Pieces& pieces) {
  const auto header_bytes = pieces.number<uint16_t>(), data_bytes = pieces.number<uint16_t>();
  const std::string_view header = pieces.text(header_bytes);
  return npy(header, pieces.text(data_bytes));
}

// A zip made in memory by libzip.
std::string npz(const std::vector<std::string>& arrays) {
  zip_error_t error;
  zip_source_t* const out = zip_source_buffer_create(nullptr, 0, 0, &error);
  SKIPCAST_CHECK(out != nullptr);
  zip_source_keep(out);
  zip_t* const zip = zip_open_from_source(out, ZIP_TRUNCATE, &error);
  SKIPCAST_CHECK(zip != nullptr);
  for (size_t k = 0; k < arrays.size(); ++k) {
    zip_source_t* const source = zip_source_buffer(zip, arrays[k].data(), arrays[k].size(), 0);
    const auto at = zip_file_add(zip, (kNames[k] + std::string(".npy")).c_str(), source, 0);
    SKIPCAST_CHECK(at >= 0);
    zip_set_file_compression(zip, static_cast<zip_uint64_t>(at), ZIP_CM_STORE, 0);
  }
  SKIPCAST_CHECK(zip_close(zip) == 0 && zip_source_open(out) == 0);
  zip_stat_t stat;
  SKIPCAST_CHECK(zip_source_stat(out, &stat) == 0);
  std::string bytes(stat.size, '\0');
  SKIPCAST_CHECK(zip_source_read(out, bytes.data(), stat.size) ==
                 static_cast<zip_int64_t>(stat.size));
  zip_source_close(out);
  zip_source_free(out);
  return bytes;
}

void check_header(std::string_view text) {
  const Result<NpyHeader> header = parse_npy_header(text);
  if (!header.ok()) return check_refusal(header.status(), "");
  SKIPCAST_CHECK(header->count() >= 0 && header->count() <= int64_t{1} << 48);
  SKIPCAST_CHECK(header->shape.size() <= 32);
  SKIPCAST_CHECK(header->type.item_bytes >= 0 && header->type.item_bytes <= 65536);
}

void check_file(const Recipe& recipe, std::string_view bytes) {
  const Sources sources = {{scratch_file("a.npz", bytes)}, recipe, {}};
  check_reader([&] { return find_format("npz")->open(sources); }, "/skipcast-", kStatesMax);
}

std::string sized(std::string_view header, std::string_view data) {
  std::string out;
  put(out, static_cast<uint16_t>(header.size()));
  put(out, static_cast<uint16_t>(data.size()));
  return out.append(header).append(data);
}

template <typename T>
std::string raw(std::initializer_list<T> values) {
  std::string out;
  for (const T value : values) put(out, value);
  return out;
}

}  // namespace

void check_input(std::string_view input) {
  Pieces pieces(input);
  const auto kind = pieces.number<uint8_t>() % 4;
  if (kind == 0) return check_header(pieces.rest());
  const Recipe& recipe = recipe_of(pieces.number<uint8_t>());
  if (kind == 1) return check_file(recipe, pieces.rest());
  if (kind == 2) return check_file(recipe, take_npy(pieces));
  std::vector<std::string> arrays;
  for (size_t k = 0; k < std::size(kNames) && !pieces.rest().empty(); ++k) {
    arrays.push_back(take_npy(pieces));
  }
  if (!arrays.empty()) check_file(recipe, npz(arrays));
}

std::vector<std::string> seed_inputs() {
  const std::string v = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }\n";
  const std::string values = raw<float>({1, 2, 3, 4, 5, 6});
  const std::string t = "{'descr': '<M8[h]', 'fortran_order': False, 'shape': (3,), }\n";
  const std::string times = raw<int64_t>({420000, 420001, 420003});
  const std::string hours = "{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }\n";
  const std::string ids = "{'descr': '<U2', 'fortran_order': False, 'shape': (2,), }\n";
  const std::string names = raw<uint32_t>({'a', 0, 'b', 0xE9});
  const std::string adj = "{'descr': '>f8', 'fortran_order': False, 'shape': (2, 2), }\n";
  const std::string deep = "{'descr': '<i2', 'fortran_order': True, 'shape': (3, 1, 2), }\n";
  const std::string axis = "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }\n";
  const std::string grid = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2, 2), }\n";
  const std::string city =
      sized(v, values) + sized(t, times) + sized(ids, names) + sized(adj, std::string(32, '\0'));
  const std::string file =
      npz({npy(v, values), npy(t, times), npy(ids, names), npy(adj, std::string(32, '\0'))});
  return {std::string(1, '\0') + v,
          std::string("\x01\x00", 2) + npy(v, values),
          "\x01\x01" + file,
          std::string("\x02\x00", 2) + sized(v, values),
          "\x03\x01" + city,
          "\x03\x02" + sized(deep, raw<int16_t>({1, 2, 3, -9, 5, 6})) + sized(hours, times),
          "\x03\x03" + sized(grid, raw<double>({1, 2, 3, 4, 5, 6, 7, 8})) + sized(axis, "") +
              sized(axis, "\x02\x01") + sized(axis, "\x03\x04")};
}

}  // namespace skipcast::fuzz
