// Scores as losses: the values of the reported scores, unbiased, least at the true law.
#include "engine/scores/proper_scores.h"

#include <ATen/ATen.h>

#include <cmath>
#include <vector>

#include "engine/scores/scores.h"
#include "tests/support/networks.h"
#include "tests/support/torch_doctest.h"

namespace {

using namespace skipcast::engine;
using skipcast::tests::random_values;

constexpr int64_t kMembers = 5, kLeads = 3, kPlaces = 4;

at::Tensor in_order() { return at::arange(kPlaces - 1, -1, -1, at::kLong); }

}  // namespace

TEST_CASE("Proper scores: a window's losses are the scores that are reported") {
  const at::Tensor x = random_values({1, kMembers, kLeads, 1, kPlaces}, 1);
  at::Tensor y = random_values({1, kLeads, 1, kPlaces}, 2), mask = at::ones_like(y);
  mask[0][1][0][2] = 0;
  mask[0][2][0][0] = 0;
  at::Tensor seen = at::where(mask > 0, y, at::full_like(y, std::nan("")));
  const auto values = [](const at::Tensor& t) {
    return std::span<const float>(t.const_data_ptr<float>(), static_cast<size_t>(t.numel()));
  };
  const auto row = score_query(0, values(x), values(seen), {kMembers, kLeads, 1, kPlaces});
  REQUIRE(row.ok());
  double sum = 0;
  int64_t count = 0;
  for (const LeadSums& lead : row->leads) sum += lead.crps_fair, count += lead.values;
  CHECK(crps_loss(x, y, mask).item<double>() ==
        doctest::Approx(sum / static_cast<double>(count)).epsilon(1e-5));

  // The energy score by its definition.
  const at::Tensor m = mask.flatten(), all = x.view({kMembers, -1}) * m;
  const at::Tensor seen_here = y.flatten() * m;
  double error = 0, apart = 0;
  for (int64_t i = 0; i < kMembers; ++i) {
    error += (all[i] - seen_here).norm().item<double>() / kMembers;
    for (int64_t j = 0; j < kMembers; ++j) {
      apart += (all[i] - all[j]).norm().item<double>() / (kMembers * (kMembers - 1));
    }
  }
  CHECK(energy_loss(x, y, mask).item<double>() ==
        doctest::Approx((error - apart / 2) / std::sqrt(10.0)).epsilon(1e-4));
}

TEST_CASE("Proper scores: what is missing changes nothing, and gradients are finite") {
  at::Tensor x = random_values({2, kMembers, kLeads, 1, kPlaces}, 3);
  x[0][1] = x[0][0];  // two equal members: no gradient of their distance
  x.set_requires_grad(true);
  at::Tensor y = random_values({2, kLeads, 1, kPlaces}, 4), mask = at::ones_like(y);
  mask[1].narrow(0, 0, 2).zero_();
  const auto loss = [&](const at::Tensor& truth) {
    return crps_loss(x, truth, mask) + energy_loss(x, truth, mask) +
           texture_loss(x, truth, mask, in_order());
  };
  at::Tensor other = y.clone();
  other[1].narrow(0, 0, 2).fill_(1e6);
  const at::Tensor value = loss(y);
  CHECK(value.item<float>() == loss(other).item<float>());
  value.backward();
  CHECK(x.grad().isfinite().all().item<bool>());
  CHECK((x.grad()[1].narrow(1, 0, 2) == 0).all().item<bool>());
}

TEST_CASE("Proper scores: of laws that differ in spread or texture, the true one scores best") {
  // Truth: the same value at all places and lead times, standard normal.
  constexpr int64_t kWindows = 4000;
  const auto common = [](int64_t members, int64_t stream) {
    return random_values({kWindows, members, 1, 1, 1}, stream)
        .expand({kWindows, members, kLeads, 1, kPlaces})
        .contiguous();
  };
  const at::Tensor y = common(1, 5).squeeze(1), mask = at::ones_like(y);
  const at::Tensor right = common(kMembers, 6), narrow = right * 0.6, wide = right * 1.6;
  const at::Tensor rough = random_values(right.sizes(), 7);  // the right margins, no texture
  for (const auto& loss : {crps_loss, energy_loss}) {
    const double best = loss(right, y, mask).item<double>();
    CHECK(best < loss(narrow, y, mask).item<double>() - 0.01);
    CHECK(best < loss(wide, y, mask).item<double>() - 0.01);
  }
  CHECK(energy_loss(right, y, mask).item<double>() <
        energy_loss(rough, y, mask).item<double>() - 0.01);
  CHECK(texture_loss(right, y, mask, in_order()).item<double>() == doctest::Approx(0));
  CHECK(texture_loss(rough, y, mask, in_order()).item<double>() > 0.1);
}
