// A city so small that it ingests, trains and forecasts in seconds: three stations, hourly, sixty
// days, as a long CSV and the recipe that reads it. Generated, so nothing binary is kept.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "storage/schema/time_axis.h"
#include "tests/support/program.h"
#include "tests/support/synthetic_series.h"

namespace skipcast::tests {

inline constexpr int64_t kCityStart_s = 1577836800;  // 2020-01-01
inline constexpr int64_t kCityStates = 1440;
inline const char* const kCityStations[] = {"North", "South", "Harbour"};

// Rows of states first..first+count-1: "2020-01-01T05:00:00Z,North,12.34".
inline std::string city_rows(int64_t first, int64_t count) {
  const std::vector<float> values = synthetic_values({.states = first + count, .places = 3});
  std::string text;
  for (int64_t t = first; t < first + count; ++t) {
    for (int64_t p = 0; p < 3; ++p) {
      char row[96];
      const float value = values[static_cast<size_t>(t * 3 + p)];
      std::snprintf(row, sizeof row, "%s,%s,%.4f\n",
                    storage::format_time(kCityStart_s + t * 3600).c_str(), kCityStations[p], value);
      text += row;
    }
  }
  return text;
}

inline void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

inline std::string city_csv(const std::string& rows) { return "time,station,soot\n" + rows; }

inline std::string city_recipe() {
  return R"({"title": "Tiny city", "format": "csv", "layout": "long", "files": ["city.csv"],
 "time": {"column": "time", "step": "1 h"},
 "places": {"column": "station", "names": ["North", "South", "Harbour"]},
 "variables": [{"name": "soot", "units": "ug m-3", "long_name": "black carbon"}],
 "gap_states_max": 48,
 "tasks": [{"name": "tiny-6", "variables": ["soot"], "context_states": 6, "future_states": 6,
   "network": {"width": 16, "context_blocks": 1, "blocks": 1, "heads": 2},
   "training": {"minutes": 0, "steps_max": 40, "batch": 16, "warmup_steps": 5,
                "validation_windows": 8, "validations": 2}}]}
)";
}

// A folder with city.csv, recipe.json and the archive city.skc made from them.
struct TinyCity {
  explicit TinyCity(const std::string& where) : folder(where) {
    write_file(folder + "/city.csv", city_csv(city_rows(0, kCityStates)));
    write_file(folder + "/recipe.json", city_recipe());
  }

  // Runs the program in the folder: skipcast <words>.
  ProgramRun skipcast(std::vector<std::string> words, ProgramOptions options = {}) const {
    words.insert(words.begin(), SKIPCAST_PROGRAM);
    options.folder = folder;
    return run_program(words, options);
  }
  ProgramRun ingest() const {
    return skipcast({"ingest", "city.skc", "--recipe", "recipe.json", "city.csv"});
  }
  ProgramRun train() const {
    return skipcast({"train", "city.skc", "--task", "tiny-6", "--threads", "1"});
  }

  std::string folder;
};

}  // namespace skipcast::tests
