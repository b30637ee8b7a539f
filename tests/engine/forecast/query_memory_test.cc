// labels: unit
// What a forecast makes of its query is made once: counted by the reads of the archive, of which
// the context key needs one an embedding.
#include <ATen/ATen.h>

#include <atomic>
#include <memory>

#include "engine/forecast/analog_search.h"
#include "engine/forecast/forecaster.h"
#include "tests/support/gaussian_city.h"
#include "tests/support/torch_doctest.h"

namespace skipcast::tests {
namespace {

using engine::Forecast;
using engine::ForecastOptions;

constexpr engine::Split kSplit = {.states = 600, .train_end = 360, .validation_end = 480};
constexpr int64_t kQuery = 500;

// A store that counts its reads.
class CountingStore final : public storage::SeriesStore {
 public:
  Result<storage::AppendReceipt> append(const storage::StateBlock& block) override {
    return inner_.append(block);
  }
  Status erase(const storage::Erasure& erasure) override { return inner_.erase(erasure); }
  Status read(int64_t first, int64_t count, std::span<const int32_t> variables,
              std::span<float> out) const override {
    ++reads;
    return inner_.read(first, count, variables, out);
  }
  int64_t size() const override { return inner_.size(); }
  const storage::Schema& schema() const override { return inner_.schema(); }
  const std::string& path() const override { return inner_.path(); }
  const std::string& store_id() const override { return inner_.store_id(); }
  std::vector<storage::BlockInfo> blocks() const override { return inner_.blocks(); }
  storage::Receipt last() const override { return inner_.last(); }
  uint32_t chain_at(int64_t block) const override { return inner_.chain_at(block); }
  std::vector<storage::Erasure> erasures() const override { return inner_.erasures(); }
  Status set_tasks(const std::string& tasks) override { return inner_.set_tasks(tasks); }

  mutable std::atomic<int64_t> reads = 0;

 private:
  MemoryStore inner_ = ar1_store(600);
};

struct Scene {
  CountingStore store;
  std::shared_ptr<GaussianModel> model = gaussian_model(store, kSplit);
  std::unique_ptr<engine::Forecaster> forecaster =
      std::move(engine::Forecaster::with_model(store, model)).value();

  // The reads of one forecast, once everything is open.
  int64_t reads_of(const std::function<Result<Forecast>()>& make) {
    REQUIRE(make().ok());
    store.reads = 0;
    REQUIRE(make().ok());
    return store.reads;
  }
};

ForecastOptions entered(int64_t members) {
  ForecastOptions options;
  options.depth.entry_sigma = 2;
  options.steps = 3;
  options.members = members;
  options.seed = 3;
  return options;
}

TEST_CASE("Query: a policy that measures embeds the context once") {
  Scene scene;
  const ForecastOptions nearest = entered(8), chosen = entered(12);
  const auto by_policy = [&] {
    return scene.forecaster->forecast_by(kQuery, nearest, engine::Measure::kDistance,
                                         [&](double) { return chosen; });
  };
  CHECK(scene.reads_of(by_policy) == 1);
  const auto direct = scene.forecaster->forecast(kQuery, chosen);
  REQUIRE(direct.ok());
  CHECK(at::equal(by_policy()->members, direct->members));
}

TEST_CASE("Query: guides with the start's key are those the start has found") {
  Scene scene;
  ForecastOptions options = entered(40);
  options.guidance = 0.3;
  CHECK(scene.reads_of([&] { return scene.forecaster->forecast(kQuery, options); }) == 1);
  // Another order of the two searches, the longer one second, finds the same.
  ForecastOptions fewer = options;
  fewer.members = 5;
  const Forecast few = std::move(scene.forecaster->forecast(kQuery, fewer)).value();
  const Forecast many = std::move(scene.forecaster->forecast(kQuery, options)).value();
  CHECK(at::equal(few.members, many.members.slice(0, 0, 5)));
}

}  // namespace
}  // namespace skipcast::tests
