// "Did you mean ...?": the nearest of some words to a mistyped one. Pure functions, thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace skipcast::tools {

// Least number of letters to insert, delete, replace or swap with a neighbour (optimal string
// alignment) that makes `b` of `a`. Cost: |a| x |b|.
int64_t edit_distance(std::string_view a, std::string_view b);

// The candidate nearest to `word`, when near enough to be a slip: at most a third of the letters
// (at least 1, at most 3), or `word` begins it and has 3 letters or more.
std::optional<std::string> nearest(std::string_view word,
                                   const std::vector<std::string>& candidates);

// " Did you mean 'x'?", or "" when nothing is near.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace skipcast::tools
