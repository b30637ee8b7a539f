// Writing one NetCDF-4 file through netcdf-c: the adapter of forecast_file.cc and
// evaluation_file.cc. Errors stick: after the first one nothing is written, and finish() reports
// it. The file appears under its name when finish() succeeds; else the temporary one is removed.
// Not thread-safe, and netcdf-c itself is not: one writer or reader at once in a process.
// Tested with netcdf-c 4.9.0 (Debian 12).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "storage/status.h"

namespace skipcast::storage {

// A name that CF allows (section 2.3: letters, digits, underscores; begins with a letter).
std::string cf_name(const std::string& name);

class NetcdfWriter {
 public:
  enum class Type { kFloat, kDouble, kInt, kChar };

  explicit NetcdfWriter(const std::string& path);
  ~NetcdfWriter();
  NetcdfWriter(const NetcdfWriter&) = delete;
  NetcdfWriter& operator=(const NetcdfWriter&) = delete;

  // Definitions; ids are netcdf-c's. Length 0 = unlimited.
  int dimension(const std::string& name, int64_t length);
  int variable(const std::string& name, Type type, const std::vector<int>& dimensions);
  // `variable` kGlobal = an attribute of the file.
  static constexpr int kGlobal = -1;
  void text(int variable, const std::string& name, const std::string& value);
  void number(int variable, const std::string& name, double value);
  void integer(int variable, const std::string& name, int32_t value);
  void missing_as_nan(int variable, Type type);  // _FillValue NaN; before any data
  void end_definitions();

  // Whole variables; the size must be the variable's.
  void put(int variable, std::span<const float> values);
  void put(int variable, std::span<const double> values);
  void put(int variable, std::span<const int32_t> values);
  // Names padded with NUL to the second dimension's length.
  void put(int variable, const std::vector<std::string>& names, int64_t length);
  // Entry `first` of the outermost dimension.
  void put_slab(int variable, int64_t first, std::span<const int64_t> inner_shape,
                std::span<const float> values);
  void put_at(int variable, int64_t index, double value);

  // Closes, makes durable, renames. kNoSpace or kIo names the file.
  Status finish();

 private:
  bool ok() const { return first_error_.ok(); }
  void check(int code);

  std::string path_, temporary_;
  int id_ = -1;
  Status first_error_;
};

}  // namespace skipcast::storage
