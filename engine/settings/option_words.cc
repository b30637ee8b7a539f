// The words users say for archive modes, spacings and measures.
#include <string_view>

#include "engine/settings/forecast_options.h"
#include "engine/settings/words.h"

namespace skipcast::engine {
namespace {

constexpr Words<ArchiveMode, 2> kModes = {
    {{"growing", ArchiveMode::kGrowing}, {"frozen", ArchiveMode::kFrozen}}};
constexpr Words<samplers::Spacing, 4> kSpacings = {{{"karras", samplers::Spacing::kKarras},
                                                    {"log", samplers::Spacing::kLog},
                                                    {"vp", samplers::Spacing::kVp},
                                                    {"cosine", samplers::Spacing::kCosine}}};
constexpr Words<Measure, 2> kMeasures = {
    {{"distance", Measure::kDistance}, {"disagreement", Measure::kDisagreement}}};

}  // namespace

Result<ArchiveMode> archive_from(std::string_view word) {
  return from_word(kModes, "archive mode", word);
}
Result<samplers::Spacing> spacing_from(std::string_view word) {
  return from_word(kSpacings, "spacing", word);
}
Result<Measure> measure_from(std::string_view word) {
  if (word == "spread") return Measure::kDisagreement;  // in policies of earlier versions
  return from_word(kMeasures, "measure", word);
}
const char* word(ArchiveMode mode) { return to_word(kModes, mode); }
const char* word(samplers::Spacing spacing) { return to_word(kSpacings, spacing); }
const char* word(Measure measure) { return to_word(kMeasures, measure); }

}  // namespace skipcast::engine
