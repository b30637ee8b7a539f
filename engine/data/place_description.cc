#include "engine/data/place_description.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>
#include <vector>

namespace skipcast::engine {
namespace {

constexpr int64_t kLevelAndSize = 3, kHarmonics = 2, kLeads = 3, kCoordinates = 2;
constexpr double kDegrees = std::numbers::pi / 180;

// The climatology [slots] of one target at one place.
class Cycle {
 public:
  Cycle(const retrieval::Normalizer& normalizer, int64_t variable, int64_t place)
      : base_(normalizer.base()),
        places_(normalizer.places()),
        slots_(normalizer.slots()),
        first_(variable * slots_ * places_ + place) {}

  double mean() const {
    double sum = 0;
    for (int64_t slot = 0; slot < slots_; ++slot) sum += at(slot);
    return sum / static_cast<double>(slots_);
  }

  double deviation() const {
    const double middle = mean();
    double sum = 0;
    for (int64_t slot = 0; slot < slots_; ++slot) sum += (at(slot) - middle) * (at(slot) - middle);
    return std::sqrt(sum / static_cast<double>(slots_));
  }

  // Amplitudes of cosine and sine with so many periods in the table.
  std::pair<double, double> harmonic(int64_t periods) const {
    double cosine = 0, sine = 0;
    for (int64_t slot = 0; slot < slots_; ++slot) {
      const double phase =
          2 * std::numbers::pi * static_cast<double>(periods * slot) / static_cast<double>(slots_);
      cosine += at(slot) * std::cos(phase);
      sine += at(slot) * std::sin(phase);
    }
    const double norm = 2 / static_cast<double>(slots_);
    return {cosine * norm, sine * norm};
  }

 private:
  double at(int64_t slot) const { return base_[static_cast<size_t>(first_ + slot * places_)]; }

  std::span<const float> base_;
  int64_t places_, slots_, first_;
};

// Days in the table of slots, where it has whole days.
int64_t days_of(const retrieval::Normalizer& normalizer) {
  const bool week = normalizer.options().base == retrieval::Base::kSlotOfWeek;
  return week && normalizer.slots() % 7 == 0 ? 7 : 1;
}

double log_mean_scale(const retrieval::Normalizer& normalizer, int64_t variable) {
  double sum = 0;
  for (int64_t place = 0; place < normalizer.places(); ++place) {
    sum += std::log(static_cast<double>(
        normalizer.scale()[static_cast<size_t>(variable * normalizer.places() + place)]));
  }
  return sum / static_cast<double>(normalizer.places());
}

void add_cycle(const retrieval::Normalizer& normalizer, int64_t variable, int64_t place,
               std::vector<float>& facts) {
  const double scale =
      normalizer.scale()[static_cast<size_t>(variable * normalizer.places() + place)];
  const Cycle cycle(normalizer, variable, place);
  const auto add = [&facts](double fact) { facts.push_back(static_cast<float>(fact)); };
  add(std::log(scale) - log_mean_scale(normalizer, variable));
  add(std::asinh(cycle.mean() / scale));
  add(cycle.deviation() / scale);
  for (int64_t harmonic = 1; harmonic <= kHarmonics; ++harmonic) {
    const bool resolved = 2 * harmonic * days_of(normalizer) < normalizer.slots();
    const auto [cosine, sine] =
        resolved ? cycle.harmonic(harmonic * days_of(normalizer)) : std::pair<double, double>();
    add(cosine / scale);
    add(sine / scale);
  }
}

// [P, 2]: east and north.
at::Tensor positions(const storage::Places& places) {
  const auto count = static_cast<int64_t>(places.lat.size());
  if (count == 0) return at::zeros({places.count(), kCoordinates});
  const at::Tensor lat = at::tensor(places.lat, at::kDouble) * kDegrees;
  const at::Tensor lon = at::tensor(places.lon, at::kDouble) * kDegrees;
  // The way round: longitudes on either side of the date line are neighbours.
  const at::Tensor middle = at::atan2(lon.sin().mean(), lon.cos().mean());
  const at::Tensor apart = lon - middle;
  const at::Tensor east = at::atan2(apart.sin(), apart.cos()) * lat.mean().cos();
  const at::Tensor both = at::stack({east - east.mean(), lat - lat.mean()}, 1);
  const double size = both.square().sum(1).mean().sqrt().item<double>();
  return size > 0 ? (both / size).to(at::kFloat) : at::zeros({count, kCoordinates});
}

}  // namespace

int64_t place_facts(int64_t variables) {
  return variables * (kLevelAndSize + 2 * kHarmonics + 2 * kLeads) + kCoordinates;
}

at::Tensor describe_places(const storage::Places& places, const retrieval::Normalizer& normalizer,
                           const TargetSpace& target) {
  const at::Tensor damping = target.damping.cpu(), spread = target.scale.cpu().log();
  const int64_t leads = damping.size(0), variables = damping.size(1), count = damping.size(2);
  SKIPCAST_CHECK(count == normalizer.places() && count == places.count());
  std::vector<at::Tensor> parts;
  for (int64_t variable = 0; variable < variables; ++variable) {
    std::vector<float> facts;
    for (int64_t place = 0; place < count; ++place) {
      add_cycle(normalizer, variable, place, facts);
    }
    parts.push_back(at::tensor(facts).view({count, -1}));
    for (const int64_t lead : {int64_t{0}, leads / 2, leads - 1}) {
      parts.push_back(damping[lead][variable].unsqueeze(1));
      parts.push_back(spread[lead][variable].unsqueeze(1));
    }
  }
  parts.push_back(positions(places));
  at::Tensor all = at::cat(parts, 1);
  SKIPCAST_CHECK(all.size(1) == place_facts(variables));
  return all;
}

}  // namespace skipcast::engine
