// Seeded damage for parser tests: the mutations are a pure function of the seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace skipcast::tests {

// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed) {}
  // 0 <= result < limit. REQUIRES: limit > 0.
  size_t below(size_t limit);

 private:
  uint64_t state_;
};

// One to four edits: flipped bits, cuts, repeats, numbers at the ends of their ranges, inserted
// tokens that parsers stumble over.
std::string mutate(std::string bytes, Dice& dice);

}  // namespace skipcast::tests
