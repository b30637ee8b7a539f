// Schedules and entries: values of the paper, and every way to ask for a depth.
#include "samplers/schedule.h"

#include <cmath>
#include <limits>

#include "samplers/precondition.h"
#include "tests/support/torch_doctest.h"

using namespace skipcast::samplers;

TEST_CASE("Karras: 18 levels match equation 5 and the levels quoted in the warm-start table") {
  const auto sigmas = karras(18, {});
  REQUIRE(sigmas.size() == 19);
  CHECK(sigmas.front() == 80);
  CHECK(sigmas[17] == 0.002);
  CHECK(sigmas.back() == 0);
  for (size_t i = 0; i < 18; ++i) {
    const double high = std::pow(80, 1 / 7.0), low = std::pow(0.002, 1 / 7.0);
    const double root = high + static_cast<double>(i) / 17 * (low - high);
    CHECK(sigmas[i] == doctest::Approx(std::pow(root, 7)).epsilon(1e-12));
    CHECK(sigmas[i + 1] < sigmas[i]);
  }
  // Entering with 23, 19, 17, 15, 13, 11 and 9 Heun evaluations left of 35.
  const double levels[] = {8.40, 3.26, 1.92, 1.09, 0.585, 0.296, 0.14};
  const size_t left[] = {23, 19, 17, 15, 13, 11, 9};
  for (size_t i = 0; i < 7; ++i) {
    CHECK(sigmas[18 - (left[i] + 1) / 2] == doctest::Approx(levels[i]).epsilon(0.02));
  }
}

TEST_CASE("Karras: short and degenerate lists") {
  CHECK(karras(0, {}).empty());
  CHECK((karras(1, {}) == std::vector<double>{80, 0}));
  CHECK((karras(2, {}) == std::vector<double>{80, 0.002, 0}));
  CHECK((karras(5, {.sigma_min = 3, .sigma_max = 3}) == std::vector<double>{3, 0}));
  CHECK_THROWS(karras(-1, {}));
  CHECK_THROWS((karras(4, {.sigma_min = 2, .sigma_max = 1})));
  CHECK_THROWS(karras(4, {.sigma_min = 0}));
}

TEST_CASE("Spacings: each is even in its own coordinate and ends where it should") {
  const auto differences_are_even = [](Spacing spacing, auto coordinate) {
    const auto sigmas = levels(9, {.sigma_min = 0.02, .sigma_max = 80, .spacing = spacing});
    REQUIRE(sigmas.size() == 10);
    CHECK(sigmas.front() == 80);
    CHECK(sigmas[8] == 0.02);
    CHECK(sigmas.back() == 0);
    const double step = (coordinate(0.02) - coordinate(80)) / 8;
    for (size_t i = 0; i < 8; ++i) {
      CHECK(coordinate(sigmas[i + 1]) - coordinate(sigmas[i]) == doctest::Approx(step));
    }
  };
  differences_are_even(Spacing::kKarras, [](double s) { return std::pow(s, 1 / 7.0); });
  differences_are_even(Spacing::kLog, [](double s) { return std::log(s); });
  differences_are_even(Spacing::kCosine, [](double s) { return std::atan(s); });
  // Of the variance-preserving SDE the paper gives sigma of t: solved for t by bisection.
  differences_are_even(Spacing::kVp, [](double s) {
    double low = 0, high = 2;
    for (int i = 0; i < 80; ++i) {
      const double t = (low + high) / 2;
      (std::sqrt(std::exp(19.9 * t * t / 2 + 0.1 * t) - 1) < s ? low : high) = t;
    }
    return low;
  });
}

TEST_CASE("Enter: listed sigmas are run as they are, wrong lists refused in a sentence") {
  const ScheduleOptions range = {.sigma_min = 0.02, .sigma_max = 80};
  const auto entry = enter(3, {.sigmas = {5, 1, 0.02}}, range, nullptr);
  REQUIRE(entry);
  CHECK(entry->sigma == 5);
  CHECK((entry->sigmas == std::vector<double>{5, 1, 0.02, 0}));
  std::string error;
  CHECK_FALSE(enter(2, {.sigmas = {5, 1, 0.1}}, range, &error));
  CHECK(error == "3 sigmas for 2 steps");
  CHECK_FALSE(enter(2, {.sigmas = {1, 5}}, range, &error));
  CHECK(error.find("descend") != std::string::npos);
  CHECK_FALSE(enter(2, {.sigmas = {90, 5}}, range, &error));
  CHECK(error.find("90") != std::string::npos);
  CHECK_FALSE(enter(2, {.sigmas = {5, std::nan("")}}, range, &error));
  CHECK_FALSE(enter(2, {.entry_sigma = 5, .sigmas = {5, 1}}, range, &error));
  CHECK(error.find("choose one") != std::string::npos);
}

TEST_CASE("Enter: no wish is a cold start from sigma_max") {
  const auto entry = enter(10, {}, {.sigma_max = 50}, nullptr);
  REQUIRE(entry);
  CHECK(entry->sigma == 50);
  CHECK((entry->sigmas == karras(10, {.sigma_max = 50})));
}

TEST_CASE("Enter: an entry sigma gets all the steps for the rest of the chain") {
  const auto entry = enter(4, {.entry_sigma = 5}, {}, nullptr);
  REQUIRE(entry);
  CHECK(entry->sigma == 5);
  CHECK((entry->sigmas == karras(4, {.sigma_max = 5})));
  CHECK((enter(1, {.entry_sigma = 5}, {}, nullptr)->sigmas == std::vector<double>{5, 0}));
  CHECK((enter(4, {.entry_sigma = 0.002}, {}, nullptr)->sigmas == std::vector<double>{0.002, 0}));
}

TEST_CASE("Enter: no steps means that the start is the forecast") {
  const auto entry = enter(0, {.entry_sigma = 5}, {}, nullptr);
  REQUIRE(entry);
  CHECK(entry->sigma == 0);
  CHECK(entry->sigmas.empty());
}

TEST_CASE("Enter: skipping steps leaves the tail of the full list") {
  const auto full = karras(10, {});
  const auto entry = enter(10, {.skip_steps = 6}, {}, nullptr);
  REQUIRE(entry);
  CHECK(entry->sigma == full[6]);
  CHECK(entry->sigmas == std::vector<double>(full.begin() + 6, full.end()));
  CHECK((enter(10, {.skip_steps = 0}, {}, nullptr)->sigmas == full));
}

TEST_CASE("Enter: a skip fraction is a share of the steps") {
  for (int64_t percent = 0; percent < 100; ++percent) {
    const double fraction = static_cast<double>(percent) / 100;
    const auto entry = enter(100, {.skip_fraction = fraction}, {}, nullptr);
    REQUIRE(entry);
    CHECK(static_cast<int64_t>(entry->sigmas.size()) == 101 - percent);
  }
  CHECK((enter(10, {.skip_fraction = 0.99}, {}, nullptr)->sigmas.size() == 2));
}

TEST_CASE("Enter: wishes out of range are refused with a sentence") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto refused = [](int64_t steps, const Depth& depth, const char* words) {
    std::string error;
    CHECK_FALSE(enter(steps, depth, {}, &error));
    CHECK_MESSAGE(error.find(words) != std::string::npos, error);
    CHECK_FALSE(enter(steps, depth, {}, nullptr));
  };
  refused(4, {.entry_sigma = 80.1}, "outside the model's range 0.002 .. 80");
  refused(4, {.entry_sigma = 0.001}, "outside the model's range");
  refused(4, {.entry_sigma = nan}, "outside the model's range");
  refused(4, {.entry_sigma = -1}, "outside the model's range");
  refused(4, {.skip_fraction = 1}, "outside [0, 1)");
  refused(4, {.skip_fraction = nan}, "outside [0, 1)");
  refused(4, {.skip_steps = 4}, "skipping 4 of 4 steps");
  refused(4, {.skip_steps = -1}, "cannot skip");
  refused(0, {.skip_fraction = 0.5}, "leaves none");
  refused(-1, {}, "cannot run");
  refused(4, {.entry_sigma = 5, .skip_steps = 1}, "choose one");
}

TEST_CASE("Preconditioning: makes input, output and target of unit variance") {
  for (const double sigma : {0.002, 0.1, 0.5, 1.0, 7.0, 80.0}) {
    for (const double data : {0.5, 1.0}) {
      const Scalings s = edm_scalings(sigma, data);
      CHECK(s.c_in * s.c_in * (sigma * sigma + data * data) == doctest::Approx(1));
      // The network's target (y - c_skip x) / c_out with x = y + sigma eps: Karras et al., eq. 115.
      const double target = std::pow(1 - s.c_skip, 2) * data * data + std::pow(s.c_skip * sigma, 2);
      CHECK(target / (s.c_out * s.c_out) == doctest::Approx(1));
      CHECK(s.c_noise == doctest::Approx(std::log(sigma) / 4));
    }
  }
}
