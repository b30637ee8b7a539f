// GraphNet: members do not see each other, bits do not depend on batch or threads, places are
// told apart only by their embedding.
#include <ATen/Parallel.h>

#include <vector>

#include "engine/networks/activations.h"
#include "engine/networks/network.h"
#include "tests/support/networks.h"
#include "tests/support/torch_doctest.h"

namespace {

using namespace skipcast::engine;
using skipcast::tests::awake;
using skipcast::tests::graph_shape;
using skipcast::tests::random_contexts;
using skipcast::tests::random_values;
using skipcast::tests::rows;

NetworkOptions small_options(int64_t inducing = 0, bool adjacency = false) {
  NetworkOptions options;
  options.width = 32;
  options.context_blocks = 1;
  options.blocks = 2;
  options.inducing = inducing;
  options.adjacency = adjacency;
  return options;
}

}  // namespace

TEST_CASE("GraphNet: output has the shape of the future and starts at zero") {
  const NetworkShape shape = graph_shape(7);
  const auto network = make_network(small_options(), shape);
  network->initialise(1);
  const at::NoGradGuard no_grad;
  const auto context = network->encode(random_contexts(shape, 2, 5));
  const at::Tensor x = random_values({2, 4, 2, 7}, 6);
  const at::Tensor f = network->denoise(x, at::full({1}, 0.3), context);
  CHECK(f.sizes() == x.sizes());
  CHECK(f.abs().max().item<float>() == 0);
}

TEST_CASE("GraphNet: initial weights are a function of the seed") {
  const NetworkShape shape = graph_shape(5);
  const auto a = make_network(small_options(), shape), b = make_network(small_options(), shape);
  a->initialise(3);
  b->initialise(3);
  for (size_t i = 0; i < a->parameters().size(); ++i) {
    CHECK(at::equal(a->parameters()[i], b->parameters()[i]));
  }
  b->initialise(4);
  CHECK_FALSE(at::equal(a->parameters()[0], b->parameters()[0]));
}

TEST_CASE("GraphNet: the same bits for any batch size and one or two threads") {
  for (const int64_t places : {1, 3, 5, 10, 12, 64, 70}) {
    NetworkShape shape = graph_shape(places);
    shape.description = random_values({places, 15}, 50);
    NetworkOptions options = small_options(places > 64 ? 8 : 0);
    options.described_places = places == 5 || places == 12;
    if (places == 10) options.width = 96;  // where attention of one row goes another way
    const auto network = awake(options, shape);
    const at::NoGradGuard no_grad;
    const auto context = network->encode(random_contexts(shape, 1, 5));
    const at::Tensor x = random_values({33, 4, 2, places}, 6), level = at::full({1}, 0.3);
    at::set_num_threads(1);
    const at::Tensor all = network->denoise(x, level, context);
    for (const int threads : {1, 2}) {
      at::set_num_threads(threads);
      CHECK(at::equal(network->encode(random_contexts(shape, 1, 5))[0], context[0]));
      for (const int64_t batch : {1, 2, 7, 33}) {
        CAPTURE(places);
        CAPTURE(threads);
        CAPTURE(batch);
        CHECK(at::equal(rows(*network, x, level, context, batch), all));
      }
    }
    at::set_num_threads(1);
  }
}

TEST_CASE("GraphNet: permuting members permutes the output") {
  const NetworkShape shape = graph_shape(6);
  const auto network = awake(small_options(), shape);
  const at::NoGradGuard no_grad;
  const auto context = network->encode(random_contexts(shape, 1, 5));
  const at::Tensor x = random_values({5, 4, 2, 6}, 6), level = at::full({1}, -0.2);
  const at::Tensor order = at::tensor({3, 1, 4, 0, 2}, at::kLong);
  const at::Tensor straight = network->denoise(x, level, context).index_select(0, order);
  CHECK(at::equal(network->denoise(x.index_select(0, order), level, context), straight));
}

TEST_CASE("GraphNet: described places, another number and order of them is no other network") {
  NetworkOptions options = small_options();
  options.described_places = true;
  NetworkShape few = graph_shape(4), many = graph_shape(7);
  many.description = random_values({7, 15}, 50);
  few.description = many.description.narrow(0, 0, 4).contiguous();
  const auto trained = awake(options, few), other = make_network(options, many);
  const at::NoGradGuard no_grad;
  const auto originals = trained->named_parameters();
  for (auto& item : other->named_parameters()) item.value().copy_(originals[item.key()]);
  other->eval();
  const ContextBatch contexts = random_contexts(many, 1, 5);
  const at::Tensor x = random_values({3, 4, 2, 7}, 6), level = at::full({1}, 0.1);
  const at::Tensor f = other->denoise(x, level, other->encode(contexts));

  const at::Tensor order = at::tensor({3, 1, 6, 0, 2, 5, 4}, at::kLong);
  NetworkShape turned = many;
  turned.description = many.description.index_select(0, order);
  const auto same = make_network(options, turned);
  for (auto& item : same->named_parameters()) item.value().copy_(originals[item.key()]);
  same->eval();
  ContextBatch moved = contexts;
  for (at::Tensor* part : {&moved.values, &moved.mask, &moved.base, &moved.last}) {
    *part = part->index_select(part->dim() - 1, order);
  }
  const at::Tensor g = same->denoise(x.index_select(3, order), level, same->encode(moved));
  CHECK(at::allclose(g, f.index_select(3, order), 1e-4, 1e-5));
  // What a place is like matters.
  turned.description = many.description;
  const auto blind = make_network(options, turned);
  for (auto& item : blind->named_parameters()) item.value().copy_(originals[item.key()]);
  blind->eval();
  const at::Tensor h = blind->denoise(x.index_select(3, order), level, blind->encode(moved));
  CHECK_FALSE(at::allclose(h, f.index_select(3, order), 1e-2, 1e-2));
}

TEST_CASE("GraphNet: context, noise level and every place matter") {
  const NetworkShape shape = graph_shape(6);
  for (const int64_t inducing : {0, 3}) {
    const auto network = awake(small_options(inducing), shape);
    const at::NoGradGuard no_grad;
    ContextBatch contexts = random_contexts(shape, 1, 5);
    const at::Tensor x = random_values({1, 4, 2, 6}, 6), level = at::full({1}, 0.1);
    const at::Tensor f = network->denoise(x, level, network->encode(contexts));
    CHECK_FALSE(at::equal(network->denoise(x, level + 0.2, network->encode(contexts)), f));
    at::Tensor moved = x.clone();
    moved.select(3, 4).add_(1);  // one place changes another
    const at::Tensor g = network->denoise(moved, level, network->encode(contexts));
    CHECK_FALSE(at::equal(g.select(3, 0), f.select(3, 0)));
    const auto parts = {&contexts.values, &contexts.mask, &contexts.base, &contexts.calendar};
    for (at::Tensor* part : parts) {
      const at::Tensor kept = *part;
      *part = kept + 0.5;
      CHECK_FALSE(at::equal(network->denoise(x, level, network->encode(contexts)), f));
      *part = kept;
    }
  }
}

TEST_CASE("GraphNet: raw values are anomalies and base, as large as each is at its place") {
  NetworkShape shape = graph_shape(7);
  const NetworkShape planned = shape;
  shape.base_size = at::full({2, 7}, 2.0);
  NetworkOptions options = small_options();
  options.raw_values = true;
  // 4 context states of 2 targets more a place; none before the base's size is known.
  const auto plain = make_network(small_options(), shape), raw = make_network(options, shape);
  CHECK(raw->parameter_count() == plain->parameter_count() + 4 * 2 * options.width);
  CHECK(make_network(options, planned)->parameter_count() == plain->parameter_count());
  const at::NoGradGuard no_grad;
  NetworkShape larger = shape;
  larger.base_size = at::full({2, 7}, 3.0);
  const ContextBatch contexts = random_contexts(shape, 2, 5);
  const at::Tensor first = awake(options, shape)->encode(contexts)[0];
  CHECK(at::equal(awake(options, shape)->encode(contexts)[0], first));
  CHECK_FALSE(at::allclose(awake(options, larger)->encode(contexts)[0], first));
}

TEST_CASE("GraphNet: the adjacency is a bias that learns from zero") {
  NetworkShape shape = graph_shape(4);
  shape.adjacency = at::eye(4);
  const auto with = awake(small_options(0, true), shape);
  const auto without = make_network(small_options(), shape);
  CHECK(with->parameter_count() == without->parameter_count() + 2 * 4);
}

TEST_CASE("Activations: agree with LibTorch's, whatever stands around a value") {
  const at::Tensor x = at::cat({at::linspace(-100, 100, 4001), at::linspace(-3, 3, 3000)});
  at::Tensor silu_trained, gelu_trained;
  {
    const at::AutoGradMode grad(true);
    silu_trained = steady_silu(x);
    gelu_trained = steady_gelu(x);
  }
  const at::NoGradGuard no_grad;
  CHECK(at::allclose(steady_silu(x), silu_trained, 2e-6, 1e-30));
  CHECK(at::allclose(steady_gelu(x), gelu_trained, 1e-5, 1e-6));
  for (const int64_t first : {1, 5, 13, 4000}) {
    const at::Tensor part = x.narrow(0, first, 777).clone();
    CHECK(at::equal(steady_silu(part), steady_silu(x).narrow(0, first, 777)));
    CHECK(at::equal(steady_gelu(part), steady_gelu(x).narrow(0, first, 777)));
  }
}

TEST_CASE("Dropout: only between start and stop, the same for the same seed, right on average") {
  const at::Tensor x = at::ones({1000, 10});
  DropoutSource source;
  CHECK(at::equal(drop(x, 0.3, source), x));
  source.start(5);
  const at::Tensor a = drop(x, 0.3, source);
  CHECK(std::abs(a.mean().item<double>() - 1) < 0.03);
  CHECK(std::abs((a == 0).to(at::kFloat).mean().item<double>() - 0.3) < 0.02);
  source.start(5);
  CHECK(at::equal(drop(x, 0.3, source), a));
  CHECK_FALSE(at::equal(drop(x, 0.3, source), a));  // the next layer drops others
  source.stop();
  CHECK(at::equal(drop(x, 0.3, source), x));
}
