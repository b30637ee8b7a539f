// What may not differ between an archive and the states appended to it.
#include <fmt/format.h>

#include "storage/ingest/ingest.h"
#include "storage/schema/position.h"

namespace skipcast::storage {
namespace {

std::string step_text(const TimeAxis& axis) {
  std::string text = axis.step_months > 0 ? fmt::format("{} months", axis.step_months)
                                          : fmt::format("{} s", axis.step_s);
  if (axis.session_states > 0) {
    text += fmt::format(" in sessions of {} states{}", axis.session_states,
                        axis.weekdays_only ? " on weekdays" : "");
  }
  return text;
}

std::string variable_difference(const Schema& archive, const Schema& input) {
  const size_t count = archive.variables.size();
  if (input.variables.size() != count) {
    return fmt::format("the archive has {} variables, the input {}", count, input.variables.size());
  }
  for (size_t k = 0; k < count; ++k) {
    const Variable &ours = archive.variables[k], &theirs = input.variables[k];
    if (ours.name != theirs.name) {
      return fmt::format("variable {} is '{}' in the archive, but '{}' in the input", k + 1,
                         ours.name, theirs.name);
    }
    if (ours.units != theirs.units) {
      return fmt::format("the units of '{}' are '{}' in the archive, but '{}' in the input",
                         ours.name, ours.units, theirs.units);
    }
    if (ours.log_transform != theirs.log_transform) {
      return fmt::format("the log transform of '{}' is {} in the archive, but not in the input",
                         ours.name, ours.log_transform ? "on" : "off");
    }
  }
  return "";
}

std::string axis_difference(const std::vector<double>& ours, const std::vector<double>& theirs,
                            const char* name) {
  if (ours.size() != theirs.size()) {
    return fmt::format("{} has {} values in the archive, but {} in the input", name, ours.size(),
                       theirs.size());
  }
  for (size_t k = 0; k < ours.size(); ++k) {
    if (same_position(ours[k], theirs[k])) continue;
    return fmt::format("{}[{}] is {} in the archive, but {} in the input", name, k, ours[k],
                       theirs[k]);
  }
  return "";
}

std::string place_difference(const Places& archive, const Places& input) {
  if (archive.kind != input.kind) {
    const bool grid = archive.kind == PlacesKind::kGrid;
    return fmt::format("the archive is a {}, the input a {}", grid ? "grid" : "graph",
                       grid ? "graph" : "grid");
  }
  if (archive.count() != input.count()) {
    return fmt::format("the archive has {} places, the input {}", archive.count(), input.count());
  }
  for (size_t k = 0; k < archive.names.size(); ++k) {
    if (archive.names[k] == input.names[k]) continue;
    return fmt::format("place {} is '{}' in the archive, but '{}' in the input", k + 1,
                       archive.names[k], input.names[k]);
  }
  std::string difference = axis_difference(archive.lat, input.lat, "lat");
  if (difference.empty()) difference = axis_difference(archive.lon, input.lon, "lon");
  if (difference.empty() && archive.adjacency != input.adjacency) {
    return "the adjacency differs from the archive's";
  }
  return difference;
}

}  // namespace

Status check_same_series(const Schema& archive, const Schema& input, const std::string& path) {
  std::string difference = variable_difference(archive, input);
  if (difference.empty()) difference = place_difference(archive.places, input.places);
  if (difference.empty() && step_text(archive.axis) != step_text(input.axis)) {
    difference = fmt::format("the step is {} in the archive, but {} in the input",
                             step_text(archive.axis), step_text(input.axis));
  }
  if (difference.empty()) return {};
  return refused(fmt::format("{}: {}; append the same series only, or ingest into a new archive",
                             path, difference));
}

}  // namespace skipcast::storage
