// Proper scores of ensembles as losses that autograd can follow: what one-step models are trained
// on.
//
// Fair (unbiased for the number of members, Ferro 2014), so that an ensemble of few members teaches
// the spread of many. Ensembles x [B, M, T, V, P], M >= 2; observations y and masks m [B, T, V, P],
// y finite where m is 0. Means are over a window's observed values, then over windows. The scores
// that are reported are engine/scores/scores.h. Pure functions, thread-safe.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace skipcast::engine {

// Fair CRPS of every value.
at::Tensor crps_loss(const at::Tensor& x, const at::Tensor& y, const at::Tensor& mask);

// Fair energy score of whole windows, divided by the root of the number of observed values.
at::Tensor energy_loss(const at::Tensor& x, const at::Tensor& y, const at::Tensor& mask);

// Fair CRPS of differences: between successive lead times, and between places and partners
// [P] (Long). What members look like in time and space is the law of such differences, which
// variogram scores (Scheuerer & Hamill 2015) look at; the CRPS of them is unbiased for few members.
at::Tensor texture_loss(const at::Tensor& x, const at::Tensor& y, const at::Tensor& mask,
                        const at::Tensor& partners);

}  // namespace skipcast::engine
