#include "retrieval/encoders/encoder.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <set>

#include "tests/support/memory_store.h"
#include "tests/support/synthetic_series.h"

namespace skipcast::retrieval {
namespace {

using tests::memory_schema;
using tests::MemoryStore;

const float kMissing = std::nanf("");

struct Fixture {
  MemoryStore store;
  Normalizer normalizer;

  explicit Fixture(int64_t states = 600, double missing = 0, int places = 3)
      : store(memory_schema(2, places), tests::synthetic_values({states, 2, places, 21, missing})),
        normalizer(Normalizer::fit(store, {{0, 1}, Base::kMean, states}).value()) {}

  std::unique_ptr<Encoder> context(ContextKeyOptions options = {{6, 4}, {0, 1}}) const {
    return make_context_encoder(store, normalizer, options).value();
  }
};

std::vector<float> encode(const Encoder& encoder, const std::vector<int64_t>& origins) {
  std::vector<float> out(origins.size() * static_cast<size_t>(encoder.dimension()));
  REQUIRE(encoder.encode(origins, out).ok());
  return out;
}

std::vector<int64_t> range(int64_t first, int64_t last) {
  std::vector<int64_t> origins(static_cast<size_t>(last - first));
  std::iota(origins.begin(), origins.end(), first);
  return origins;
}

double distance(const float* a, const float* b, int64_t size) {
  double sum = 0;
  for (int64_t i = 0; i < size; ++i) sum += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
  return sum;
}

// Squared distance of two origins under a key.
double key_distance(const Encoder& encoder, int64_t a, int64_t b) {
  const std::vector<float> both = encode(encoder, {a, b});
  return distance(both.data(), both.data() + encoder.dimension(), encoder.dimension());
}

}  // namespace

TEST_CASE("Context key: holds the normalised window, variables x places x time") {
  const Fixture f;
  const auto encoder = f.context({{6, 4}, {1}, 0});
  REQUIRE(encoder->dimension() == 18);
  const std::vector<float> key = encode(*encoder, {100});
  std::vector<float> window(6 * 3);
  const int32_t variable = 1;
  REQUIRE(f.store.read(95, 6, {&variable, 1}, window).ok());
  f.normalizer.normalise_one(1, 95, 6, window);
  for (size_t p = 0; p < 3; ++p) {
    for (size_t t = 0; t < 6; ++t) CHECK(key[p * 6 + t] == window[t * 3 + p]);
  }
}

TEST_CASE("Context key: missing values are filled forward inside the window, then with 0") {
  std::vector<float> values = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  MemoryStore store(memory_schema(1, 1), values);
  const Normalizer normalizer = Normalizer::fit(store, {{0}, Base::kMean, 10}).value();
  for (const int at : {3, 4, 6}) store.values()[static_cast<size_t>(at)] = kMissing;
  const auto encoder = make_context_encoder(store, normalizer, {{5, 1}, {0}, 0}).value();
  std::vector<float> expected = {0, 0, 6, 6, 8};
  for (float& value : expected) {
    if (value != 0) value = (value - normalizer.base()[0]) / normalizer.scale()[0];
  }
  CHECK(encode(*encoder, {7}) == expected);
}

TEST_CASE("Context key: a context without data becomes NaN, its neighbours do not") {
  std::vector<float> values = tests::synthetic_values({60, 1, 2, 3});
  for (size_t i = 2 * 20; i < 2 * 26; ++i) values[i] = kMissing;
  const MemoryStore store(memory_schema(1, 2), values);
  const Normalizer normalizer = Normalizer::fit(store, {{0}, Base::kMean, 60}).value();
  const auto encoder = make_context_encoder(store, normalizer, {{6, 2}, {0}}).value();
  const std::vector<float> keys = encode(*encoder, {24, 25, 26});
  const size_t width = static_cast<size_t>(encoder->dimension());
  for (size_t i = 0; i < keys.size(); ++i) CHECK(std::isnan(keys[i]) == (i / width == 1));
}

TEST_CASE("Context key: a row's bits do not depend on its companions") {
  const Fixture f(600, 0.1);
  auto inner = f.context();
  const int64_t width = inner->dimension();
  const std::vector<int64_t> origins = {300, 5, 6, 7, 50, 400, 399, 401, 5, 599};
  for (int kind = 0; kind < 3; ++kind) {
    std::unique_ptr<Encoder> encoder = f.context();
    if (kind == 1) encoder = make_pca_encoder(std::move(encoder), range(10, 500), 9).value();
    if (kind == 2) {
      encoder =
          make_mixed_encoder(std::move(encoder), f.context({{3, 4}, {0}}), 0.4, range(10, 500))
              .value();
    }
    const std::vector<float> together = encode(*encoder, origins);
    for (size_t i = 0; i < origins.size(); ++i) {
      const std::vector<float> alone = encode(*encoder, {origins[i]});
      CHECK(std::memcmp(alone.data(), together.data() + i * alone.size(),
                        alone.size() * sizeof(float)) == 0);
    }
  }
  CHECK(width == 2 * 3 * 6 + 4);
}

TEST_CASE("Context key: calendar cycles weigh as documented and follow the clock") {
  const Fixture f;
  const auto plain = f.context({{6, 4}, {0, 1}, 0});
  ContextKeyOptions options{{6, 4}, {0, 1}, 0.5, true, false};
  const auto daily = f.context(options);
  const double window = static_cast<double>(plain->dimension());
  // Twelve hours apart: the opposite side of the circle, squared distance (2 w)^2 * window.
  const double added = key_distance(*daily, 100, 112) - key_distance(*plain, 100, 112);
  CHECK(added == doctest::Approx(4 * 0.25 * window).epsilon(1e-4));
  const double none = key_distance(*daily, 100, 100 + 72) - key_distance(*plain, 100, 100 + 72);
  CHECK(none == doctest::Approx(0).scale(1).epsilon(1e-3));
  options.day_of_week = options.day_of_year = true;
  CHECK(f.context(options)->dimension() == plain->dimension() + 6);
}

TEST_CASE("Context key: origins outside the archive or across sessions are named by time") {
  const Fixture f;
  const auto encoder = f.context();
  std::vector<float> out(static_cast<size_t>(encoder->dimension()));
  int64_t origin = 4;
  Status status = encoder->encode({&origin, 1}, out);
  CHECK(status.code() == Code::kNotFound);
  CHECK(status.message().find("2018-01-01T04") != std::string::npos);
  origin = 600;
  CHECK(encoder->encode({&origin, 1}, out).code() == Code::kNotFound);
  storage::Schema schema = memory_schema(1, 1);
  schema.axis = {1514764800, 3600, 0, 10, false};
  const MemoryStore sessions(schema, tests::synthetic_values({100, 1, 1, 4}));
  const Normalizer normalizer = Normalizer::fit(sessions, {{0}, Base::kMean, 100}).value();
  const auto within = make_context_encoder(sessions, normalizer, {{6, 2}, {0}}).value();
  out.resize(static_cast<size_t>(within->dimension()));
  origin = 13;
  CHECK(within->encode({&origin, 1}, out).code() == Code::kBadInput);
  origin = 16;
  CHECK(within->encode({&origin, 1}, out).ok());
}

TEST_CASE("Context key: wrong options are usage errors") {
  const Fixture f;
  const auto code = [&](const ContextKeyOptions& options) {
    return make_context_encoder(f.store, f.normalizer, options).status().code();
  };
  CHECK(code({{6, 4}, {}}) == Code::kUsage);
  CHECK(code({{6, 4}, {2}}) == Code::kUsage);
  CHECK(code({{0, 4}, {0}}) == Code::kUsage);
  CHECK(code({{6, 4}, {0}, -1}) == Code::kUsage);
  CHECK(code({{6, 4}, {0}, std::nan("")}) == Code::kUsage);
}

TEST_CASE("Fingerprint: changes with every option of every encoder") {
  const Fixture f;
  std::set<std::string> prints;
  int encoders = 0;
  const auto add = [&](std::unique_ptr<Encoder> encoder) {
    prints.insert(encoder->fingerprint());
    CHECK(encoder->fingerprint().size() <= 256);
    ++encoders;
  };
  add(f.context());
  add(f.context({{7, 4}, {0, 1}}));
  add(f.context({{6, 4}, {0}}));
  add(f.context({{6, 4}, {1, 0}}));
  add(f.context({{6, 4}, {0, 1}, 0.31}));
  add(f.context({{6, 4}, {0, 1}, 0.0}));
  add(f.context({{6, 4}, {0, 1}, 0.3, false}));
  add(f.context({{6, 4}, {0, 1}, 0.3, true, false}));
  add(f.context({{6, 4}, {0, 1}, 0.3, true, true, true}));
  const Normalizer other = Normalizer::fit(f.store, {{0, 1}, Base::kMean, 599}).value();
  add(make_context_encoder(f.store, other, {{6, 4}, {0, 1}}).value());
  add(make_pca_encoder(f.context(), range(10, 500), 5).value());
  add(make_pca_encoder(f.context(), range(10, 500), 6).value());
  add(make_pca_encoder(f.context(), range(10, 300), 5).value());
  const auto mixed = [&](double weight, int64_t last) {
    return make_mixed_encoder(f.context(), f.context({{3, 4}, {0}}), weight, range(10, last))
        .value();
  };
  add(mixed(0.5, 500));
  add(mixed(0.6, 500));
  add(mixed(0.5, 300));
  CHECK(static_cast<int>(prints.size()) == encoders);
  CHECK(f.context()->fingerprint() == f.context()->fingerprint());
  CHECK(mixed(0.5, 500)->fingerprint() == mixed(0.5, 500)->fingerprint());
}

TEST_CASE("PCA key: distances approximate the inner key's, from below") {
  const Fixture f(1200, 0, 8);
  const auto inner = f.context();
  const auto pca = make_pca_encoder(f.context(), range(10, 1000), 16).value();
  REQUIRE(pca->dimension() == 16);
  double ratio = 0;
  int pairs = 0;
  for (int64_t a = 10; a < 1190; a += 37) {
    for (int64_t b = a + 11; b < 1190; b += 113) {
      const double full = key_distance(*inner, a, b), part = key_distance(*pca, a, b);
      REQUIRE(part <= full * (1 + 1e-4));
      ratio += part / full;
      ++pairs;
    }
  }
  CHECK(ratio / pairs > 0.9);
}

TEST_CASE("PCA key: all components keep distances exactly, and the leading ones come first") {
  const Fixture f;
  ContextKeyOptions small{{2, 1}, {0}, 0};
  const auto inner = f.context(small);
  REQUIRE(inner->dimension() == 6);
  const auto pca = make_pca_encoder(f.context(small), range(10, 500), 6).value();
  for (int64_t a = 10; a < 590; a += 41) {
    CHECK(key_distance(*pca, a, 300) ==
          doctest::Approx(key_distance(*inner, a, 300)).epsilon(1e-3).scale(0.01));
  }
  const std::vector<float> keys = encode(*pca, range(10, 500));
  std::vector<double> variance(6);
  for (size_t i = 0; i < keys.size(); ++i) variance[i % 6] += double{keys[i]} * keys[i];
  for (size_t c = 1; c < 6; ++c) CHECK(variance[c] <= variance[c - 1] * 1.001);
}

TEST_CASE("PCA key: windows without data neither disturb the fit nor get a key") {
  std::vector<float> values = tests::synthetic_values({300, 1, 2, 3});
  for (size_t i = 2 * 100; i < 2 * 120; ++i) values[i] = kMissing;
  const MemoryStore store(memory_schema(1, 2), values);
  const Normalizer normalizer = Normalizer::fit(store, {{0}, Base::kMean, 300}).value();
  auto inner = make_context_encoder(store, normalizer, {{6, 2}, {0}}).value();
  const auto pca = make_pca_encoder(std::move(inner), range(10, 250), 4).value();
  const std::vector<float> keys = encode(*pca, {50, 115});
  CHECK((std::isfinite(keys[0]) && std::isfinite(keys[3])));
  CHECK((std::isnan(keys[4]) && std::isnan(keys[7])));
}

TEST_CASE("PCA key: more components than the windows give are refused") {
  const Fixture f;
  for (const int64_t components : {int64_t{0}, int64_t{-1}, int64_t{41}, int64_t{513}}) {
    CHECK(make_pca_encoder(f.context(), range(10, 500), components).status().code() ==
          Code::kUsage);
  }
  CHECK(make_pca_encoder(f.context(), range(10, 15), 5).status().code() == Code::kUsage);
  CHECK(make_pca_encoder(f.context(), range(10, 15), 4).ok());
}

TEST_CASE("Mixed key: distance is the weighted sum of both, each over its mean") {
  const Fixture f;
  const ContextKeyOptions a_options{{6, 4}, {0}, 0}, b_options{{3, 4}, {1}, 0};
  const auto a = f.context(a_options), b = f.context(b_options);
  const std::vector<int64_t> origins = range(10, 400);
  const auto mixed =
      make_mixed_encoder(f.context(a_options), f.context(b_options), 0.25, origins).value();
  CHECK(mixed->dimension() == a->dimension() + b->dimension());
  // The scales drawn from the origins must be near the mean over all pairs.
  const auto mean = [&](const Encoder& encoder) {
    const std::vector<float> keys = encode(encoder, origins);
    const int64_t width = encoder.dimension();
    double sum = 0;
    for (size_t i = 0; i < origins.size(); ++i) {
      for (size_t j = 0; j < origins.size(); ++j) {
        sum += distance(keys.data() + i * width, keys.data() + j * width, width);
      }
    }
    const double n = static_cast<double>(origins.size());
    return sum / (n * (n - 1));
  };
  const double scale_a = mean(*a), scale_b = mean(*b);
  for (int64_t origin = 20; origin < 590; origin += 61) {
    const double expected = 0.25 * key_distance(*a, 400, origin) / scale_a +
                            0.75 * key_distance(*b, 400, origin) / scale_b;
    CHECK(key_distance(*mixed, 400, origin) == doctest::Approx(expected).epsilon(0.05));
  }
}

TEST_CASE("Mixed key: weight 1 is the first key alone, weights outside 0..1 are refused") {
  const Fixture f;
  const auto make = [&](double weight) {
    return make_mixed_encoder(f.context({{6, 4}, {0}, 0}), f.context({{3, 4}, {1}, 0}), weight,
                              range(10, 400));
  };
  const auto first = make(1).value();
  const std::vector<float> keys = encode(*first, {50});
  for (size_t i = 18; i < keys.size(); ++i) CHECK(keys[i] == 0);
  CHECK(make(-0.1).status().code() == Code::kUsage);
  CHECK(make(1.1).status().code() == Code::kUsage);
  CHECK(make(std::nan("")).status().code() == Code::kUsage);
}

TEST_CASE("Mixed key: too few origins, and origins without data, cannot set its scales") {
  const auto make = [](const Fixture& f, const std::vector<int64_t>& origins) {
    return make_mixed_encoder(f.context({{6, 4}, {0}, 0}), f.context({{3, 4}, {1}, 0}), 0.5,
                              origins)
        .status();
  };
  const Fixture f;
  CHECK(make(f, {50}).code() == Code::kUsage);
  CHECK(make(f, {50}).message().find("at least 2 origins") != std::string::npos);
  CHECK(make(f, {50, 60}).ok());
  CHECK_FALSE(make(f, {0, 60}).ok());  // a context before the archive
  Fixture empty;
  std::fill(empty.store.values().begin(), empty.store.values().begin() + 100 * 6, kMissing);
  const Status status = make(empty, range(10, 90));
  CHECK(status.code() == Code::kUsage);
  CHECK(status.message().find("data in their contexts") != std::string::npos);
  CHECK(make(empty, range(10, 300)).ok());  // pairs without data are left out
}

TEST_CASE("Mixed key: a key that never varies adds nothing, and no NaN") {
  Fixture f;
  for (size_t i = 0; i < f.store.values().size(); i += 6) {
    std::fill_n(f.store.values().begin() + static_cast<int64_t>(i), 3, 7.0f);  // variable 0
  }
  const auto mixed = make_mixed_encoder(f.context({{6, 4}, {0}, 0}), f.context({{3, 4}, {1}, 0}),
                                        0.5, range(10, 400));
  REQUIRE(mixed.ok());
  const std::vector<float> keys = encode(**mixed, {50});
  for (size_t i = 0; i < 18; ++i) CHECK(keys[i] == 0);
  CHECK(std::any_of(keys.begin() + 18, keys.end(), [](float key) { return key != 0; }));
}

}  // namespace skipcast::retrieval
