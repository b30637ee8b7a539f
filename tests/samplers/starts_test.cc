// Starts: hand-computed alignments and shapes.
#include "samplers/starts.h"

#include <cmath>
#include <limits>

#include "tests/support/torch_doctest.h"

using namespace skipcast::samplers;

namespace {
at::Tensor counting(at::IntArrayRef shape) {
  return at::arange(c10::multiply_integers(shape), at::kFloat).view(shape);
}
}  // namespace

TEST_CASE("Offset alignment: shifts by the gap of the last observations, decaying over lead time") {
  const at::Tensor future = counting({2, 3, 1, 2});
  const at::Tensor analog_last = at::tensor({1.0f, 2.0f, 3.0f, 4.0f}).view({2, 1, 2});
  const at::Tensor query_last = at::tensor({11.0f, 22.0f}).view({1, 2});
  const at::Tensor aligned = align_offset(future, analog_last, query_last, 2.0);
  for (int64_t member = 0; member < 2; ++member) {
    for (int64_t lead = 0; lead < 3; ++lead) {
      for (int64_t place = 0; place < 2; ++place) {
        const double gap =
            query_last[0][place].item<double>() - analog_last[member][0][place].item<double>();
        const double expected = future[member][lead][0][place].item<double>() +
                                gap * std::exp(-static_cast<double>(lead) / 2);
        CHECK(aligned[member][lead][0][place].item<double>() == doctest::Approx(expected));
      }
    }
  }
}

TEST_CASE("Offset alignment: endless decay time shifts all lead times alike, none shifts nothing") {
  const at::Tensor future = counting({2, 4, 2, 3}), last = counting({2, 2, 3}) * 0.5;
  const at::Tensor query = counting({2, 3}) + 7;
  constexpr double kEndless = std::numeric_limits<double>::infinity();
  const at::Tensor shifted = align_offset(future, last, query, kEndless);
  CHECK(at::equal(shifted, future + (query - last).unsqueeze(1)));
  CHECK(at::equal(align_offset(future, last, query, 0), future));
}

TEST_CASE("Offset alignment: an analog that ends where the query ends is left alone") {
  const at::Tensor future = counting({1, 4, 2, 3}), query = counting({2, 3});
  CHECK(at::equal(align_offset(future, query.unsqueeze(0), query, 3.0), future));
}

TEST_CASE("Residual alignment: the analog's surprise on top of the query's mean") {
  const at::Tensor future = counting({3, 2, 1, 2}), mean = future - 0.25;
  const at::Tensor query = counting({2, 1, 2});
  const at::Tensor dressed = align_residual(future, mean, query);
  for (int64_t member = 0; member < 3; ++member) CHECK(at::equal(dressed[member], query + 0.25));
}

TEST_CASE("Persistence: the last observation at every lead time") {
  const at::Tensor last = counting({2, 3}), held = persist(last, 4);
  CHECK((held.sizes() == at::IntArrayRef{4, 2, 3}));
  for (int64_t lead = 0; lead < 4; ++lead) CHECK(at::equal(held[lead], last));
}

TEST_CASE("Entering: noise of the size of sigma on one clean state or one a member") {
  const at::Tensor eps = counting({3, 2, 1, 2}), shared = counting({2, 1, 2});
  CHECK(at::equal(enter_at(shared, eps, 2), shared.unsqueeze(0) + eps * 2));
  CHECK(at::equal(enter_at(eps, eps, 0.5), eps * 1.5));
  CHECK(at::equal(enter_at(eps, eps, 0), eps));
}

TEST_CASE("Starts: shapes that do not belong together are refused") {
  const at::Tensor future = counting({2, 3, 1, 2});
  CHECK_THROWS(align_offset(future, counting({1, 2}), counting({1, 2}), 1));
  CHECK_THROWS(align_offset(future, counting({2, 1, 2}), counting({1, 2}), -1));
  CHECK_THROWS(align_residual(future, counting({2, 3, 1, 1}), counting({3, 1, 2})));
  CHECK_THROWS(persist(counting({2}), 3));
  CHECK_THROWS(enter_at(future, future, -1));
}

TEST_CASE("ReDi: least squares over keys, one key is a rescaling, more span the query") {
  const at::Tensor keys = at::tensor({1.0, 0.0, 2.0, 0.0, 3.0, 1.0}, at::kDouble).view({2, 3});
  const at::Tensor query = at::tensor({2.0, -6.0, 2.0}, at::kDouble);  // 2 a - 2 b
  const at::Tensor both = redi_weights(keys, query);
  CHECK(at::allclose(both, at::tensor({2.0, -2.0}, at::kDouble), 1e-12, 1e-12));
  const at::Tensor one = redi_weights(keys.narrow(0, 0, 1), query);
  CHECK(one.item<double>() == doctest::Approx((2.0 + 4.0) / 5));  // <key, query> / <key, key>
  // The same key twice: half the weight each, no blow-up.
  const at::Tensor twice = redi_weights(at::stack({keys[0], keys[0]}), keys[0]);
  CHECK(at::allclose(twice, at::tensor({0.5, 0.5}, at::kDouble), 1e-12, 1e-12));
  CHECK_THROWS(redi_weights(keys, keys));
}

TEST_CASE("Previous: leads move up by the cycle, the error at the first known one is taken off") {
  const at::Tensor earlier = at::arange(1, 9, at::kDouble).view({2, 4, 1, 1});  // 1..4 and 5..8
  const at::Tensor last = at::full({1, 1}, 10.0, at::kDouble);
  const double everlasting = std::numeric_limits<double>::infinity();
  const at::Tensor one = shift_cycle(earlier, 1, last, everlasting);
  // Member 0 said 1 for now: 9 too little, at every lead.
  CHECK(at::equal(one[0].flatten(), at::tensor({11.0, 12.0, 13.0, 13.0}, at::kDouble)));
  CHECK(at::equal(one[1].flatten(), at::tensor({11.0, 12.0, 13.0, 13.0}, at::kDouble)));
  const at::Tensor three = shift_cycle(earlier, 3, last, 0);  // not moved
  CHECK(at::equal(three[1].flatten(), at::tensor({8.0, 8.0, 8.0, 8.0}, at::kDouble)));
  CHECK_THROWS(shift_cycle(earlier, 5, last, 0));
  CHECK_THROWS(shift_cycle(earlier, 0, last, 0));
}
