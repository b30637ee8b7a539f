#include "samplers/precondition.h"

#include <cmath>

namespace skipcast::samplers {

Scalings edm_scalings(double sigma, double sigma_data) {
  const double total = sigma * sigma + sigma_data * sigma_data;
  return {.c_skip = sigma_data * sigma_data / total,
          .c_out = sigma * sigma_data / std::sqrt(total),
          .c_in = 1 / std::sqrt(total),
          .c_noise = std::log(sigma) / 4};
}

}  // namespace skipcast::samplers
