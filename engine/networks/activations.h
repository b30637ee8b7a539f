// SiLU and GELU (tanh form) whose bits depend on the value alone.
//
// LibTorch computes the ends of a range, and of every thread's part of it, by other routines than
// the rest: a member's bits would depend on the batch around it. Without autograd these use our
// own exponential (relative error below 3e-7) instead; with it (training) LibTorch's functions.
// Pure functions, thread-safe.
#pragma once

#include <ATen/core/Tensor.h>

namespace skipcast::engine {

at::Tensor steady_silu(const at::Tensor& x);  // x sigmoid(x)
at::Tensor steady_gelu(const at::Tensor& x);  // x sigmoid(2 sqrt(2 / pi) (x + 0.044715 x^3))

}  // namespace skipcast::engine
