// Optimisers and what goes with a step of theirs.
#include "engine/training/optimiser.h"

#include <memory>

#include "engine/networks/network.h"
#include "tests/support/torch_doctest.h"

using namespace skipcast::engine;

TEST_CASE("Learning rate: warms up, falls to 2 percent") {
  TrainingOptions options;
  options.warmup_steps = 10;
  CHECK(learning_rate_factor(options, 0, 0) == doctest::Approx(0.1));
  CHECK(learning_rate_factor(options, 9, 0) == doctest::Approx(1));
  CHECK(learning_rate_factor(options, 100, 0.5) == doctest::Approx(0.51));
  CHECK(learning_rate_factor(options, 100, 1) == doctest::Approx(0.02));
}

TEST_CASE("AdamW: the first step moves by the learning rate against the gradient's sign") {
  const auto network = std::make_shared<SigmaEmbedding>(8);
  FlatParameters flat(*network);
  AdamW optimiser(flat);
  flat.gradients.copy_(at::where(flat.decays > 0, at::full({1}, 3.0), at::full({1}, -0.5)));
  const at::Tensor before = flat.values.clone();
  optimiser.update(flat, 0.01, 0, 1);
  const at::Tensor moved = flat.values - before;
  CHECK(at::allclose(moved, at::where(flat.decays > 0, at::full({1}, -0.01), at::full({1}, 0.01)),
                     1e-4, 1e-6));
  // Parameters are views of the buffer: the module sees the step.
  CHECK(network->parameters()[0].data_ptr() == flat.values.data_ptr());
}

TEST_CASE("FlatParameters: a tensor of its own is a leaf that sees values and gradients") {
  at::Tensor theta = at::full({3}, 2.0);
  FlatParameters flat(theta, "theta");
  CHECK(flat.count == 3);
  (theta.square().sum()).backward();
  CHECK(at::equal(flat.gradients, at::full({3}, 4.0)));
  flat.values.fill_(5);
  CHECK(at::equal(theta.detach(), flat.values));
  at::Tensor other = at::zeros({4});
  CHECK(FlatParameters(other, "theta").layout != flat.layout);
}

TEST_CASE("clip_gradient: a long gradient is scaled to the norm, a short one kept") {
  at::Tensor theta = at::zeros({4});
  FlatParameters flat(theta, "theta");
  flat.gradients.fill_(3);
  CHECK(clip_gradient(flat, 1) == doctest::Approx(6));
  CHECK(flat.gradients.norm().item<double>() == doctest::Approx(1));
  CHECK(clip_gradient(flat, 2) == doctest::Approx(1));
  CHECK(flat.gradients.norm().item<double>() == doctest::Approx(1));
}
