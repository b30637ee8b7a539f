// How a NetCDF variable's raw numbers become values: packing and missing markers (CF 8.1, 2.5.1).
// Internal to the readers.
#pragma once

#include <limits>
#include <vector>

#include "storage/formats/netcdf_file.h"

namespace skipcast::storage {

struct NcPacking {
  double scale = 1, offset = 0;
  std::vector<double> missing;  // _FillValue, missing_value, netcdf-c's default fill
  double valid_min = -std::numeric_limits<double>::infinity();
  double valid_max = std::numeric_limits<double>::infinity();
  double unsigned_range = 0;  // added to negative numbers when _Unsigned = "true"

  // The value, NaN where it is missing or outside the valid range (both told in raw numbers).
  double unpack(double raw) const;
};

// From the attributes scale_factor, add_offset, _FillValue, missing_value, valid_min, valid_max,
// valid_range and _Unsigned.
NcPacking packing_of(const NcFile& file, const NcVariable& variable);

}  // namespace skipcast::storage
