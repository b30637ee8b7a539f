// Cross-attention to retrieved futures: untrained it changes nothing, the order of analogs does not
// matter, and a query's bits depend on itself alone.
#include "engine/networks/retrieval_attention.h"

#include <ATen/Parallel.h>

#include <vector>

#include "engine/networks/attachments.h"
#include "tests/support/networks.h"
#include "tests/support/torch_doctest.h"

namespace {

using namespace skipcast::engine;
using skipcast::tests::awake;
using skipcast::tests::random_contexts;
using skipcast::tests::random_values;
using skipcast::tests::shape_for;
using skipcast::tests::small_options;

constexpr int64_t kAnalogs = 3;
constexpr const char* kKinds[] = {kGraphNet, kGridNet};

RetrievedBatch random_retrieved(const NetworkShape& s, int64_t batch) {
  return {random_values({batch, kAnalogs, s.future_states, s.variables, s.places}, 31),
          random_values({batch, kAnalogs, s.context_states, s.variables, s.places}, 32),
          random_values({batch, kAnalogs, 2}, 33), at::ones({batch})};
}

// With attention whose output is not 0.
std::shared_ptr<Network> told_network(const char* kind) {
  auto network = awake(small_options(kind), shape_for(kind));
  network->attach(kRetrievalAttention, 7);
  const at::NoGradGuard no_grad;
  for (auto& parameter : network->attachment(kRetrievalAttention)->parameters()) {
    parameter.add_(0.2 * random_values({parameter.numel()}, parameter.numel()).view_as(parameter));
  }
  return network;
}

std::vector<at::Tensor> moved(Network& network, const std::vector<at::Tensor>& encoded,
                              const RetrievedBatch& retrieved) {
  return network.conditioned_by(kRetrievalAttention, encoded, of_retrieved(retrieved));
}

RetrievedBatch picked(const RetrievedBatch& all, int64_t dimension, const at::Tensor& which) {
  RetrievedBatch some = {all.futures.index_select(dimension, which),
                         all.mismatch.index_select(dimension, which),
                         all.facts.index_select(dimension, which), all.weight};
  if (dimension == 0) some.weight = all.weight.index_select(0, which);
  return some;
}

}  // namespace

TEST_CASE("Retrieval attention: untrained, or with no weight, the features keep their bits") {
  for (const char* kind : kKinds) {
    const NetworkShape shape = shape_for(kind);
    const at::NoGradGuard no_grad;
    const auto fresh = awake(small_options(kind), shape);
    fresh->attach(kRetrievalAttention, 7);
    const auto encoded = fresh->encode(random_contexts(shape, 4, 5));
    CHECK(at::equal(moved(*fresh, encoded, random_retrieved(shape, 4))[0], encoded[0]));

    const auto told = told_network(kind);
    RetrievedBatch retrieved = random_retrieved(shape, 4);
    CHECK_FALSE(at::allclose(moved(*told, encoded, retrieved)[0], encoded[0], 1e-3, 1e-3));
    retrieved.weight = at::tensor({0.0f, 1.0f, 0.0f, 1.0f});
    const at::Tensor some = moved(*told, encoded, retrieved)[0];
    CHECK(at::equal(some[0], encoded[0][0]));
    CHECK_FALSE(at::allclose(some[1], encoded[0][1], 1e-3, 1e-3));
  }
}

TEST_CASE("Retrieval attention: the order of the analogs does not matter, what they say does") {
  for (const char* kind : kKinds) {
    const NetworkShape shape = shape_for(kind);
    const at::NoGradGuard no_grad;
    const auto network = told_network(kind);
    const auto encoded = network->encode(random_contexts(shape, 4, 5));
    RetrievedBatch retrieved = random_retrieved(shape, 4);
    const at::Tensor first = moved(*network, encoded, retrieved)[0];
    const at::Tensor turned = at::tensor({2, 0, 1}, at::kLong);
    CHECK(at::allclose(moved(*network, encoded, picked(retrieved, 1, turned))[0], first, 0, 1e-5));
    for (at::Tensor* part : {&retrieved.futures, &retrieved.mismatch, &retrieved.facts}) {
      const at::Tensor before = part->clone();
      part->add_(1);
      CHECK_FALSE(at::allclose(moved(*network, encoded, retrieved)[0], first, 1e-3, 1e-3));
      part->copy_(before);
    }
  }
}

TEST_CASE("Retrieval attention: a query's bits depend neither on its batch nor on threads") {
  const int before = at::get_num_threads();
  for (const char* kind : kKinds) {
    const NetworkShape shape = shape_for(kind);
    const at::NoGradGuard no_grad;
    const auto network = told_network(kind);
    const auto encoded = network->encode(random_contexts(shape, 6, 5));
    const RetrievedBatch retrieved = random_retrieved(shape, 6);
    at::set_num_threads(1);
    const at::Tensor all = moved(*network, encoded, retrieved)[0];
    at::set_num_threads(2);
    for (const int64_t row : {0, 3, 5}) {
      const at::Tensor alone = at::tensor({row}, at::kLong);
      const at::Tensor one =
          moved(*network, {encoded[0].index_select(0, alone)}, picked(retrieved, 0, alone))[0];
      CHECK(at::equal(one[0], all[row]));
    }
    at::set_num_threads(before);
  }
}
