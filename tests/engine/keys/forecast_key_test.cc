// labels: unit
#include "engine/keys/forecast_key.h"

// Before anything else that brings doctest or a CHECK of LibTorch.
#include <ATen/ATen.h>

#include "tests/support/file_bytes.h"
#include "tests/support/gaussian_city.h"
#include "tests/support/skip.h"
#include "tests/support/torch_doctest.h"

namespace skipcast::tests {
namespace {

using engine::Dataset;
using engine::MeanTable;

constexpr engine::Split kSplit = {.states = 300, .train_end = 180, .validation_end = 240};

struct Scene {
  MemoryStore store = ar1_store(300);
  std::shared_ptr<GaussianModel> model = gaussian_model(store, kSplit);
  std::unique_ptr<Dataset> dataset =
      std::move(Dataset::load(store, model->task(), model->normalizer())).value();

  std::shared_ptr<MeanTable> open(const std::string& path) {
    auto table = MeanTable::open(model, *dataset, path);
    REQUIRE_MESSAGE(table.ok(), table.status().message());
    return std::move(table).value();
  }
};

TEST_CASE("MeanTable: holds the model's mean forecast of every window, and makes others") {
  Scene scene;
  const auto table = scene.open("");
  CHECK(table->rows() == 294);
  CHECK(scene.model->mean_forecasts == 294);
  const std::vector<int64_t> origins = {3, 120, 296};
  const at::Tensor expected = scene.model->mean_forecast(scene.dataset->contexts(origins));
  CHECK(at::equal(table->means(origins), expected));
  const std::vector<int64_t> now = {299};  // its future is unknown: not in the table
  scene.model->mean_forecasts = 0;
  CHECK(at::equal(table->means(now), scene.model->mean_forecast(scene.dataset->contexts(now))));
  CHECK(scene.model->mean_forecasts == 2);
}

TEST_CASE("MeanTable: a remembered query answers with its own mean while the memo lives") {
  Scene scene;
  const auto table = scene.open("");
  const int64_t origin = 50;
  const at::Tensor before = table->means({&origin, 1});
  {
    const MeanTable::Memo outer(*table, origin, at::ones({3, 1, 2}));
    const MeanTable::Memo inner(*table, origin, at::ones({3, 1, 2}));
    CHECK(at::equal(table->means({&origin, 1}), at::ones({1, 3, 1, 2})));
  }
  CHECK(at::equal(table->means({&origin, 1}), before));
}

TEST_CASE("MeanTable: the cache file saves the work, and only for its own model and archive") {
  const TempDir folder;
  const std::string path = folder.file("ar.means.skm");
  Scene scene;
  const auto first = scene.open(path);
  scene.model->mean_forecasts = 0;
  const auto second = scene.open(path);
  CHECK(scene.model->mean_forecasts == 0);
  const std::vector<int64_t> origins = {3, 120, 296};
  CHECK(at::equal(first->means(origins), second->means(origins)));

  std::string other = bytes_of(path);
  other[8] ^= 1;  // of the archive's id
  overwrite(path, other);
  const auto rebuilt = scene.open(path);
  CHECK(scene.model->mean_forecasts == 294);
  REQUIRE(rebuilt->notes().size() == 1);
  CHECK(rebuilt->notes()[0].find("another model or archive") != std::string::npos);
}

TEST_CASE("MeanTable: a damaged cache file is never believed") {
  const TempDir folder;
  const std::string path = folder.file("ar.means.skm");
  Scene scene;
  const auto intact = scene.open(path);
  const std::string good = bytes_of(path);
  const std::vector<int64_t> origins = {3, 120, 296};
  const at::Tensor expected = intact->means(origins);
  for (size_t at = 0; at < good.size(); at += 97) {
    std::string bad = good;
    bad[at] ^= 0x10;
    overwrite(path, bad);
    const auto table = scene.open(path);
    CHECK(at::equal(table->means(origins), expected));
    CHECK((table->notes().size() == 1 || (at >= 76 && at < 80)));  // the reserved bytes
  }
  for (const size_t length : {size_t{0}, size_t{40}, good.size() / 2, good.size() - 1}) {
    overwrite(path, good.substr(0, length));
    const auto table = scene.open(path);
    CHECK(at::equal(table->means(origins), expected));
    CHECK(table->notes().size() == 1);
  }
}

TEST_CASE("MeanTable: new states of the archive are added to the old ones") {
  const TempDir folder;
  const std::string path = folder.file("ar.means.skm");
  Scene scene;
  REQUIRE(scene.open(path)->rows() == 294);
  const std::vector<float> more = ar1_values(20, 2, 99);
  REQUIRE(scene.store.append({.first = 300, .states = 20, .values = more}).ok());
  scene.dataset =
      std::move(Dataset::load(scene.store, scene.model->task(), scene.model->normalizer())).value();
  scene.model->mean_forecasts = 0;
  CHECK(scene.open(path)->rows() == 314);
  CHECK(scene.model->mean_forecasts == 20);
}

TEST_CASE("MeanTable: stopping says so and keeps what was done") {
  const TempDir folder;
  const std::string path = folder.file("ar.means.skm");
  Scene scene;
  const auto stopped =
      MeanTable::open(scene.model, *scene.dataset, path, [](const ProgressStep&) { return false; });
  CHECK(stopped.status().code() == Code::kInterrupted);
  const int64_t done = scene.model->mean_forecasts;
  CHECK(done > 0);
  CHECK(scene.open(path)->rows() == 294);
  CHECK(scene.model->mean_forecasts == 294);
}

TEST_CASE("ForecastEncoder: its embeddings are the means, its fingerprint the model's") {
  Scene scene;
  const auto table = scene.open("");
  const auto encoder = engine::make_forecast_encoder(table);
  CHECK(encoder->dimension() == 6);
  const std::vector<int64_t> origins = {200, 7};
  std::vector<float> embeddings(12);
  REQUIRE(encoder->encode(origins, embeddings).ok());
  const at::Tensor means = table->means(origins).flatten();
  for (int64_t i = 0; i < 12; ++i) CHECK(embeddings[i] == means[i].item<float>());
  CHECK(encoder->fingerprint() == table->fingerprint());
  CHECK(encoder->fingerprint().size() == 16);
}

}  // namespace
}  // namespace skipcast::tests
