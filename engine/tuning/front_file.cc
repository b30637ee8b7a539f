#include "engine/tuning/front_file.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <fstream>
#include <map>
#include <string_view>

#include "engine/forecast/start_table.h"
#include "engine/tuning/policy_fit.h"

namespace skipcast::engine {
namespace {

std::vector<std::string> cells_of(std::string_view line) {
  std::vector<std::string> cells;
  for (size_t begin = 0;;) {
    const size_t comma = line.find(',', begin);
    cells.emplace_back(line.substr(begin, comma - begin));
    if (comma == std::string_view::npos) return cells;
    begin = comma + 1;
  }
}

// One row by the header's names.
class Row {
 public:
  Row(const std::map<std::string, size_t>& columns, std::vector<std::string> cells)
      : columns_(columns), cells_(std::move(cells)) {}

  // "" for columns that are not there: older files have fewer.
  std::string text(const char* name) const {
    const auto at = columns_.find(name);
    return at == columns_.end() || at->second >= cells_.size() ? "" : cells_[at->second];
  }
  // Remembers the first column that holds no number.
  double number(const char* name) {
    const std::string cell = text(name);
    double value = 0;
    const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
    const bool good = error == std::errc() && end == cell.data() + cell.size();
    if (good && std::isfinite(value)) return value;
    if (wrong_.empty()) wrong_ = fmt::format("{} is '{}', not a number", name, cell);
    return 0;
  }
  const std::string& wrong() const { return wrong_; }

 private:
  const std::map<std::string, size_t>& columns_;
  std::vector<std::string> cells_;
  std::string wrong_;
};

std::string start_text(const Row& row) {
  std::string text = row.text("start");
  for (const auto& [column, word] : {std::pair{"key", "key"},
                                     {"key_mix", "mix"},
                                     {"alignment", "align"},
                                     {"entry_sigma", "sigma"}}) {
    const std::string value = row.text(column);
    if (!value.empty()) text += fmt::format(" {}={}", word, value);
  }
  return row.text("nfe") == "0" ? text + ", no chain" : text + " " + row.text("solver");
}

FrontTrial front_trial(Row& row) {
  FrontTrial trial;
  trial.nfe = row.number("nfe_with_shared");
  trial.seconds_per_query = row.number("seconds");
  trial.crps = row.number("crps");
  trial.spread_skill = row.number("spread_skill");
  trial.windows = static_cast<int64_t>(row.number("windows"));
  trial.on_front = row.text("on_front") == "1";
  trial.cold = row.text("start") == "cold";
  trial.control = row.text("control") == "1";
  trial.start = start_text(row);
  return trial;
}

}  // namespace

std::string front_csv(const std::vector<Trial>& trials, int64_t members) {
  std::string text =
      "nfe,nfe_shared,nfe_with_shared,seconds,crps,energy,variogram,spread_skill,start,key,"
      "key_mix,separation,alignment,decay_tau,entry_sigma,solver,windows,on_front,control,"
      "setting\n";
  for (const Trial& trial : trials) {
    const Setting& options = trial.options;
    const StartOptions& start = options.start;
    const bool analog = is_retrieved(start.kind), past = has_analogs(start.kind);
    text += fmt::format(
        "{:g},{:g},{:.4g},{:.6g},{:.6g},{:.6g},{:.6g},{:.4g},{},{},{},{},{},{},{},{},{},{:d},{:d},"
        "{}\n",
        trial.nfe, trial.nfe_shared, cost(trial, members), trial.seconds_per_query, trial.crps,
        trial.energy, trial.variogram, trial.spread_skill, word(start.kind),
        analog ? word(start.key) : "",
        analog && start.key == KeyKind::kMixed ? fmt::format("{:g}", start.key_mix) : "",
        analog ? fmt::format("{}", start.separation) : "", past ? word(start.alignment) : "",
        past ? fmt::format("{:g}", start.decay_tau) : "",
        options.depth.entry_sigma ? fmt::format("{:.6g}", *options.depth.entry_sigma) : "",
        options.solver, trial.windows, trial.on_front, is_control(options), describe(options));
  }
  return text;
}

Result<std::vector<FrontTrial>> read_front(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return not_found(fmt::format("{}: no such file", path));
  std::string line;
  std::getline(in, line);
  std::map<std::string, size_t> columns;
  const std::vector<std::string> names = cells_of(line);
  for (size_t i = 0; i < names.size(); ++i) columns[names[i]] = i;
  std::vector<FrontTrial> trials;
  for (int64_t number = 2; std::getline(in, line); ++number) {
    Row row(columns, cells_of(line));
    trials.push_back(front_trial(row));
    if (row.wrong().empty()) continue;
    return bad_input(fmt::format("{}, line {}: {}; skipcast tune writes the file anew", path,
                                 number, row.wrong()));
  }
  return trials;
}

}  // namespace skipcast::engine
