// Pairs of measurements, ours beside the raw library's, as every bench of skipcast reports them.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace skipcast::bench {

struct Pair {
  std::string name;
  double ours = 0, raw = 0;
  std::string unit;
  double ratio = 0;
  std::string target;
  bool met = false;
};

inline double seconds_of(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Runs ours and raw in turns (each first every other time), so that a slow minute of the machine
// hits both; returns the medians of their seconds.
struct Medians {
  double ours_s = 0, raw_s = 0;
};
inline Medians interleaved(int repetitions, const std::function<double()>& ours,
                           const std::function<double()>& raw) {
  std::vector<double> ours_s, raw_s;
  for (int i = 0; i < repetitions; ++i) {
    if (i % 2 == 0) ours_s.push_back(ours());
    raw_s.push_back(raw());
    if (i % 2 == 1) ours_s.push_back(ours());
  }
  return {median(ours_s), median(raw_s)};
}

// Milliseconds of both, met when ours takes no more than `target` times the raw one's.
inline Pair paired(const std::string& name, const Medians& medians, double target) {
  const double ratio = medians.ours_s / medians.raw_s;
  return {name,  medians.ours_s * 1e3,           medians.raw_s * 1e3, "ms",
          ratio, fmt::format("<= {:g}", target), ratio <= target};
}

// `--out FILE.json` from the command line, or "".
inline std::string out_file(int argc, char** argv) {
  for (int i = 1; i + 1 < argc; ++i) {
    if (std::string(argv[i]) == "--out") return argv[i + 1];
  }
  return "";
}

// Prints the table and writes {"pairs": [...]} to `path` (unless empty). Returns main's status.
inline int report(const std::vector<Pair>& pairs, const std::string& path) {
  nlohmann::json list = nlohmann::json::array();
  fmt::print("{:<58}{:>12}{:>12} {:<10}{:>7}  {:<16}{}\n", "pair", "ours", "raw", "unit", "ratio",
             "target", "met");
  for (const Pair& pair : pairs) {
    fmt::print("{:<58}{:>12.4g}{:>12.4g} {:<10}{:>7.3f}  {:<16}{}\n", pair.name, pair.ours,
               pair.raw, pair.unit, pair.ratio, pair.target, pair.met ? "yes" : "NO");
    list.push_back({{"name", pair.name},
                    {"ours", pair.ours},
                    {"raw", pair.raw},
                    {"unit", pair.unit},
                    {"ratio", pair.ratio},
                    {"target", pair.target},
                    {"met", pair.met}});
  }
  if (path.empty()) return 0;
  std::ofstream file(path);
  file << nlohmann::json{{"pairs", list}}.dump(1) << '\n';
  return file.good() ? 0 : 1;
}

}  // namespace skipcast::bench
