// Series that look a little like weather: daily and weekly waves plus slow random weather.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

namespace skipcast::tests {

struct SyntheticSeries {
  int64_t states = 1000;
  int64_t variables = 1;
  int64_t places = 4;
  uint64_t seed = 1;
  double missing_share = 0;  // of single values
};

// values[states, variables, places], hourly; the same seed gives the same values.
inline std::vector<float> synthetic_values(const SyntheticSeries& wanted) {
  std::mt19937_64 random(wanted.seed);
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  const int64_t width = wanted.variables * wanted.places;
  std::vector<double> weather(static_cast<size_t>(width));
  std::vector<float> values;
  values.reserve(static_cast<size_t>(wanted.states * width));
  for (int64_t t = 0; t < wanted.states; ++t) {
    const double shared = normal(random);
    for (int64_t i = 0; i < width; ++i) {
      double& w = weather[static_cast<size_t>(i)];
      w = 0.95 * w + 0.2 * shared + 0.15 * normal(random);
      const double hour = static_cast<double>(t % 24), day = static_cast<double>(t / 24 % 7);
      const double wave =
          std::sin(hour / 24 * 6.283185307 + 0.1 * static_cast<double>(i)) + (day > 4 ? -0.5 : 0.0);
      const bool missing = uniform(random) < wanted.missing_share;
      values.push_back(missing ? std::nanf("") : static_cast<float>(10 + 2 * wave + w));
    }
  }
  return values;
}

}  // namespace skipcast::tests
