// What the dimensions of a NetCDF file mean, by CF's conventions. Internal to the readers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "storage/formats/cf_time.h"
#include "storage/formats/netcdf_file.h"
#include "storage/formats/netcdf_packing.h"
#include "storage/schema/schema.h"
#include "storage/status.h"

namespace skipcast::storage {

// How a data variable lies in the file: positions of its meanings in NcVariable::dimensions,
// -1 = none; all other dimensions have length 1.
struct NcLayout {
  int time = -1, lat = -1, lon = -1;  // a grid has both lat and lon
  int place = -1;                     // a graph's stations; none = a single place
  bool is_grid() const { return lat >= 0; }
};

struct NcField {
  NcVariable variable;
  NcLayout layout;
};

// The time coordinate of a file.
struct NcTimeAxis {
  NcVariable variable;
  int dimension = -1;
  CfTime units;
  NcPacking packing;
};

// kBadInput when no coordinate has units "... since ...", several do (and none is called time),
// or the calendar is none of ours. `recipe_name` picks one when not empty.
Result<NcTimeAxis> find_time_axis(const NcFile& file, const std::string& recipe_name);

// How `variable` lies, or a kBadInput sentence why it cannot be a series of states.
Result<NcLayout> lay_out(const NcFile& file, const NcTimeAxis& time, const NcVariable& variable);

// kBadInput for a file whose stations' series lie one after the other (CF 9.3.3, 9.3.4).
Status check_not_ragged(const NcFile& file);

// All variables that fit, coordinates and bounds left out.
std::vector<NcField> fields_of(const NcFile& file, const NcTimeAxis& time);

// Kind, names and coordinates as the file gives them (latitude in the file's order).
Result<Places> places_of(const NcFile& file, const NcField& field);

}  // namespace skipcast::storage
