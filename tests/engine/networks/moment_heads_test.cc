// Moment heads: what they are before and after training, that the network is not touched by them,
// and what a model without them answers.
#include "engine/networks/moment_heads.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <string>
#include <vector>

#include "engine/forecast/forecaster.h"
#include "engine/methods/method_table.h"
#include "engine/models/model.h"
#include "engine/models/weights.h"
#include "engine/networks/denoisers.h"
#include "storage/files/checksum.h"
#include "storage/files/file_io.h"
#include "storage/files/fingerprint.h"
#include "tests/support/networks.h"
#include "tests/support/skip.h"
#include "tests/support/trained_model.h"

namespace {

using namespace skipcast::engine;
using skipcast::Code;
using skipcast::storage::SeriesStore;
using skipcast::tests::awake;
using skipcast::tests::random_contexts;
using skipcast::tests::random_values;
using skipcast::tests::shape_for;
using skipcast::tests::small_options;
using skipcast::tests::TempDir;
using skipcast::tests::TrainedModel;

TrainReport trained_heads(const SeriesStore& store, int64_t steps) {
  const auto report =
      train(store, {.task = "small", .method = "moment-heads", .steps_max = steps, .threads = 1});
  REQUIRE_MESSAGE(report.ok(), report.status().message());
  return *report;
}

std::shared_ptr<const Model> loaded(const SeriesStore& store) {
  auto model = Model::load(store, "small");
  REQUIRE_MESSAGE(model.ok(), model.status().message());
  return std::move(model).value();
}

ContextBatch context_of(const SeriesStore& store, const Model& model) {
  const auto dataset = Dataset::load(store, model.task(), model.normalizer());
  REQUIRE(dataset.ok());
  const std::vector<int64_t> origin = {350};
  return (*dataset)->contexts(origin);
}

// What fingerprints were before there were heads: the description, then every tensor's checksum.
std::string old_fingerprint(const TrainedModel& t) {
  std::string content = skipcast::storage::read_file(t.paths.description, 1 << 30).value();
  const Weights weights = read_weights(t.paths.weights).value();
  for (const auto& [name, tensor] : weights.tensors) {
    const std::string_view bytes(static_cast<const char*>(tensor.const_data_ptr()),
                                 tensor.nbytes());
    content += name + fmt::format("{:08x}", skipcast::storage::crc32c(bytes));
  }
  return skipcast::storage::fingerprint_of(content);
}

}  // namespace

TEST_CASE("Moment heads: untrained they say variance 1 and no skewness; F has its bits") {
  for (const char* kind : {kGraphNet, kGridNet}) {
    const NetworkShape shape = shape_for(kind);
    const auto network = awake(small_options(kind), shape);
    const at::NoGradGuard no_grad;
    const auto context = network->encode(random_contexts(shape, 1, 5));
    const at::Tensor x = random_values({6, 4, 2, shape.places}, 4);
    const at::Tensor level = at::full({1}, 0.3, at::kFloat);
    const at::Tensor f = network->denoise(x, level, context);
    network->attach(kMomentHeads, 7);
    const Network::Outputs both = network->denoise_with(kMomentHeads, x, level, context);
    CHECK(at::equal(both.f, f));
    const ResidualMoments said = residual_moments(both.read);
    CHECK(said.variance.sizes() == x.sizes());
    CHECK((said.variance == 1).all().item<bool>());
    CHECK((said.skewness == 0).all().item<bool>());
  }
}

TEST_CASE("Moment heads: bits depend neither on the batch nor on threads, and the sign is right") {
  for (const char* kind : {kGraphNet, kGridNet}) {
    const NetworkShape shape = shape_for(kind);
    const auto network = awake(small_options(kind), shape);
    network->attach(kMomentHeads, 7);
    const at::NoGradGuard no_grad;
    for (auto& parameter : network->attachment(kMomentHeads)->parameters()) {
      parameter.add_(random_values({parameter.numel()}, parameter.numel()).view_as(parameter));
    }
    const auto moments = make_moment_denoiser(std::make_shared<NetworkRunner>(network, Compute()),
                                              network->encode(random_contexts(shape, 1, 5)), 1);
    const at::Tensor x = random_values({9, 4, 2, shape.places}, 4) * 3;
    const int before = at::get_num_threads();
    at::set_num_threads(1);
    const skipcast::samplers::Moments all = moments(x, 0.7);
    CHECK((all.second > 0).all().item<bool>());
    CHECK((all.third != 0).any().item<bool>());
    at::set_num_threads(2);
    for (const int64_t count : {1, 4, 9}) {
      const skipcast::samplers::Moments part = moments(x.narrow(0, 0, count), 0.7);
      CHECK(at::equal(part.mean, all.mean.narrow(0, 0, count)));
      CHECK(at::equal(part.second, all.second.narrow(0, 0, count)));
      CHECK(at::equal(part.third, all.third.narrow(0, 0, count)));
    }
    at::set_num_threads(before);
  }
}

TEST_CASE("Moments: trained heads beat constant moments, and leave the network as it is") {
  const TempDir folder;
  const TrainedModel t(folder.file("a"));
  const auto before = loaded(*t.store);
  CHECK_FALSE(before->can(kMomentHeads));
  CHECK(before->fingerprint() == old_fingerprint(t));
  const ContextBatch context = context_of(*t.store, *before);
  CHECK_FALSE(before->condition_moments(context));
  const at::Tensor x = random_values({5, 4, 1, 3}, 3) * 2;
  const at::Tensor estimate = before->condition(context)(x, 1.5);

  const TrainReport report = trained_heads(*t.store, 250);
  CHECK(report.steps == 250);
  const auto figures = nlohmann::json::parse(report.figures);
  const double constant = figures["validation_loss_constant"];
  CHECK(figures["validation_loss"] < constant - 0.05);
  const auto after = loaded(*t.store);
  CHECK(after->can(kMomentHeads));
  CHECK(after->parameters() == before->parameters() + report.parameters);
  CHECK(after->fingerprint() != before->fingerprint());
  CHECK(at::equal(after->condition(context)(x, 1.5), estimate));
  const skipcast::samplers::Moments said = after->condition_moments(context)(x, 1.5);
  CHECK(at::equal(said.mean, estimate));
  CHECK((said.second > 0).all().item<bool>());
  CHECK((said.second < 1.5 * 1.5).all().item<bool>());  // y knows more than its noise
  const Weights written = read_weights(t.paths.weights).value();
  CHECK(written.metadata.contains("validation_crps"));
}

TEST_CASE("Moments: the same steps give the same heads, also on a model that has some") {
  const TempDir folder;
  const TrainedModel t(folder.file("a"));
  trained_heads(*t.store, 6);
  const auto first = read_weights(t.paths.weights);
  trained_heads(*t.store, 9);
  const std::string other = loaded(*t.store)->fingerprint();
  trained_heads(*t.store, 6);
  const auto again = read_weights(t.paths.weights);
  REQUIRE(again->tensors.size() == first->tensors.size());
  for (const auto& [name, tensor] : first->tensors) {
    CAPTURE(name);
    CHECK(at::equal(again->tensors.at(name), tensor));
  }
  CHECK(loaded(*t.store)->fingerprint() != other);
}

TEST_CASE("Moments: a model without heads refuses gms and says which command trains them") {
  const TempDir folder;
  const TrainedModel t(folder.file("a"));
  auto forecaster = Forecaster::open(*t.store, "small");
  REQUIRE(forecaster.ok());
  const ForecastOptions options = {{.start = {.kind = StartKind::kCold}, .solver = "gms"},
                                   {.members = 4}};
  const auto refused = (*forecaster)->forecast(380, options);
  CHECK(refused.status().code() == Code::kRefused);
  CHECK(refused.status().message().find("skipcast train " + t.store->path() +
                                        " --task small --moments") != std::string::npos);
  trained_heads(*t.store, 5);
  forecaster = Forecaster::open(*t.store, "small");
  REQUIRE(forecaster.ok());
  const auto made = (*forecaster)->forecast(380, options);
  REQUIRE_MESSAGE(made.ok(), made.status().message());
  CHECK(made->nfe == 4);
  CHECK(made->members.isfinite().all().item<bool>());
}

TEST_CASE("Moments: stopped on the way, the model is as it was; a damaged head is refused") {
  const TempDir folder;
  const TrainedModel t(folder.file("a"));
  const std::string before = loaded(*t.store)->fingerprint();
  const auto stopped = train(
      *t.store, {.task = "small",
                 .method = "moment-heads",
                 .steps_max = 50,
                 .threads = 1,
                 .progress = [](const skipcast::ProgressStep& s) { return s.fraction < 0.2; }});
  CHECK(stopped.status().code() == Code::kInterrupted);
  CHECK(loaded(*t.store)->fingerprint() == before);
  CHECK(train(*t.store, {.task = "none", .method = "moment-heads"}).status().code() ==
        Code::kNotFound);

  trained_heads(*t.store, 3);
  Weights weights = read_weights(t.paths.weights).value();
  REQUIRE(weights.tensors.erase("network.moments.out.bias") == 1);
  REQUIRE(write_weights(t.paths.weights, weights).ok());
  CHECK(t.code() == Code::kDataLoss);
}
