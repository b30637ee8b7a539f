#include "engine/settings/setting_table.h"

#include <algorithm>
#include <array>

#include "engine/settings/presets.h"
#include "samplers/solvers/solvers.h"

namespace skipcast::engine {
namespace {

template <auto... path>
auto& at(Setting& setting) {
  return (setting.*....*path);
}
template <auto member>
constexpr auto kOwn = &at<member>;
template <auto member>
constexpr auto kStart = &at<&Setting::start, member>;
template <auto member>
constexpr auto kDepth = &at<&Setting::depth, member>;

// Unknown words are refused where the tables of starts, keys and alignments are at hand.
constexpr WordField kStartWord = {
    [](const Setting& setting) -> std::string { return word(setting.start.kind); },
    [](Setting& setting, std::string_view text) -> Status {
      setting.start.kind = read_start(text);
      return {};
    }};
constexpr WordField kKeyWord = {
    [](const Setting& setting) -> std::string { return word(setting.start.key); },
    [](Setting& setting, std::string_view text) -> Status {
      setting.start.key = read_key(text);
      return {};
    }};
constexpr WordField kAlignmentWord = {
    [](const Setting& setting) -> std::string { return word(setting.start.alignment); },
    [](Setting& setting, std::string_view text) -> Status {
      setting.start.alignment = read_alignment(text);
      return {};
    }};
constexpr WordField kSpacingWord = {
    [](const Setting& setting) -> std::string { return word(setting.spacing); },
    [](Setting& setting, std::string_view text) -> Status {
      SKIPCAST_TRY(setting.spacing, spacing_from(text));
      return {};
    }};
// By today's name; whoever runs the chain refuses a name that no solver has.
constexpr WordField kSolverWord = {[](const Setting& setting) { return setting.solver; },
                                   [](Setting& setting, std::string_view text) -> Status {
                                     setting.solver = samplers::solver_name(text);
                                     return {};
                                   }};

bool searches(const Setting& setting) {
  const auto blind = {StartKind::kCold, StartKind::kMean, StartKind::kRandom, StartKind::kPersist,
                      StartKind::kRedi};
  return std::find(blind.begin(), blind.end(), setting.start.kind) == blind.end();
}
bool guides(const Setting& setting) { return setting.guidance > 0; }
bool finds(const Setting& setting) { return searches(setting) || guides(setting); }
bool moves(const Setting& setting) {
  return finds(setting) || setting.start.kind == StartKind::kRandom;
}
bool mixes(const Setting& setting) {
  return finds(setting) && setting.start.key == KeyKind::kMixed;
}
bool decays(const Setting& setting) {
  const Alignment alignment = setting.start.alignment;
  const bool fades = alignment != Alignment::kNone && alignment != Alignment::kResidual;
  return (moves(setting) && fades) || setting.start.kind == StartKind::kPrevious;
}
bool is_redi(const Setting& setting) { return setting.start.kind == StartKind::kRedi; }
bool is_previous(const Setting& setting) { return setting.start.kind == StartKind::kPrevious; }
bool starts_warm(const Setting& setting) { return setting.start.kind != StartKind::kCold; }
bool spaces(const Setting& setting) { return setting.depth.sigmas.empty(); }
bool has_rho(const Setting& setting) {
  return spaces(setting) && setting.spacing == samplers::Spacing::kKarras;
}
bool retrieves(const Setting& setting) {
  return guides(setting) || setting.retrieval_weight.value_or(0) > 0;
}

constexpr std::string_view kSearching = "a --start that searches for analogs";
constexpr std::string_view kFinding = "a --start that searches for analogs, or --guidance";

// In the order of a setting's text.
constexpr std::array kKnobs = std::to_array<Knob>({
    {.flag = "--start",
     .key = "start",
     .field = kStartWord,
     .stored = Stored::kAlways,
     .shown = true,
     .group = Group::kEveryday,
     .stage = Stage::kPlans,
     .help = "what the chain starts from: cold, analog, dress (analog, residual alignment), mean, "
             "redi (the published method), previous (the cycle before), or the blind controls "
             "random, mismatched and persist"},
    {.flag = "--key",
     .key = "key",
     .label = "key",
     .field = kKeyWord,
     .applies = finds,
     .only_with = kFinding,
     .stored = Stored::kAlways,
     .shown = true,
     .group = Group::kStart,
     .stage = Stage::kPlans,
     .help = "how analogs are found: by the context, by the network's mean forecast of it "
             "(forecast), mixed, or by the metric of train-metric (metric)"},
    {.flag = "--mix",
     .key = "key_mix",
     .label = "mix",
     .field = kStart<&StartOptions::key_mix>,
     .range = {0, 1},
     .applies = mixes,
     .only_with = "--key mixed",
     .stored = Stored::kAlways,
     .shown = true,
     .stage = Stage::kPlans,
     .help = "weight of the context in the mixed key"},
    {.flag = "--separation",
     .key = "separation",
     .label = "apart",
     .field = kStart<&StartOptions::separation>,
     .range = {.least = 1},
     .applies = finds,
     .only_with = kFinding,
     .stored = Stored::kAlways,
     .stage = Stage::kPlans,
     .help = "least distance of two analogs, in states"},
    {.flag = "--pool",
     .key = "pool",
     .label = "pool",
     .field = kStart<&StartOptions::pool>,
     .range = {0, 65536},
     .applies = searches,
     .only_with = kSearching,
     .stage = Stage::kVariations,
     .help = "nearest analogs that members are assigned from; 0 = one a member"},
    {.flag = "--temperature",
     .key = "temperature",
     .label = "temperature",
     .field = kStart<&StartOptions::temperature>,
     .range = {.least = 0, .open = true},
     .applies = searches,
     .only_with = kSearching,
     .stage = Stage::kVariations,
     .help = "draw from the pool with weight exp(-distance / (temperature * mean distance)); "
             "default: each in turn"},
    {.flag = "--redi-key-step",
     .key = "redi_key_step",
     .label = "key_step",
     .field = kStart<&StartOptions::redi_key_step>,
     .applies = is_redi,
     .only_with = "--start redi",
     .stored = Stored::kWhereItApplies,
     .shown = true,
     .help = "the key is the state after so many of all steps"},
    {.flag = "--redi-neighbours",
     .key = "redi_neighbours",
     .label = "neighbours",
     .field = kStart<&StartOptions::redi_neighbours>,
     .range = {1, 64},
     .applies = is_redi,
     .only_with = "--start redi",
     .stored = Stored::kWhereItApplies,
     .shown = true,
     .help = "stored trajectories that a member combines"},
    {.flag = "--cycle",
     .key = "cycle",
     .label = "cycle",
     .field = kStart<&StartOptions::cycle>,
     .range = {.least = 1},
     .applies = is_previous,
     .only_with = "--start previous",
     .stored = Stored::kWhereItApplies,
     .shown = true,
     .help = "states between one forecast and the next"},
    {.flag = "--rolls",
     .key = "rolls",
     .label = "rolls",
     .field = kStart<&StartOptions::rolls>,
     .range = {1, 1000},
     .applies = is_previous,
     .only_with = "--start previous",
     .stored = Stored::kWhereItApplies,
     .shown = true,
     .help = "earlier cycles made, the first one from analogs"},
    {.flag = "--cold-share",
     .key = "cold_share",
     .label = "cold",
     .field = kStart<&StartOptions::cold_share>,
     .range = {0, 1},
     .applies = starts_warm,
     .only_with = "a --start that is not cold",
     .stage = Stage::kVariations,
     .help = "share of the members that start cold"},
    {.flag = "--added-noise",
     .old_flags = "--start-spread",
     .key = "added_noise",
     .old_key = "spread",
     .label = "added_noise",
     .field = kStart<&StartOptions::added_noise>,
     .range = {0, 10},
     .stage = Stage::kVariations,
     .help = "widens the start by so many standard deviations of the mean forecast's error"},
    {.flag = "--alignment",
     .key = "alignment",
     .label = "align",
     .field = kAlignmentWord,
     .applies = moves,
     .only_with = kFinding,
     .stored = Stored::kAlways,
     .shown = true,
     .stage = Stage::kPlans,
     .help = "how an analog's future is moved to today: none, offset, residual, half"},
    {.flag = "--decay",
     .key = "decay_tau",
     .label = "tau",
     .field = kStart<&StartOptions::decay_tau>,
     .range = {.least = 0},
     .applies = decays,
     .only_with = "--alignment offset or half, or --start previous",
     .stored = Stored::kAlways,
     .stage = Stage::kVariations,
     .help = "lead times after which the offset has faded to 1/e; inf = never"},
    {.flag = "--entry-sigma",
     .old_flags = "--start-sigma",
     .key = "entry_sigma",
     .label = "sigma",
     .field = kDepth<&samplers::Depth::entry_sigma>,
     .stored = Stored::kAlways,
     .group = Group::kEveryday,
     .stage = Stage::kPlans,
     .help = "skip depth: the noise level at which the chain is entered"},
    {.flag = "--skip-frac",
     .key = "skip_fraction",
     .label = "skip",
     .field = kDepth<&samplers::Depth::skip_fraction>,
     .stored = Stored::kAlways,
     .group = Group::kDepth,
     .help = "share of the steps that is not run, 0 <= f < 1"},
    {.flag = "--skip-steps",
     .key = "skip_steps",
     .label = "skip_steps",
     .field = kDepth<&samplers::Depth::skip_steps>,
     .stored = Stored::kAlways,
     .group = Group::kDepth,
     .help = "how many first steps are not run"},
    {.flag = "--sigmas",
     .key = "sigmas",
     .label = "sigmas",
     .field = kDepth<&samplers::Depth::sigmas>,
     .group = Group::kDepth,
     .stage = Stage::kLevels,
     .help = "depth and steps: the very noise levels, descending: 5,1.2,0.3"},
    {.flag = "--steps",
     .key = "steps",
     .label = "steps",
     .field = kOwn<&Setting::steps>,
     .range = {.least = 0},
     .stored = Stored::kAlways,
     .shown = true,
     .group = Group::kEveryday,
     .stage = Stage::kPlans,
     .help = "solver steps; 0 = the start itself is the forecast"},
    {.flag = "--solver",
     .key = "solver",
     .field = kSolverWord,
     .stored = Stored::kAlways,
     .shown = true,
     .group = Group::kSolver,
     .stage = Stage::kVariations,
     .help = "one of ",
     .choices = solver_names},
    {.flag = "--noise-amount",
     .key = "noise_amount",
     .label = "noise",
     .field = kOwn<&Setting::noise_amount>,
     .group = Group::kSolver,
     .stage = Stage::kVariations,
     .help = "of a stochastic solver: eta (ddim, dpmpp_2m_sde, gms), S_churn (*_churn), tau "
             "(sa_*), repeats (restart_*)"},
    {.flag = "--noise-scale",
     .key = "noise_scale",
     .label = "scale",
     .field = kOwn<&Setting::noise_scale>,
     .range = {0, 10},
     .group = Group::kSolver,
     .stage = Stage::kVariations,
     .help = "of a stochastic solver: standard deviation of its noise (S_noise)"},
    {.flag = "--spacing",
     .key = "spacing",
     .field = kSpacingWord,
     .applies = spaces,
     .only_with = "steps that --sigmas does not list",
     .group = Group::kDepth,
     .stage = Stage::kVariations,
     .help = "of the levels: karras, log, vp or cosine"},
    {.flag = "--exit-tolerance",
     .key = "exit_tolerance",
     .label = "exit",
     .field = kOwn<&Setting::exit_tolerance>,
     .range = {.least = 0},
     .group = Group::kSolver,
     .stage = Stage::kVariations,
     .help = "a member is done when its last two estimates differ by no more than this (root mean "
             "square, target units); 0 = never"},
    {.flag = "--retrieval-weight",
     .key = "retrieval_weight",
     .label = "retrieval",
     .field = kOwn<&Setting::retrieval_weight>,
     .range = {0, 4},
     .group = Group::kRetrieval,
     .stage = Stage::kVariations,
     .help = "how much a network that is conditioned on retrieved futures (adapt), or a one-step "
             "model, heeds them: 0 = not at all (the default), 1 = as in training"},
    {.flag = "--mismatched-retrieval",
     .old_flags = "--shuffled-retrieval",
     .key = "mismatched_retrieval",
     .label = "mismatched-retrieval",
     .field = kOwn<&Setting::mismatched_retrieval>,
     .applies = retrieves,
     .only_with = "--retrieval-weight or --guidance",
     .group = Group::kRetrieval,
     .help = "blind control: condition on, or guide by, what happened after another situation"},
    {.flag = "--guidance",
     .key = "guidance",
     .label = "guided",
     .field = kOwn<&Setting::guidance>,
     .range = {0, 1},
     .group = Group::kRetrieval,
     .help = "how far the chain is drawn towards a kernel density of the futures of the nearest "
             "analogs, found by --key and moved by --alignment: 0 to 1"},
    {.flag = "--guidance-bandwidth",
     .key = "guidance_bandwidth",
     .label = "bandwidth",
     .field = kOwn<&Setting::guidance_bandwidth>,
     .range = {0, 1000, true},
     .applies = guides,
     .only_with = "--guidance",
     .stored = Stored::kWhereItApplies,
     .shown = true,
     .group = Group::kRetrieval,
     .help = "standard deviation of its kernels, in target units"},
    {.flag = "--inflation",
     .key = "inflation",
     .label = "inflated",
     .field = kOwn<&Setting::inflation>,
     .range = {0, 10, true},
     .group = Group::kOutput,
     .stage = Stage::kVariations,
     .help = "calibration: factor on every member's distance from the ensemble mean; several are "
             "spread over the lead times: 0.9,1.2"},
    {.flag = "--rho",
     .key = "rho",
     .label = "rho",
     .field = kOwn<&Setting::rho>,
     .range = {1, 100},
     .applies = has_rho,
     .only_with = "--spacing karras",
     .group = Group::kDepth,
     .stage = Stage::kVariations,
     .help = "of Karras' levels; default: the task's"},
});

}  // namespace

std::span<const Knob> knobs() { return kKnobs; }

}  // namespace skipcast::engine
