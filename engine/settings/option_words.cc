// The words users say for starts, keys, alignments, archive modes, spacings and measures.
#include <string_view>

#include "engine/settings/forecast_options.h"
#include "engine/settings/words.h"

namespace skipcast::engine {
namespace {

constexpr Words<StartKind, 8> kStarts = {{{"cold", StartKind::kCold},
                                          {"analog", StartKind::kAnalog},
                                          {"mean", StartKind::kMean},
                                          {"random", StartKind::kRandom},
                                          {"persist", StartKind::kPersist},
                                          {"shuffled", StartKind::kMismatched},
                                          {"redi", StartKind::kRedi},
                                          {"previous", StartKind::kPrevious}}};
constexpr Words<KeyKind, 4> kKeys = {{{"context", KeyKind::kContext},
                                      {"forecast", KeyKind::kForecast},
                                      {"mixed", KeyKind::kMixed},
                                      {"learned", KeyKind::kMetric}}};
constexpr Words<Alignment, 4> kAlignments = {{{"none", Alignment::kNone},
                                              {"offset", Alignment::kOffset},
                                              {"residual", Alignment::kResidual},
                                              {"half", Alignment::kHalf}}};
constexpr Words<ArchiveMode, 2> kModes = {
    {{"growing", ArchiveMode::kGrowing}, {"frozen", ArchiveMode::kFrozen}}};
constexpr Words<samplers::Spacing, 4> kSpacings = {{{"karras", samplers::Spacing::kKarras},
                                                    {"log", samplers::Spacing::kLog},
                                                    {"vp", samplers::Spacing::kVp},
                                                    {"cosine", samplers::Spacing::kCosine}}};
constexpr Words<Measure, 2> kMeasures = {
    {{"distance", Measure::kDistance}, {"spread", Measure::kDisagreement}}};

}  // namespace

bool has_analogs(StartKind kind) { return is_retrieved(kind) || kind == StartKind::kRandom; }

bool is_retrieved(StartKind kind) {
  return kind == StartKind::kAnalog || kind == StartKind::kMismatched;
}

Result<StartKind> start_from(std::string_view word) { return from_word(kStarts, "start", word); }
Result<KeyKind> key_from(std::string_view word) { return from_word(kKeys, "key", word); }
Result<Alignment> alignment_from(std::string_view word) {
  return from_word(kAlignments, "alignment", word);
}
Result<ArchiveMode> archive_from(std::string_view word) {
  return from_word(kModes, "archive mode", word);
}
Result<samplers::Spacing> spacing_from(std::string_view word) {
  return from_word(kSpacings, "spacing", word);
}
Result<Measure> measure_from(std::string_view word) {
  return from_word(kMeasures, "measure", word);
}
const char* word(StartKind kind) { return to_word(kStarts, kind); }
const char* word(KeyKind kind) { return to_word(kKeys, kind); }
const char* word(Alignment alignment) { return to_word(kAlignments, alignment); }
const char* word(ArchiveMode mode) { return to_word(kModes, mode); }
const char* word(samplers::Spacing spacing) { return to_word(kSpacings, spacing); }
const char* word(Measure measure) { return to_word(kMeasures, measure); }

}  // namespace skipcast::engine
