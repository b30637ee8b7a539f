#include "storage/formats/netcdf_packing.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace skipcast::storage {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

// Not inlined: where two neighbours are rounded, GCC 12 at -O3 leaves the rounding out.
[[gnu::noinline]] double as_single(double number) {
  return static_cast<double>(static_cast<float>(number));
}

// The attribute's numbers, none where there is no such attribute; `count` 0: any number of them.
Result<std::vector<double>> numbers_of(const NcFile& file, const NcVariable& variable,
                                       const char* name, size_t count) {
  const std::optional<NcAttribute> found = file.attribute(variable, name);
  if (!found || found->length == 0) return std::vector<double>();
  std::vector<double> numbers = file.numbers(variable, name);
  const auto length = static_cast<size_t>(found->length);
  if (found->kind == NcKind::kNumber && numbers.size() == length &&
      (count == 0 || length == count)) {
    return numbers;
  }
  const bool number = found->kind == NcKind::kNumber;
  return bad_input(fmt::format(
      "{}, variable {}: its attribute {} is {}, where {} must stand; correct the attribute "
      "(ncatted), or pick other variables with --var",
      file.path(), variable.name, name,
      number ? fmt::format("a list of {}", length)
             : fmt::format("'{}', no number", file.text(&variable, name)),
      count == 1 ? "one number" : (count == 2 ? "two numbers" : "numbers")));
}

Status take_one(const NcFile& file, const NcVariable& variable, const char* name, double& out) {
  SKIPCAST_TRY(const std::vector<double> numbers, numbers_of(file, variable, name, 1));
  if (numbers.empty()) return {};
  out = numbers[0];
  if (!std::isnan(out)) return {};
  return bad_input(
      fmt::format("{}, variable {}: its attribute {} is not a number (NaN); correct "
                  "it (ncatted), or pick other variables with --var",
                  file.path(), variable.name, name));
}

bool is_float(const NcFile& file, const NcVariable& variable, const char* name) {
  const std::optional<NcAttribute> found = file.attribute(variable, name);
  return found && found->is_float;
}

bool is_double(const NcFile& file, const NcVariable& variable, const char* name) {
  const std::optional<NcAttribute> found = file.attribute(variable, name);
  return found && !(found->is_float && found->item_bytes == 4);
}

Status take_limits(const NcFile& file, const NcVariable& variable, NcPacking& packing) {
  SKIPCAST_TRY_OK(take_one(file, variable, "valid_min", packing.valid_min));
  SKIPCAST_TRY_OK(take_one(file, variable, "valid_max", packing.valid_max));
  SKIPCAST_TRY(const std::vector<double> range, numbers_of(file, variable, "valid_range", 2));
  if (range.size() == 2) packing.valid_min = range[0], packing.valid_max = range[1];
  if (packing.single_markers) {
    packing.valid_min = as_single(packing.valid_min);
    packing.valid_max = as_single(packing.valid_max);
  }
  bool floating = false, packs = false;
  for (const char* name : {"valid_min", "valid_max", "valid_range"}) {
    floating = floating || is_float(file, variable, name);
  }
  for (const char* name : {"scale_factor", "add_offset"}) {
    packs = packs || is_float(file, variable, name);
  }
  packing.valid_unpacked = floating && packs && !variable.is_float;
  return {};
}

void use_sign(const NcFile& file, const NcVariable& variable, NcPacking& packing) {
  const std::string is_unsigned = file.text(&variable, "_Unsigned");
  if (variable.is_float) return;
  const double range = std::ldexp(1.0, 8 * variable.item_bytes);
  if (variable.is_signed && (is_unsigned == "true" || is_unsigned == "True")) {
    packing.below = 0, packing.wraps_by = range;
  } else if (!variable.is_signed && (is_unsigned == "false" || is_unsigned == "False")) {
    packing.above = range / 2, packing.wraps_by = range;
  }
  if (packing.valid_unpacked) return;
  // The limits may be stored in the variable's own type, too.
  for (double* limit : {&packing.valid_min, &packing.valid_max}) {
    if (!std::isfinite(*limit)) continue;
    if (*limit < packing.below) *limit += packing.wraps_by;
    if (*limit >= packing.above) *limit -= packing.wraps_by;
  }
}

}  // namespace

void NcPacking::add_missing(std::span<const double> markers) {
  for (const double marker : markers) {
    missing.push_back(single_markers ? as_single(marker) : marker);
  }
}

double NcPacking::unpack(double raw) const {
  const double number = raw < below ? raw + wraps_by : (raw >= above ? raw - wraps_by : raw);
  for (const double marker : missing) {
    if (raw == marker || number == marker) return kMissing;
  }
  const double value =
      single ? as_single(as_single(number * scale) + offset) : number * scale + offset;
  const double limited = valid_unpacked ? value : number;
  return limited >= valid_min && limited <= valid_max ? value : kMissing;
}

Result<NcPacking> packing_of(const NcFile& file, const NcVariable& variable) {
  NcPacking packing;
  packing.single_markers = variable.is_float && variable.item_bytes == 4;
  SKIPCAST_TRY_OK(take_one(file, variable, "scale_factor", packing.scale));
  SKIPCAST_TRY_OK(take_one(file, variable, "add_offset", packing.offset));
  packing.single = (packing.single_markers || variable.item_bytes <= 2) &&
                   !is_double(file, variable, "scale_factor") &&
                   !is_double(file, variable, "add_offset");
  SKIPCAST_TRY_OK(take_limits(file, variable, packing));
  SKIPCAST_TRY(const std::vector<double> fill, numbers_of(file, variable, "_FillValue", 1));
  SKIPCAST_TRY(const std::vector<double> missing, numbers_of(file, variable, "missing_value", 0));
  packing.add_missing(missing);
  packing.add_missing(fill);
  const std::optional<double> by_default = default_fill(variable);
  if (fill.empty() && by_default) packing.missing.push_back(*by_default);
  use_sign(file, variable, packing);
  return packing;
}

Result<std::vector<double>> read_values(const NcFile& file, const NcVariable& variable) {
  SKIPCAST_TRY(const NcPacking packing, packing_of(file, variable));
  SKIPCAST_TRY(std::vector<double> values, file.read_vector(variable));
  std::transform(values.begin(), values.end(), values.begin(),
                 [&](double raw) { return packing.unpack(raw); });
  return values;
}

}  // namespace skipcast::storage
