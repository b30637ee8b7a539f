#include "engine/evaluation/window_draw.h"

#include <algorithm>
#include <random>

#include "engine/evaluation/evaluate.h"

namespace skipcast::engine {
namespace {

constexpr int64_t kPairsMax = 10;
constexpr int64_t kBlockWindows = 4;  // least length of a block, in windows

// Which block of each pair chooses.
std::vector<bool> coins(int64_t pairs, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<bool> first;
  for (int64_t pair = 0; pair < pairs; ++pair) first.push_back((random() >> 63) == 0);
  return first;
}

// In [0, 1), other than the coins' bits.
double drawn_phase(uint64_t seed) {
  constexpr uint64_t kOther = 0x9E3779B97F4A7C15;
  std::mt19937_64 random(seed ^ kOther);
  return static_cast<double>(random() >> 11) * 0x1p-53;
}

// The distance from an origin to the nearest of these, which are ascending and at least one.
int64_t distance_to(const std::vector<int64_t>& others, int64_t origin) {
  const auto above = std::lower_bound(others.begin(), others.end(), origin);
  int64_t distance = above == others.end() ? origin - others.back() : *above - origin;
  if (above != others.begin()) distance = std::min(distance, origin - *std::prev(above));
  return distance;
}

}  // namespace

const char* word(WindowRole role) {
  return role == WindowRole::kChoosing ? "choosing" : "confirming";
}

std::vector<int64_t> origins_of_role(std::span<const int64_t> origins, int64_t apart,
                                     const WindowDraw& draw) {
  if (origins.empty()) return {};
  const int64_t pair_span = 2 * kBlockWindows * std::max<int64_t>(1, apart);
  const int64_t pairs =
      std::clamp<int64_t>((origins.back() - origins.front()) / pair_span, 1, kPairsMax);
  const std::vector<bool> first = coins(pairs, draw.seed);
  std::vector<int64_t> choosing, confirming;
  const auto count = static_cast<int64_t>(origins.size());
  for (int64_t i = 0; i < count; ++i) {
    const int64_t block = i * 2 * pairs / count;
    const bool chooses = (block % 2 == 0) == first[static_cast<size_t>(block / 2)];
    (chooses ? choosing : confirming).push_back(origins[static_cast<size_t>(i)]);
  }
  if (draw.role == WindowRole::kChoosing || choosing.empty()) return choosing;
  std::erase_if(confirming, [&](int64_t origin) { return distance_to(choosing, origin) < apart; });
  return confirming;
}

std::vector<int64_t> drawn_of(std::span<const int64_t> origins, const WindowDraw& draw) {
  const auto count = static_cast<int64_t>(origins.size());
  if (draw.count >= count) return {origins.begin(), origins.end()};
  const double phase = drawn_phase(draw.seed);
  std::vector<int64_t> drawn;
  for (int64_t i = 0; i < draw.count; ++i) {
    const double place = (static_cast<double>(i) + phase) / static_cast<double>(draw.count);
    const auto at = static_cast<int64_t>(place * static_cast<double>(count));
    drawn.push_back(origins[static_cast<size_t>(std::min(at, count - 1))]);
  }
  return drawn;
}

std::vector<int64_t> drawn_origins(const Forecaster& forecaster, Part part,
                                   const WindowDraw& draw) {
  const auto& spec = forecaster.model().task().spec;
  const std::vector<int64_t> all = strided_origins(forecaster, part);
  const std::vector<int64_t> mine =
      origins_of_role(all, spec.context_states + spec.future_states, draw);
  return observed_of(forecaster, drawn_of(mine, draw));
}

}  // namespace skipcast::engine
