// Anytime sampling: a member whose last two denoised estimates agree needs no further evaluation.
//
// A denoiser around a denoiser, so that it serves every solver: for a member that has settled it
// answers the last estimate again, which the step to 0 returns. Whether a member has settled
// depends on that member alone, so bits do not depend on the batch. One chain and one batch each;
// not thread-safe.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "samplers/precondition.h"

namespace skipcast::samplers {

class EarlyExit {
 public:
  // Settled: the root mean square change between two estimates is at most `tolerance` (units of x).
  EarlyExit(Denoiser denoise, double tolerance)
      : denoise_(std::move(denoise)), tolerance_(tolerance) {}

  // x [members, ...], the same members in every call.
  at::Tensor operator()(const at::Tensor& x, double sigma);

  // Evaluations of all members together.
  int64_t evaluations() const { return evaluations_; }

 private:
  Denoiser denoise_;
  double tolerance_;
  at::Tensor last_;              // [members, ...]; undefined before the first call
  std::vector<int64_t> moving_;  // members that have not settled
  int64_t evaluations_ = 0;
};

}  // namespace skipcast::samplers
