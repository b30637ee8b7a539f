// How a NetCDF variable's raw numbers become values: packing and missing markers (CF 8.1, 2.5.1,
// NetCDF Users Guide, appendix A). Internal to the readers.
#pragma once

#include <limits>
#include <span>
#include <vector>

#include "storage/formats/netcdf_file.h"
#include "storage/status.h"

namespace skipcast::storage {

struct NcPacking {
  double scale = 1, offset = 0;
  bool single = false;          // packed by float32 attributes: unpacked in float32, as numpy does
  bool single_markers = false;  // the variable is float32: so are markers and limits
  std::vector<double> missing;  // _FillValue, missing_value, netcdf-c's default fill
  double valid_min = -std::numeric_limits<double>::infinity();
  double valid_max = std::numeric_limits<double>::infinity();
  bool valid_unpacked = false;  // the limits are told in unpacked units
  // _Unsigned says that the numbers are of the type of the other sign:
  double below = -std::numeric_limits<double>::infinity();
  double above = std::numeric_limits<double>::infinity();
  double wraps_by = 0;  // added below `below`, taken off from `above` on

  // Further markers, as they stand in the file.
  void add_missing(std::span<const double> markers);
  // The value, NaN where it is missing or outside the valid range.
  double unpack(double raw) const;
};

// From the attributes scale_factor, add_offset, _FillValue, missing_value, valid_min, valid_max,
// valid_range and _Unsigned. Markers and limits count in the variable's own type; limits of the
// type of floating scale_factor or add_offset beside whole numbers are in unpacked units (NetCDF
// Users Guide). kBadInput when one of them is no number, or not as many as it must be.
Result<NcPacking> packing_of(const NcFile& file, const NcVariable& variable);

// The values of a one-dimensional variable, NaN where missing. Errors as packing_of()'s and
// NcFile::read_vector()'s.
Result<std::vector<double>> read_values(const NcFile& file, const NcVariable& variable);

}  // namespace skipcast::storage
