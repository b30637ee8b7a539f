#include "storage/formats/netcdf_packing.h"

#include <cmath>

namespace skipcast::storage {
namespace {

void take_first(const NcFile& file, const NcVariable& variable, const char* attribute,
                double& out) {
  const std::vector<double> numbers = file.numbers(variable, attribute);
  if (numbers.size() == 1 && std::isfinite(numbers[0])) out = numbers[0];
}

// The limits are stored in the variable's signed type, too.
void use_unsigned(int bits, NcPacking& packing) {
  packing.unsigned_range = std::ldexp(1.0, bits);
  for (double* limit : {&packing.valid_min, &packing.valid_max}) {
    if (std::isfinite(*limit) && *limit < 0) *limit += packing.unsigned_range;
  }
}

}  // namespace

double NcPacking::unpack(double raw) const {
  for (const double marker : missing) {
    if (raw == marker) return std::numeric_limits<double>::quiet_NaN();
  }
  const double number = raw < 0 ? raw + unsigned_range : raw;
  if (!(number >= valid_min && number <= valid_max))
    return std::numeric_limits<double>::quiet_NaN();
  return number * scale + offset;
}

NcPacking packing_of(const NcFile& file, const NcVariable& variable) {
  NcPacking packing;
  take_first(file, variable, "scale_factor", packing.scale);
  take_first(file, variable, "add_offset", packing.offset);
  take_first(file, variable, "valid_min", packing.valid_min);
  take_first(file, variable, "valid_max", packing.valid_max);
  const std::vector<double> range = file.numbers(variable, "valid_range");
  if (range.size() == 2) packing.valid_min = range[0], packing.valid_max = range[1];
  const std::vector<double> fill = file.numbers(variable, "_FillValue");
  packing.missing = file.numbers(variable, "missing_value");
  packing.missing.insert(packing.missing.end(), fill.begin(), fill.end());
  const std::optional<double> by_default = default_fill(variable);
  if (fill.empty() && by_default) packing.missing.push_back(*by_default);
  const bool is_unsigned = file.text(&variable, "_Unsigned") == "true";
  if (is_unsigned && !variable.is_float) use_unsigned(8 * variable.item_bytes, packing);
  return packing;
}

}  // namespace skipcast::storage
