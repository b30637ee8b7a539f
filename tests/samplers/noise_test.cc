// Noise: known answers of the generator, the law of the values, and where bits may not depend on
// anything. Seeds are fixed: bounds are at 4-5 standard errors of the statistic under the law.
#include "samplers/noise.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numeric>
#include <vector>

#include "tests/support/torch_doctest.h"

namespace {

using skipcast::samplers::fill_gaussian;
using skipcast::samplers::gaussian;
using skipcast::samplers::NoiseKey;
using skipcast::samplers::philox4x32;
using skipcast::samplers::uniform_index;

std::vector<float> draw(const NoiseKey& key, int64_t count) {
  std::vector<float> values(static_cast<size_t>(count));
  fill_gaussian(key, values);
  return values;
}

double normal_cdf(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }

// Kolmogorov-Smirnov statistic times sqrt(n): above 1.95 with probability 0.001.
double kolmogorov_smirnov(std::vector<float> values) {
  std::sort(values.begin(), values.end());
  const auto n = static_cast<double>(values.size());
  double widest = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double p = normal_cdf(values[i]);
    widest = std::max({widest, p - static_cast<double>(i) / n, static_cast<double>(i + 1) / n - p});
  }
  return widest * std::sqrt(n);
}

// Correlation times sqrt(n): standard normal when independent.
double correlation_score(const std::vector<float>& a, const std::vector<float>& b) {
  double product = 0;
  for (size_t i = 0; i < a.size(); ++i) product += double{a[i]} * double{b[i]};
  return product / std::sqrt(static_cast<double>(a.size()));
}

// FNV-1a over the bits of the values.
uint64_t bit_hash(const std::vector<float>& values) {
  uint64_t hash = 0xCBF29CE484222325u;
  for (const float value : values) {
    hash = (hash ^ std::bit_cast<uint32_t>(value)) * 0x100000001B3u;
  }
  return hash;
}

}  // namespace

TEST_CASE("Philox: gives the known answers of Random123") {
  using Words = std::array<uint32_t, 4>;
  const Words zeros = philox4x32({0, 0, 0, 0}, {0, 0});
  CHECK((zeros == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr uint32_t kOnes = 0xffffffff;
  const Words ones = philox4x32({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes});
  CHECK((ones == Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  const Words pi =
      philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0});
  CHECK((pi == Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST_CASE("Noise: follows the documented construction from Philox words") {
  const NoiseKey key{.seed = 0x123456789ABCDEF0, .query = -86400, .member = 3, .step = 2};
  const auto low = [](uint64_t v) { return static_cast<uint32_t>(v); };
  const auto high = [](uint64_t v) { return static_cast<uint32_t>(v >> 32); };
  const auto query = static_cast<uint64_t>(key.query);
  const auto stream = philox4x32({low(query), high(query), 2, 0}, {low(key.seed), high(key.seed)});
  const auto values = draw(key, 1000);
  for (const uint32_t e : {0u, 15u, 16u, 31u, 47u, 63u, 64u, 500u, 777u, 999u}) {
    CAPTURE(e);
    const uint32_t word = (e / 16) % 4, block = 16 * (e / 64) + e % 16;
    const auto words = philox4x32({block, 0, 3, 0}, {stream[0], stream[1]});
    const uint32_t pair = word & 2;  // words 0, 1 or 2, 3
    const double radius = std::sqrt(-2 * std::log(((words[pair] >> 1) + 0.5) * 0x1p-31));
    const uint32_t turn = words[pair + 1];
    const double fraction = static_cast<int32_t>(turn << 2) * 0x1p-32;
    const double angle = (fraction - static_cast<double>(turn >> 30)) * std::acos(0.0);
    const double expected = radius * (word & 1 ? std::sin(angle) : std::cos(angle));
    CHECK(values[e] == doctest::Approx(expected).epsilon(1e-6).scale(1));
  }
}

TEST_CASE("Noise: the bits are the golden ones on every machine") {
  const auto values = draw({.seed = 1, .query = 2, .member = 3, .step = 4}, 100'000);
  CHECK(bit_hash(values) == 16741453828425707187u);
}

TEST_CASE("Noise: moments up to the sixth are those of the standard normal law") {
  constexpr int64_t kCount = 4'000'000;
  const auto values = draw({.seed = 7, .query = 1, .member = 0, .step = 0}, kCount);
  std::array<double, 7> moments{};
  for (const float value : values) {
    double power = 1;
    for (double& moment : moments) {
      moment += power / kCount;
      power *= value;
    }
  }
  const double error = 1 / std::sqrt(static_cast<double>(kCount));
  CHECK(std::abs(moments[1]) < 4 * error);
  CHECK(std::abs(moments[2] - 1) < 4 * error * std::sqrt(2.0));
  CHECK(std::abs(moments[3]) < 4 * error * std::sqrt(15.0));
  CHECK(std::abs(moments[4] - 3) < 4 * error * std::sqrt(96.0));
  CHECK(std::abs(moments[5]) < 4 * error * std::sqrt(945.0));
  CHECK(std::abs(moments[6] - 15) < 4 * error * std::sqrt(10170.0));
}

TEST_CASE("Noise: passes Kolmogorov-Smirnov, whole and for every word of the blocks") {
  const auto values = draw({.seed = 11, .query = 5, .member = 2, .step = 1}, 2'000'000);
  CHECK(kolmogorov_smirnov(values) < 1.95);
  for (size_t word = 0; word < 4; ++word) {
    CAPTURE(word);
    std::vector<float> part;
    for (size_t e = 0; e < values.size(); ++e) {
      if ((e / 16) % 4 == word) part.push_back(values[e]);
    }
    CHECK(kolmogorov_smirnov(part) < 1.95);
  }
}

TEST_CASE("Noise: tails beyond 4 and 5 are as frequent as they should be") {
  constexpr int64_t kCount = 30'000'000;
  int64_t beyond4 = 0, beyond5 = 0;
  for (int64_t member = 0; member < 30; ++member) {
    const auto values = draw({.seed = 3, .query = 0, .member = member, .step = 0}, kCount / 30);
    for (const float value : values) {
      beyond4 += std::abs(value) > 4;
      beyond5 += std::abs(value) > 5;
    }
  }
  const double expected4 = 2 * normal_cdf(-4) * kCount, expected5 = 2 * normal_cdf(-5) * kCount;
  CHECK(std::abs(static_cast<double>(beyond4) - expected4) < 4 * std::sqrt(expected4));
  CHECK(std::abs(static_cast<double>(beyond5) - expected5) < 4 * std::sqrt(expected5));
}

TEST_CASE("Noise: streams that differ in one part of the key are uncorrelated") {
  const NoiseKey base{.seed = 42, .query = 1'480'000'000, .member = 0, .step = 0};
  std::vector<NoiseKey> others(6, base);
  others[0].seed = 43;
  others[1].query += 3600;
  others[2].member = 1;
  others[3].step = 1;
  others[4].member = int64_t{1} << 32;
  others[5].query = -base.query;
  const auto values = draw(base, 1'000'000);
  for (size_t i = 0; i < others.size(); ++i) {
    CAPTURE(i);
    const auto other = draw(others[i], 1'000'000);
    CHECK(std::abs(correlation_score(values, other)) < 4);
    std::vector<float> squares(values.size()), other_squares(values.size());
    for (size_t e = 0; e < values.size(); ++e) {
      squares[e] = (values[e] * values[e] - 1) / std::sqrt(2.0f);
      other_squares[e] = (other[e] * other[e] - 1) / std::sqrt(2.0f);
    }
    CHECK(std::abs(correlation_score(squares, other_squares)) < 4);
  }
}

TEST_CASE("Noise: members 0..499 are independent of each other at every element") {
  std::vector<int64_t> members(500);
  std::iota(members.begin(), members.end(), 0);
  const at::Tensor noise = gaussian(9, 77, members, 0, {240});
  const at::Tensor correlation = noise.t().mm(noise) / 500.0;  // between elements
  const at::Tensor off = correlation - at::eye(240);
  CHECK(off.triu(1).abs().max().item<double>() < 5.5 / std::sqrt(500.0));  // 28,680 pairs
  const double mean_square = off.triu(1).square().sum().item<double>() / 28680;
  CHECK(mean_square == doctest::Approx(1.0 / 500).epsilon(0.05));
}

TEST_CASE("Noise: serial correlation at lags 1..70 is nil") {
  const auto values = draw({.seed = 5, .query = 9, .member = 1, .step = 0}, 1'000'000);
  for (int64_t lag = 1; lag <= 70; ++lag) {
    CAPTURE(lag);
    const std::vector<float> head(values.begin(), values.end() - lag);
    const std::vector<float> tail(values.begin() + lag, values.end());
    CHECK(std::abs(correlation_score(head, tail)) < 4.2);
  }
}

TEST_CASE("Noise: a shorter fill is a prefix of a longer one") {
  const NoiseKey key{.seed = 1, .query = 1, .member = 1, .step = 1};
  const auto whole = draw(key, 1000);
  for (const int64_t count : {0, 1, 15, 16, 17, 63, 64, 65, 127, 128, 999}) {
    const auto part = draw(key, count);
    CHECK(std::equal(part.begin(), part.end(), whole.begin()));
  }
}

TEST_CASE("Noise: a member's bits are the same in any batch of members") {
  const std::vector<int64_t> all = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  const at::Tensor together = gaussian(3, 1000, all, 0, {12, 2, 5});
  CHECK((together.sizes() == at::IntArrayRef{13, 12, 2, 5}));
  const at::Tensor split = at::cat({gaussian(3, 1000, std::span(all).first(7), 0, {12, 2, 5}),
                                    gaussian(3, 1000, std::span(all).subspan(7), 0, {12, 2, 5})});
  CHECK(at::equal(together, split));
  const std::vector<int64_t> mixed = {11, 4, 0};
  const at::Tensor picked = gaussian(3, 1000, mixed, 0, {12, 2, 5});
  CHECK(at::equal(picked[0], together[11]));
  CHECK(at::equal(picked[1], together[4]));
  CHECK(at::equal(picked[2], together[0]));
}

TEST_CASE("Uniform index: hits every value equally, stays in bounds, ignores nothing of the key") {
  constexpr uint64_t kBound = 7;
  std::array<double, kBound> counts{};
  constexpr int kDraws = 70'000;
  for (int64_t member = 0; member < kDraws; ++member) {
    const uint64_t index = uniform_index({.seed = 1, .query = 2, .member = member}, kBound);
    REQUIRE(index < kBound);
    ++counts[index];
  }
  double chi_square = 0;
  for (const double count : counts) chi_square += (count - 10'000) * (count - 10'000) / 10'000;
  CHECK(chi_square < 22.5);  // 6 degrees of freedom, 0.1 %
  CHECK(uniform_index({.seed = 5}, 1) == 0);
  constexpr uint64_t kHuge = (uint64_t{1} << 63) + 1;  // rejects almost half of the draws
  for (int64_t step = 0; step < 100; ++step) CHECK(uniform_index({.step = step}, kHuge) < kHuge);
  CHECK(uniform_index({.seed = 1}, kHuge) != uniform_index({.seed = 2}, kHuge));
  CHECK_THROWS(uniform_index({}, 0));
}
