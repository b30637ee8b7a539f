// Starts, keys and alignments are values named by a word, not enumerations: one more is a file and
// a line in its table (engine/forecast/start_table.h, engine/keys/key_table.h,
// engine/forecast/alignment.h). The tables know which words there are and refuse others; here any
// word is a name. Values, thread-safe.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace skipcast::engine {

template <typename Tag>
class Name {
 public:
  // Of a longer word the first bytes, and '?' for what is no printable ASCII: no table knows such.
  static constexpr size_t kBytesMax = 23;
  constexpr explicit Name(std::string_view word) {
    const auto plain = [](char c) { return c > ' ' && c <= '~' ? c : '?'; };
    std::transform(word.begin(), word.begin() + std::min(word.size(), kBytesMax), bytes_.begin(),
                   plain);
  }
  constexpr std::string_view view() const { return bytes_.data(); }
  friend constexpr bool operator==(const Name&, const Name&) = default;

 private:
  std::array<char, kBytesMax + 1> bytes_ = {};
};

template <typename Tag>
std::string word(const Name<Tag>& name) {
  return std::string(name.view());
}

// From what members are started. kMismatched is blind as kRandom is: the analogs of another, past
// situation. kRedi is the published method (engine/forecast/redi.h), for comparison. kPrevious: the
// same members of the cycle before, shifted; they are made again here, from up to `rolls` cycles
// back, where the first one starts from analogs.
struct StartKind : Name<StartKind> {
  using Name::Name;
  static const StartKind kCold, kAnalog, kMean, kRandom, kPersist, kMismatched, kRedi, kPrevious;
};
inline constexpr StartKind StartKind::kCold("cold");
inline constexpr StartKind StartKind::kAnalog("analog");
inline constexpr StartKind StartKind::kMean("mean");
inline constexpr StartKind StartKind::kRandom("random");
inline constexpr StartKind StartKind::kPersist("persist");
inline constexpr StartKind StartKind::kMismatched("mismatched");
inline constexpr StartKind StartKind::kRedi("redi");
inline constexpr StartKind StartKind::kPrevious("previous");

// What is compared when analogs are searched. kMetric: by a metric that was fitted to the archive
// (engine/methods/learned_metric.cc).
struct KeyKind : Name<KeyKind> {
  using Name::Name;
  static const KeyKind kContext, kForecast, kMixed, kMetric;
};
inline constexpr KeyKind KeyKind::kContext("context");
inline constexpr KeyKind KeyKind::kForecast("forecast");
inline constexpr KeyKind KeyKind::kMixed("mixed");
inline constexpr KeyKind KeyKind::kMetric("metric");

// How an analog's future is moved to the query: not at all, offset to the last observation with
// decay, residual about the mean forecasts, or the mean of offset and residual.
struct Alignment : Name<Alignment> {
  using Name::Name;
  static const Alignment kNone, kOffset, kResidual, kHalf;
};
inline constexpr Alignment Alignment::kNone("none");
inline constexpr Alignment Alignment::kOffset("offset");
inline constexpr Alignment Alignment::kResidual("residual");
inline constexpr Alignment Alignment::kHalf("half");

// What a file or a person says; a word of an earlier version is today's name for it. Whether there
// is such a thing, the tables' start_from(), key_from() and alignment_from() say.
StartKind read_start(std::string_view word);
KeyKind read_key(std::string_view word);
Alignment read_alignment(std::string_view word);

}  // namespace skipcast::engine
