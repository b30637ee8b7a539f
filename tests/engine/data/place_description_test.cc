// What a network is told of places: without units, the same wherever the places lie.
#include "engine/data/place_description.h"

#include <ATen/ATen.h>

#include <cmath>
#include <vector>

#include "tests/support/memory_store.h"
#include "tests/support/torch_doctest.h"

namespace skipcast::tests {
namespace {

using engine::describe_places;
using engine::place_facts;
using engine::TargetSpace;

constexpr int64_t kPlaces = 3, kDays = 21;

// Hourly values: level + size * cos(2 pi hour / 24 - phase of the place), and a little of noise.
std::vector<float> waves(double level, double size) {
  std::vector<float> values;
  for (int64_t hour = 0; hour < kDays * 24; ++hour) {
    for (int64_t place = 0; place < kPlaces; ++place) {
      const double phase = 2 * M_PI * double(hour) / 24 - 0.5 * double(place);
      const double noise = (hour * 7 + place * 3) % 11 < 5 ? 0.2 : -0.2;
      values.push_back(static_cast<float>(level + size * (std::cos(phase) + noise)));
    }
  }
  return values;
}

at::Tensor described(double level, double size, const storage::Schema& schema) {
  const MemoryStore store(schema, waves(level, size));
  const auto normalizer = retrieval::Normalizer::fit(
      store, {.variables = {0}, .base = retrieval::Base::kSlotOfWeek, .train_states = kDays * 24});
  REQUIRE_MESSAGE(normalizer.ok(), normalizer.status().message());
  const TargetSpace target = {at::full({4, 1, kPlaces}, 0.5), at::full({4, 1, kPlaces}, 2.0)};
  return describe_places(store.schema().places, *normalizer, target);
}

storage::Schema placed(std::vector<double> lat, std::vector<double> lon) {
  storage::Schema schema = memory_schema(1, kPlaces);
  schema.places.lat = std::move(lat);
  schema.places.lon = std::move(lon);
  return schema;
}

TEST_CASE("Described places: facts have no units; the level counts in units of the scale") {
  const at::Tensor one = described(20, 1, memory_schema(1, kPlaces));
  CHECK(one.sizes() == at::IntArrayRef({kPlaces, place_facts(1)}));
  CHECK(at::allclose(described(200, 10, memory_schema(1, kPlaces)), one, 1e-4, 1e-4));
  const at::Tensor higher = described(40, 1, memory_schema(1, kPlaces));
  CHECK((higher.select(1, 1) > one.select(1, 1) + 0.3).all().item<bool>());
  CHECK(at::allclose(higher.narrow(1, 2, 5), one.narrow(1, 2, 5), 1e-3, 1e-3));
}

TEST_CASE("Described places: the harmonics of the day tell the phase of the cycle") {
  const at::Tensor facts = described(20, 1, memory_schema(1, kPlaces));
  for (int64_t place = 0; place < kPlaces; ++place) {
    // cos(a - b) = cos(b) cos(a) + sin(b) sin(a)
    const double cosine = facts[place][3].item<double>(), sine = facts[place][4].item<double>();
    CHECK(std::atan2(sine, cosine) == doctest::Approx(0.5 * double(place)).epsilon(0.02));
    CHECK(std::hypot(cosine, sine) > 3);  // the cycle is large beside what is left of it
  }
  // Damping and logarithm of the scale at three lead times.
  CHECK(facts[1][7].item<double>() == doctest::Approx(0.5));
  CHECK(facts[1][8].item<double>() == doctest::Approx(std::log(2.0)));
}

TEST_CASE("Described places: positions are relative to the places' middle, any way round") {
  const int64_t east = place_facts(1) - 2;
  const at::Tensor none = described(20, 1, memory_schema(1, kPlaces));
  CHECK(none.narrow(1, east, 2).abs().max().item<double>() == 0);
  const at::Tensor here = described(20, 1, placed({40, 40.1, 40.2}, {116, 116.3, 116.1}));
  const at::Tensor there = described(20, 1, placed({40, 40.1, 40.2}, {179.8, -179.9, 179.9}));
  CHECK(at::allclose(here, there, 1e-3, 1e-3));
  CHECK(here[1][east].item<double>() > here[2][east].item<double>());
  CHECK(here[2][east + 1].item<double>() > here[0][east + 1].item<double>());
  CHECK(here.narrow(1, east, 2).square().sum(1).mean().item<double>() == doctest::Approx(1));
  const at::Tensor same = described(20, 1, placed({40, 40, 40}, {116, 116, 116}));
  CHECK(same.narrow(1, east, 2).abs().max().item<double>() == 0);
}

}  // namespace
}  // namespace skipcast::tests
