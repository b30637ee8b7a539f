// Multistep consistency sampling.
#include <ATen/ATen.h>

#include <vector>

#include "samplers/schedule.h"
#include "samplers/solvers/solvers.h"
#include "tests/support/torch_doctest.h"

using namespace skipcast::samplers;

TEST_CASE("Finish: one evaluation is the answer itself; a second one is noised in between") {
  std::vector<double> asked;
  const Denoiser half = [&asked](const at::Tensor& x, double sigma) {
    asked.push_back(sigma);
    return x * 0.5;
  };
  const Noising noising = {
      .draw = [](int64_t draw) { return at::full({3}, static_cast<double>(draw), at::kDouble); }};
  const at::Tensor x = at::tensor({1.0, -2.0, 4.0}, at::kDouble);
  const std::vector<double> one = {5, 0}, two = {5, 0.5, 0}, up = {5, 0.5};
  CHECK(at::equal(finish(half, x, one, noising), x * 0.5));
  CHECK(asked == std::vector<double>{5});
  asked.clear();
  CHECK(at::equal(finish(half, x, two, noising), (x * 0.5 + 0.5) * 0.5));
  CHECK(asked == std::vector<double>{5, 0.5});
  CHECK(at::equal(finish(half, x, up, noising), x * 0.5 + 0.5));
  CHECK(at::equal(finish(half, x, {}, noising), x));
  const std::vector<double> wrong = {1, 2, 0};
  CHECK_THROWS(finish(half, x, wrong, noising));
}

TEST_CASE("Finish: found by name, not among the solvers of a denoiser") {
  const auto found = find_solver("one-step");
  REQUIRE(found);
  CHECK(found->needs_one_step);
  CHECK(evaluations(*found, karras(2, {})) == 2);
  for (const NamedSolver& solver : solvers()) CHECK_FALSE(solver.needs_one_step);
}
