// What is put around a chain's denoiser: nothing unless it is wanted, and what a wrapper searches.
#include "engine/forecast/denoiser_stack.h"

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "engine/forecast/analog_guidance.h"
#include "tests/support/gaussian_forecasts.h"
#include "tests/support/torch_doctest.h"

namespace skipcast::tests {
namespace {

using engine::ForecastOptions;

at::Tensor halved(const at::Tensor& x, double) { return x / 2; }

TEST_CASE(
    "Denoiser stack: without a wish the denoiser is the base itself, and nothing is searched") {
  const MemoryStore store = ar1_store(600);
  const auto forecaster = forecaster_on(store);
  const ForecastOptions options{};
  CHECK(engine::wrappers_for(options).empty());
  CHECK(engine::searches_of_stack(options).empty());
  const engine::Query query{};
  const auto none = [](const ForecastOptions&) -> Result<at::Tensor> {
    return Status(Code::kIo, "asked for futures");
  };
  const auto made = engine::stacked(halved, {forecaster->model(), query, options, none});
  REQUIRE(made.ok());
  const at::Tensor x = at::ones({2, 3, 1, 2});
  CHECK(at::equal((*made)(x, 1), x / 2));
}

TEST_CASE("Denoiser stack: guidance asks for its analogs, and their futures move the estimate") {
  const MemoryStore store = ar1_store(600);
  const auto forecaster = forecaster_on(store);
  ForecastOptions options;
  options.guidance = 1;
  options.start.pool = 7;
  engine::Query query;
  query.last = at::zeros({1, 2});
  int64_t asked = 0;
  const auto futures = [&](const ForecastOptions& of) -> Result<at::Tensor> {
    asked = of.members;
    CHECK(of.start.pool == 0);
    return at::full({of.members, 3, 1, 2}, 5.0f);
  };
  const auto made = engine::stacked(halved, {forecaster->model(), query, options, futures});
  REQUIRE(made.ok());
  CHECK(asked == engine::kGuides);
  CHECK(at::allclose((*made)(at::zeros({2, 3, 1, 2}), 1e3), at::full({2, 3, 1, 2}, 5.0f), 1e-3,
                     1e-3));
  REQUIRE(engine::searches_of_stack(options).size() == 1);
  const auto fails = [](const ForecastOptions&) -> Result<at::Tensor> {
    return Status(Code::kIo, "no futures");
  };
  CHECK(engine::stacked(halved, {forecaster->model(), query, options, fails}).status().code() ==
        Code::kIo);
}

}  // namespace
}  // namespace skipcast::tests
