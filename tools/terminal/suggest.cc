#include "tools/terminal/suggest.h"

#include <algorithm>
#include <cstdlib>

namespace skipcast::tools {

int64_t edit_distance(std::string_view a, std::string_view b) {
  const size_t width = b.size() + 1;
  std::vector<int64_t> cost((a.size() + 1) * width);
  for (size_t i = 0; i <= a.size(); ++i) cost[i * width] = static_cast<int64_t>(i);
  for (size_t j = 0; j <= b.size(); ++j) cost[j] = static_cast<int64_t>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const bool same = a[i - 1] == b[j - 1];
      int64_t best = cost[(i - 1) * width + j - 1] + (same ? 0 : 1);
      best = std::min({best, cost[(i - 1) * width + j] + 1, cost[i * width + j - 1] + 1});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) best = std::min(best, cost[(i - 2) * width + j - 2] + 1);
      cost[i * width + j] = best;
    }
  }
  return cost.back();
}

std::optional<std::string> nearest(std::string_view word,
                                   const std::vector<std::string>& candidates) {
  const int64_t slips_max = std::clamp<int64_t>(static_cast<int64_t>(word.size()) / 3, 1, 3);
  std::optional<std::string> best;
  int64_t best_distance = slips_max + 1;
  for (const std::string& candidate : candidates) {
    const auto longer = static_cast<int64_t>(word.size()) - static_cast<int64_t>(candidate.size());
    const bool prefix = word.size() >= 3 && candidate.starts_with(word);
    if (!prefix && std::abs(longer) >= best_distance) continue;  // at least so many slips apart
    const int64_t distance = prefix ? 0 : edit_distance(word, candidate);
    if (distance >= best_distance) continue;
    best_distance = distance;
    best = candidate;
  }
  return best;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  const std::optional<std::string> near = nearest(word, candidates);
  return near ? " Did you mean '" + *near + "'?" : "";
}

}  // namespace skipcast::tools
