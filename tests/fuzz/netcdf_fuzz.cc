// NetCDF files that are whole as bytes but strange in what they say. netcdf-c itself may abort on
// damaged bytes, which is why only the ingest process ever opens a file: so the input is not the
// file but the script by which netcdf-c's own writer makes one: lengths, types, dimensions,
// attributes and values. Commands netcdf-c refuses are left out.
#include <netcdf.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "storage/files/bytes.h"
#include "storage/readers/open_formats.h"
#include "tests/fuzz/states.h"
#include "tests/fuzz/target.h"

namespace skipcast::fuzz {
namespace {

using namespace skipcast::storage;

constexpr int64_t kStatesMax = 100;
constexpr nc_type kTypes[] = {NC_SHORT, NC_BYTE, NC_INT, NC_FLOAT, NC_DOUBLE, NC_CHAR};
constexpr const char* kDims[] = {"time", "station", "lat", "lon", "length"};
constexpr const char* kVars[] = {"time", "v", "lat", "lon", "names", "w"};
constexpr const char* kAttributes[] = {
    "units",         "calendar",   "standard_name", "axis",      "cf_role",   "coordinates",
    "scale_factor",  "add_offset", "valid_range",   "valid_min", "valid_max", "_FillValue",
    "missing_value", "_Unsigned",  "long_name",     "bounds"};

double number_of(Pieces& pieces) {
  constexpr double kOdd[] = {0, 1, -1, 6, 1e300, -1e300, 0.5, NAN, INFINITY, 32767};
  const auto byte = pieces.number<uint8_t>();
  return byte < 200 ? byte : kOdd[byte % std::size(kOdd)];
}

// A file being made: the input's commands, one after the other.
class Script {
 public:
  explicit Script(std::string_view input) : pieces_(input) {}

  std::string run() {
    const std::string path = scratch_file("s.nc", "");
    const int mode = pieces_.number<uint8_t>() % 8 == 7 ? NC_NETCDF4 : NC_CLASSIC_MODEL;
    SKIPCAST_CHECK(nc_create(path.c_str(), NC_CLOBBER | mode, &file_) == NC_NOERR);
    for (const char* name : kDims) define_dimension(name);
    for (const char* name : kVars) define_variable(name);
    const int attributes = pieces_.number<uint8_t>() % 24;
    for (int k = 0; k < attributes; ++k) put_attribute();
    nc_enddef(file_);
    for (const int variable : variables_) put_values(variable);
    nc_close(file_);
    return path;
  }

 private:
  void define_dimension(const char* name) {
    int id = -1;
    const auto byte = pieces_.number<uint8_t>();
    const size_t length = byte == 255 ? NC_UNLIMITED : 1 + byte % 7;
    if (nc_def_dim(file_, name, length, &id) == NC_NOERR) dimensions_.push_back(id);
  }

  void define_variable(const char* name) {
    const auto kind = pieces_.number<uint8_t>(), rank = pieces_.number<uint8_t>();
    std::array<int, 4> dims{};
    const int count = rank % 4;
    for (int k = 0; k < count; ++k) {
      dims[static_cast<size_t>(k)] = dimensions_[pieces_.number<uint8_t>() % dimensions_.size()];
    }
    int id = -1;
    const nc_type type = kTypes[kind % std::size(kTypes)];
    if (rank >= 250) return;  // leave it out
    if (nc_def_var(file_, name, type, count, dims.data(), &id) == NC_NOERR) {
      variables_.push_back(id);
    }
  }

  void put_attribute() {
    const auto which = pieces_.number<uint8_t>(), how = pieces_.number<uint8_t>();
    const int variable = variables_.empty() ? NC_GLOBAL : variables_[how % variables_.size()];
    const char* const name = kAttributes[which % std::size(kAttributes)];
    if (which < 128) {
      const std::string_view text = pieces_.line();
      nc_put_att_text(file_, variable, name, text.size(), text.data());
      return;
    }
    double numbers[3] = {};
    const size_t count = 1 + how / 8 % 3;
    for (size_t k = 0; k < count; ++k) numbers[k] = number_of(pieces_);
    const nc_type type = kTypes[how / 32 % 5];
    nc_put_att_double(file_, variable, name, type, count, numbers);
  }

  void put_values(int variable) {
    int rank = 0, dims[4] = {};
    nc_type type = NC_NAT;
    SKIPCAST_CHECK(nc_inq_var(file_, variable, nullptr, &type, &rank, dims, nullptr) == NC_NOERR);
    std::array<size_t, 4> start{}, length{};
    size_t values = 1;
    for (int k = 0; k < rank; ++k) {
      auto& states = length[static_cast<size_t>(k)];
      SKIPCAST_CHECK(nc_inq_dimlen(file_, dims[k], &states) == NC_NOERR);
      if (states == 0) states = 3;  // unlimited: grows
      values *= states;
    }
    if (type == NC_CHAR) {
      std::string text(pieces_.text(std::min<size_t>(values, pieces_.number<uint8_t>())));
      text.resize(values, 'n');
      nc_put_vara_text(file_, variable, start.data(), length.data(), text.data());
      return;
    }
    std::vector<double> numbers(values);
    const auto given = pieces_.number<uint8_t>();
    for (size_t k = 0; k < values; ++k) {
      numbers[k] = k < given ? number_of(pieces_) : static_cast<double>(6 * k);
    }
    nc_put_vara_double(file_, variable, start.data(), length.data(), numbers.data());
  }

  Pieces pieces_;
  int file_ = -1;
  std::vector<int> dimensions_, variables_;
};

}  // namespace

void check_input(std::string_view input) {
  const Sources sources = {{Script(input).run()}, {}, {}};
  check_reader([&] { return find_format("netcdf")->open(sources); }, "s.nc", kStatesMax);
}

std::vector<std::string> seed_inputs() {
  const auto bytes = [](std::initializer_list<int> list) {
    return std::string(list.begin(), list.end());
  };
  const std::string dims = bytes({4, 1, 1, 2, 3});  // lengths 5, 2, 2, 3, 4
  const std::string time = bytes({2, 1, 0}), none = bytes({0, 255});
  const std::string values = bytes({5, 0, 6, 12, 18, 24});
  const std::string units =
      bytes({4, 0, 0}) + "hours since 2013-01-01 00:00\n" + bytes({1, 0}) + "standard\n";
  const std::string station =
      dims + time + bytes({0, 2, 0, 1, 3, 1, 1, 3, 1, 1, 5, 2, 1, 4}) + none;
  const std::string grid = dims + time + bytes({0, 3, 0, 2, 3, 3, 1, 2, 3, 1, 3}) + none + none;
  return {bytes({0}) + station + units + bytes({5, 1}) + "names lat lon\n" + bytes({4, 4}) +
              "timeseries_id\n" + values,
          bytes({1}) + grid + units + bytes({0, 2}) + "degrees_north\n" + bytes({0, 3}) +
              "degrees_east\n" + values,
          bytes({7}) + station + units + bytes({0x86, 1, 2, 0x8d, 0x41, 3})};
}

}  // namespace skipcast::fuzz
