// One finished forecast of the Gaussian city, on a graph or a grid, for tests of files.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <utility>

#include "tests/support/gaussian_city.h"

namespace skipcast::tests {

struct ForecastScene {
  MemoryStore store;
  std::unique_ptr<engine::Forecaster> forecaster;
  engine::ForecastOptions options;
  engine::Forecast forecast;

  explicit ForecastScene(storage::Schema schema)
      : store(schema, ar1_values(400, schema.places.count())) {
    const engine::Split split = {.states = 400, .train_end = 240, .validation_end = 320};
    forecaster =
        std::move(engine::Forecaster::with_model(store, gaussian_model(store, split))).value();
    options.members = 5;
    options.steps = 3;
    options.seed = 18446744073709551615u;
    options.depth.entry_sigma = 2;
    auto made = forecaster->forecast(350, options);
    REQUIRE_MESSAGE(made.ok(), made.status().message());
    forecast = std::move(made).value();
  }
};

inline storage::Schema named_graph() {
  storage::Schema schema = memory_schema(1, 3);
  schema.variables[0].units = "ug m-3";
  schema.variables[0].long_name = "PM2.5";
  schema.places.names = {"Tiantan", "Aotizhongxin", "\xc3\x89toile"};
  schema.places.lat = {39.9, 40.0, 40.1};
  schema.places.lon = {116.4, 116.3, 116.2};
  return schema;
}

inline storage::Schema small_grid() {
  storage::Schema schema = memory_schema(1, 1);
  schema.variables[0].units = "K";
  schema.places = {.kind = storage::PlacesKind::kGrid, .lat = {10, 12.5}, .lon = {200, 202.5, 205}};
  return schema;
}

}  // namespace skipcast::tests
