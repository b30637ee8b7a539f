// Retrieval as archives grow: each index kind at one size, queries that all, 10 %, 1 % and 0.1 % of
// the rows are allowed for (one old range, or ranges scattered over the archive), as the planner
// searches and as either alternative would; and a search beside a tail of 10,000 windows.
//   scale_bench --rows 100000 --dimension 64 --kinds flat,hnsw,ivfpq --out FILE.json
// Large sizes take minutes to build: the default is small. Recall is against the exact scan.

// With LibTorch the wheel's fmt headers come first, and their library is in engine only.
#define FMT_HEADER_ONLY

#include <cmath>
#include <cstdlib>
#include <map>
#include <random>
#include <sstream>

#include "bench/pairs.h"
#include "retrieval/search/search_planner.h"

namespace skipcast::bench {
namespace {

using namespace skipcast::retrieval;

constexpr int64_t kNeighbours = 16;
constexpr int64_t kQueries = 200;
constexpr int64_t kBand = 24;  // T_in + T_out: windows that overlap the query's are forbidden
constexpr int64_t kTail = 10000;
constexpr int64_t kScattered = 32;        // ranges
constexpr int64_t kForcedBeamMax = 5000;  // wider ones take seconds a query: not run
constexpr HnswOptions kHnsw = {16, 64, 64};

// Measured on the 35,037 context keys (12 h of PM2.5 at 12 stations, 64 components) of the Beijing
// archive: component j has a variance of about j^-1.76 (least squares, j = 2..64) and correlates
// with its next state by 0.997, 0.98, 0.92, 0.75 at j = 1, 5, 16, 41.
constexpr double kSpectrumExponent = 1.76;
double next_correlation(int64_t j) {
  return std::max(0.0, 1 - 0.003 * std::pow(static_cast<double>(j), 1.19));
}

struct Settings {
  int64_t rows = 20000, dimension = 64;
  std::vector<std::string> kinds = {"flat", "hnsw", "ivfpq"};
  std::string out;
};

// A Gaussian path with that spectrum.
std::vector<float> path_rows(int64_t rows, int64_t dimension) {
  std::mt19937_64 random(7);
  std::normal_distribution<float> normal;
  std::vector<float> state, keep, step;
  for (int64_t j = 1; j <= dimension; ++j) {
    const double scale = std::pow(static_cast<double>(j), -kSpectrumExponent / 2);
    const double phi = next_correlation(j);
    keep.push_back(static_cast<float>(phi));
    step.push_back(static_cast<float>(scale * std::sqrt(1 - phi * phi)));
    state.push_back(static_cast<float>(scale) * normal(random));
  }
  std::vector<float> out;
  out.reserve(static_cast<size_t>(rows * dimension));
  for (int64_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < state.size(); ++j) {
      state[j] = keep[j] * state[j] + step[j] * normal(random);
      out.push_back(state[j]);
    }
  }
  return out;
}

// Rows to index, then those of the tail.
struct Data {
  int64_t rows, dimension;
  std::vector<int64_t> ids;
  std::vector<float> values;

  std::span<const float> query(int64_t i) const {  // among the last tenth, as operation asks
    return std::span(values).subspan(static_cast<size_t>(origin(i) * dimension),
                                     static_cast<size_t>(dimension));
  }
  int64_t origin(int64_t i) const { return rows - 1 - i * 7919 % (rows / 10); }
};

std::unique_ptr<VectorIndex> build(const Data& data, const std::string& kind) {
  auto index = kind == "hnsw"    ? make_hnsw_index(data.dimension, kHnsw)
               : kind == "ivfpq" ? make_ivfpq_index(data.dimension)
                                 : make_flat_index(data.dimension);
  index->reserve(data.rows);
  constexpr int64_t kBatch = 4096;
  for (int64_t at = 0; at < data.rows; at += kBatch) {
    const auto count = static_cast<size_t>(std::min(kBatch, data.rows - at));
    const auto width = static_cast<size_t>(data.dimension), first = static_cast<size_t>(at);
    const Status added = index->add(std::span(data.ids).subspan(first, count),
                                    std::span(data.values).subspan(first * width, count * width));
    if (!added.ok()) std::abort();
  }
  return index;
}

int64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  int64_t pages = 0;
  file >> pages >> pages;
  return pages * 4096;
}

// What a query may use: a share of the rows before it.
std::vector<Interval> allowed_rows(int64_t end, double share, bool scattered) {
  if (share >= 1) return {{0, end}};
  const auto total = static_cast<int64_t>(share * static_cast<double>(end));
  if (!scattered) return {{end / 5, end / 5 + total}};
  std::vector<Interval> ranges;
  for (int64_t i = 0; i < kScattered; ++i) {
    const int64_t begin = i * end / kScattered;
    ranges.push_back({begin, begin + std::max<int64_t>(1, total / kScattered)});
  }
  return ranges;
}

struct Timed {
  double recall = 0, median_us = 0, p99_us = 0;
  std::string method;
};

using Search = std::function<std::vector<Neighbour>(int64_t i, std::span<const Interval> allowed)>;

Timed time_searches(const Data& data, const VectorIndex& index, double share, bool scattered,
                    const Search& search) {
  std::vector<double> us;
  Timed timed;
  for (int64_t i = 0; i < kQueries; ++i) {
    const auto allowed = allowed_rows(data.origin(i) - kBand + 1, share, scattered);
    std::vector<Neighbour> found;
    us.push_back(1e6 * seconds_of([&] { found = search(i, allowed); }));
    const auto expected = index.search_exact(data.query(i), kNeighbours, allowed).value();
    double hits = 0;
    for (const Neighbour& neighbour : found) {
      hits += std::count(expected.begin(), expected.end(), neighbour) > 0;
    }
    timed.recall += hits / static_cast<double>(expected.size()) / kQueries;
  }
  std::sort(us.begin(), us.end());
  timed.median_us = us[us.size() / 2];
  timed.p99_us = us[us.size() * 99 / 100];
  return timed;
}

nlohmann::json to_json(const Timed& timed) {
  return {{"recall", timed.recall}, {"median_us", timed.median_us}, {"p99_us", timed.p99_us}};
}

// One line of the table: planned, exact, approximate.
nlohmann::json measure(const Data& data, const VectorIndex& index, double share, bool scattered) {
  std::map<std::string, int64_t> methods;
  const Timed planned = time_searches(data, index, share, scattered, [&](int64_t i, auto allowed) {
    auto found = plan_search({index, {}}, {data.query(i), allowed, 2 * kBand}, {kNeighbours});
    ++methods[found.value().plan.method];
    return std::move(found).value().analogs;
  });
  const Timed exact = time_searches(data, index, share, scattered, [&](int64_t i, auto allowed) {
    return index.search_exact(data.query(i), kNeighbours, allowed).value();
  });
  const auto beam_for = [&](std::span<const Interval> allowed) {
    return index.approach({kNeighbours, total_length(allowed), 2 * kBand}).beam;
  };
  Timed forced;
  if (beam_for(allowed_rows(data.rows, share, scattered)) <= kForcedBeamMax) {
    forced = time_searches(data, index, share, scattered, [&](int64_t i, auto allowed) {
      return index.search(data.query(i), kNeighbours, allowed, beam_for(allowed)).value();
    });
  }
  std::string method;
  for (const auto& [name, count] : methods) method += (method.empty() ? "" : "+") + name;
  fmt::print(
      "{:>9} {:<6}{:>7.3g} % {:<10}{:<9} recall {:.4f} median {:>8.1f} p99 {:>8.1f} us |"
      " exact {:>8.1f} | ann {:.4f} {:>8.1f}\n",
      data.rows, index.kind(), 100 * share, scattered ? "scattered" : "range", method,
      planned.recall, planned.median_us, planned.p99_us, exact.median_us, forced.recall,
      forced.median_us);
  std::fflush(stdout);
  return {{"share", share},          {"scattered", scattered},
          {"method", method},        {"planned", to_json(planned)},
          {"exact", to_json(exact)}, {"ann", to_json(forced)}};
}

// The same searches beside a tail and without it, in turns.
nlohmann::json measure_tail(const Data& data, const VectorIndex& index) {
  StoredRows tail(data.dimension);
  const auto first = static_cast<size_t>(data.rows), width = static_cast<size_t>(data.dimension);
  const Status added =
      tail.add(std::span(data.ids).subspan(first), std::span(data.values).subspan(first * width));
  if (!added.ok()) std::abort();
  const auto seconds = [&](const RowsView& view) {
    return seconds_of([&] {
      for (int64_t i = 0; i < 50; ++i) {
        const std::vector<Interval> allowed = {{0, data.rows}};
        const std::vector<Interval> late = {{data.rows, data.rows + kTail}};
        const PlannedQuery query{data.query(i), allowed, 0, late};
        if (!plan_search({index, view}, query, {kNeighbours}).ok()) std::abort();
      }
    });
  };
  const RowsView view = tail.view();
  const Medians medians = interleaved(
      15, [&] { return seconds(view); }, [&] { return seconds({}); });
  fmt::print("{:>9} {:<6} with a tail of {} {:.1f} us, without {:.1f} us: {:.3f}\n", data.rows,
             index.kind(), kTail, medians.ours_s / 50 * 1e6, medians.raw_s / 50 * 1e6,
             medians.ours_s / medians.raw_s);
  return {{"with_us", medians.ours_s / 50 * 1e6},
          {"without_us", medians.raw_s / 50 * 1e6},
          {"ratio", medians.ours_s / medians.raw_s}};
}

nlohmann::json measure_kind(const Data& data, const std::string& kind) {
  std::unique_ptr<VectorIndex> index;
  const int64_t before = resident_bytes();
  const double build_s = seconds_of([&] { index = build(data, kind); });
  const int64_t bytes = resident_bytes() - before;
  fmt::print("{:>9} {:<6} built in {:.1f} s, {} MiB\n", data.rows, kind, build_s, bytes >> 20);
  nlohmann::json lines = nlohmann::json::array();
  for (const double share : {1.0, 0.1, 0.01, 0.001}) {
    for (const bool scattered : {false, true}) {
      if (share < 1 || !scattered) lines.push_back(measure(data, *index, share, scattered));
    }
  }
  return {{"kind", kind},   {"rows", data.rows}, {"build_s", build_s},
          {"bytes", bytes}, {"searches", lines}, {"tail", measure_tail(data, *index)}};
}

Settings settings_of(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i], value = argv[i + 1];
    if (name == "--rows") settings.rows = std::atoll(value.c_str());
    if (name == "--dimension") settings.dimension = std::atoll(value.c_str());
    if (name == "--out") settings.out = value;
    if (name != "--kinds") continue;
    settings.kinds.clear();
    std::istringstream words(value);
    for (std::string kind; std::getline(words, kind, ',');) settings.kinds.push_back(kind);
  }
  return settings;
}

}  // namespace
}  // namespace skipcast::bench

int main(int argc, char** argv) {
  using namespace skipcast::bench;
  const Settings settings = settings_of(argc, argv);
  if (settings.rows < 1000 || settings.dimension < 1) return 2;
  Data data{
      settings.rows, settings.dimension, {}, path_rows(settings.rows + kTail, settings.dimension)};
  for (int64_t i = 0; i < settings.rows + kTail; ++i) data.ids.push_back(i);
  nlohmann::json kinds = nlohmann::json::array();
  std::vector<Pair> pairs;
  for (const std::string& kind : settings.kinds) {
    kinds.push_back(measure_kind(data, kind));
    const auto& tail = kinds.back()["tail"];
    pairs.push_back({kind + " search with a tail of 10,000", tail["with_us"], tail["without_us"],
                     "us/query", tail["ratio"], "none", true});
  }
  if (settings.out.empty()) return 0;
  const int written = report(pairs, settings.out);  // what tools/bench_report reads
  nlohmann::json all = nlohmann::json::parse(std::ifstream(settings.out));
  all["scale"] = kinds;
  std::ofstream(settings.out) << all.dump(1) << '\n';
  return written;
}
