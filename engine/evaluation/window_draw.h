// Two sets of windows, apart in time: those that choose among settings, and those that confirm what
// was chosen. The best of many settings on one set of windows is partly lucky there; windows near
// in time share their weather, so the sets take turns in blocks, and no state belongs to a window
// of both. Which block has which role is drawn from the seed. Thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/forecast/forecaster.h"

namespace skipcast::engine {

enum class WindowRole { kChoosing, kConfirming };
const char* word(WindowRole role);

struct WindowDraw {
  WindowRole role = WindowRole::kChoosing;
  int64_t count = 0;  // windows, at most
  uint64_t seed = 1;
};

// Of these origins (ascending state numbers) those of a role: blocks in pairs, at most ten pairs of
// at least four times `apart` states a block, of each pair one for either role. Confirming ones
// lie at least `apart` states from every origin that chooses; none may be left.
std::vector<int64_t> origins_of_role(std::span<const int64_t> origins, int64_t apart,
                                     const WindowDraw& draw);

// `draw.count` of them (all, when there are no more), evenly spaced from a drawn first one on.
std::vector<int64_t> drawn_of(std::span<const int64_t> origins, const WindowDraw& draw);

// The same of a part's origins that `evaluate` may score, a whole window apart; unobserved ones are
// left out.
std::vector<int64_t> drawn_origins(const Forecaster& forecaster, Part part, const WindowDraw& draw);

}  // namespace skipcast::engine
