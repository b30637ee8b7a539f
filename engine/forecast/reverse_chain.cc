#include "engine/forecast/reverse_chain.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "samplers/early_exit.h"
#include "samplers/noise.h"
#include "samplers/starts.h"

namespace skipcast::engine {
namespace {

// Members assigned evenly over the ensemble: this share of them.
bool is_cold(int64_t member, double share) {
  const auto before = [share](int64_t count) {
    return std::floor(static_cast<double>(count) * share + 1e-9);
  };
  return before(member + 1) > before(member);
}

// One run of the chain: everything that does not depend on the member.
class Run {
 public:
  Run(const Chain& chain, const Model& model, const Query& query, const ForecastOptions& options)
      : chain_(chain),
        model_(model),
        query_(query),
        options_(options),
        shape_(model.state_shape()) {}

  at::Tensor ensemble(const EntryState& entry);
  int64_t evaluations() const { return evaluations_; }  // of all members

 private:
  std::vector<int64_t> full_shape(int64_t members) const {
    std::vector<int64_t> full = shape_;
    full.insert(full.begin(), members);
    return full;
  }
  at::Tensor target_of(const at::Tensor& clean) const;
  at::Tensor noise_size(const at::Tensor& spread) const;
  at::Tensor solve(std::span<const int64_t> members, const at::Tensor& target,
                   const at::Tensor& size);
  at::Tensor solve_from(std::span<const int64_t> members, const at::Tensor& states);
  at::Tensor solve_aligned(std::span<const int64_t> members, const samplers::AlignedStart& start);
  at::Tensor solve_cold(std::span<const int64_t> members);
  at::Tensor run(const at::Tensor& x, const std::vector<double>& sigmas,
                 const samplers::Noising& noising);
  static at::Tensor rows(const at::Tensor& all, std::span<const int64_t> members) {
    const at::ArrayRef<int64_t> numbers(members.data(), members.size());
    return all.index_select(0, at::tensor(numbers).to(all.device()));
  }
  using Solve = std::function<at::Tensor(std::span<const int64_t>)>;
  at::Tensor by_network(std::span<const int64_t> members, const Solve& one);
  at::Tensor in_batches(std::span<const int64_t> members, const Solve& one) const;
  samplers::Noising noising_of(std::span<const int64_t> members) const;

  const Chain& chain_;
  const Model& model_;
  const Query& query_;
  const ForecastOptions& options_;
  std::vector<int64_t> shape_;
  const samplers::Denoiser* denoise_ = nullptr;  // of the members at work
  int64_t evaluations_ = 0;
};

at::Tensor Run::target_of(const at::Tensor& clean) const {
  const std::vector<int64_t> full = full_shape(options_.members);
  if (!clean.defined()) return at::zeros(full, query_.last.options());
  return model_.to_target(clean.expand(full), query_.last);
}

// Standard deviation of the entry's noise where it differs from entry.sigma, in target space.
at::Tensor Run::noise_size(const at::Tensor& spread) const {
  if (!spread.defined()) return {};
  const at::Tensor added = model_.to_target(spread.unsqueeze(0), at::zeros_like(query_.last))[0];
  return (added.square() + chain_.entry.sigma * chain_.entry.sigma).sqrt();
}

samplers::Noising Run::noising_of(std::span<const int64_t> members) const {
  samplers::Noising noising = chain_.noising;
  noising.draw = [this, members](int64_t draw) {  // 0 is the entry's
    return samplers::gaussian(options_.seed, query_.time_s, members, draw,
                              {shape_, query_.last.device()});
  };
  noising.moments = query_.moments;
  return noising;
}

// Members as solved, in the order of the rows: `parts` one after the other hold those of `order`.
at::Tensor in_order(const std::vector<at::Tensor>& parts, const std::vector<int64_t>& order) {
  at::Tensor all = at::cat(parts);
  return at::empty_like(all).index_copy_(0, at::tensor(order).to(all.device()), all);
}

// Each network in turn has its members: those whose number leaves its own when divided.
at::Tensor Run::by_network(std::span<const int64_t> members, const Solve& one) {
  const auto networks = static_cast<int64_t>(query_.denoise.size());
  std::vector<at::Tensor> parts;
  std::vector<int64_t> order;  // rows of the result
  for (int64_t network = 0; network < networks; ++network) {
    std::vector<int64_t> own;
    for (size_t i = 0; i < members.size(); ++i) {
      if (members[i] % networks != network) continue;
      own.push_back(members[i]);
      order.push_back(static_cast<int64_t>(i));
    }
    if (own.empty()) continue;
    denoise_ = &query_.denoise[static_cast<size_t>(network)];
    parts.push_back(in_batches(own, one));
  }
  return parts.size() == 1 ? parts[0] : in_order(parts, order);
}

at::Tensor Run::in_batches(std::span<const int64_t> members, const Solve& one) const {
  const auto count = static_cast<int64_t>(members.size());
  const int64_t batch = options_.member_batch > 0 ? options_.member_batch : count;
  std::vector<at::Tensor> solved;
  for (int64_t first = 0; first < count; first += batch) {
    solved.push_back(one(members.subspan(first, std::min(batch, count - first))));
  }
  return solved.size() == 1 ? solved[0] : at::cat(solved);
}

at::Tensor Run::run(const at::Tensor& x, const std::vector<double>& sigmas,
                    const samplers::Noising& noising) {
  if (options_.exit_tolerance <= 0) {
    evaluations_ += x.size(0) * samplers::evaluations(chain_.solver, sigmas, noising);
    return chain_.solver.solve(*denoise_, x, sigmas, noising);
  }
  samplers::EarlyExit exit(*denoise_, options_.exit_tolerance);
  const at::Tensor solved = chain_.solver.solve(std::ref(exit), x, sigmas, noising);
  evaluations_ += exit.evaluations();
  return solved;
}

at::Tensor Run::solve(std::span<const int64_t> members, const at::Tensor& target,
                      const at::Tensor& size) {
  const at::Tensor clean = rows(target, members);
  const samplers::Noising noising = noising_of(members);
  const double sigma = chain_.entry.sigma;
  if (!size.defined() && sigma == 0) return clean;
  const at::Tensor eps = noising.draw(0);
  const at::Tensor x = size.defined() ? clean + eps * size : samplers::enter_at(clean, eps, sigma);
  if (chain_.entry.sigmas.empty()) return x;
  return run(x, chain_.entry.sigmas, noising);
}

// From states that have their noise already.
at::Tensor Run::solve_from(std::span<const int64_t> members, const at::Tensor& states) {
  return run(rows(states, members), chain_.entry.sigmas, noising_of(members));
}

// From futures that are moved, scaled and noised in one pass.
at::Tensor Run::solve_aligned(std::span<const int64_t> members,
                              const samplers::AlignedStart& start) {
  samplers::AlignedStart these = start;
  these.future = rows(start.future, members);
  these.analog_last = rows(start.analog_last, members);
  const at::Tensor x =
      samplers::enter_aligned(these, options_.seed, query_.time_s, members, chain_.entry.sigma);
  if (chain_.entry.sigmas.empty()) return x;
  return run(x, chain_.entry.sigmas, noising_of(members));
}

at::Tensor Run::solve_cold(std::span<const int64_t> members) {
  const samplers::Noising noising = noising_of(members);
  const at::Tensor x = noising.draw(0) * chain_.cold.front();
  return run(x, chain_.cold, noising);
}

at::Tensor Run::ensemble(const EntryState& entry) {
  std::vector<int64_t> order, cold;  // members from the start, then cold ones
  for (int64_t member = 0; member < options_.members; ++member) {
    (is_cold(member, options_.start.cold_share) ? cold : order).push_back(member);
  }
  const at::Tensor size = noise_size(entry.added_noise);
  const at::Tensor target = entry.aligned ? at::Tensor() : target_of(entry.clean);
  std::vector<at::Tensor> parts;
  if (!order.empty()) {
    parts.push_back(by_network(order, [&](std::span<const int64_t> members) {
      if (entry.aligned) return solve_aligned(members, *entry.aligned);
      return entry.state.defined() ? solve_from(members, entry.state)
                                   : solve(members, target, size);
    }));
  }
  if (!cold.empty()) {
    parts.push_back(
        by_network(cold, [&](std::span<const int64_t> members) { return solve_cold(members); }));
  }
  if (parts.size() == 1) return model_.from_target(parts[0], query_.last);
  order.insert(order.end(), cold.begin(), cold.end());
  return model_.from_target(in_order(parts, order), query_.last);
}

}  // namespace

int64_t shared_evaluations(const Chain& chain) {
  return samplers::evaluations(chain.solver, chain.redi.to_key, chain.noising);
}

int64_t evaluations(const Chain& chain) {
  return samplers::evaluations(chain.solver, chain.entry.sigmas, chain.noising);
}

Solved run_chain(const Chain& chain, const Model& model, const Query& query,
                 const EntryState& entry, const ForecastOptions& options) {
  Run run(chain, model, query, options);
  at::Tensor ensemble = run.ensemble(entry);
  const auto members = static_cast<double>(options.members);
  return {std::move(ensemble), static_cast<double>(run.evaluations()) / members};
}

}  // namespace skipcast::engine
