#include "engine/tuning/trial_log.h"

#include <fmt/format.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <sstream>

#include "engine/forecast/network_choice.h"
#include "engine/settings/options_json.h"
#include "storage/files/file_io.h"
#include "storage/files/json_document.h"

namespace skipcast::engine {
namespace {

using nlohmann::json;
constexpr int kNestingMax = 64;  // printing recurses that deep
constexpr int64_t kLogBytesMax = int64_t{1} << 30;

json contributions_json(const std::vector<Contribution>& contributions) {
  json sums = json::array(), weights = json::array();
  for (const Contribution& each : contributions) {
    sums.push_back(each.sum);
    weights.push_back(each.weight);
  }
  return {{"sums", std::move(sums)}, {"weights", std::move(weights)}};
}

json result_json(const Trial& trial) {
  json origins = json::array();
  for (const Contribution& each : trial.crps_by_query) origins.push_back(each.origin);
  return {{"crps", trial.crps},
          {"energy", trial.energy},
          {"variogram", trial.variogram},
          {"spread_skill", trial.spread_skill},
          {"score", trial.score},
          {"nfe", trial.nfe},
          {"nfe_shared", trial.nfe_shared},
          {"seconds_per_query", trial.seconds_per_query},
          {"lead_spread_skill", trial.lead_spread_skill},
          {"origins", std::move(origins)},
          {"crps_by_query", contributions_json(trial.crps_by_query)},
          {"score_by_query", contributions_json(trial.score_by_query)}};
}

double number(const json& value) {
  return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
}

std::vector<Contribution> contributions_from(const json& origins, const json& object) {
  std::vector<Contribution> contributions;
  const json &sums = object.at("sums"), &weights = object.at("weights");
  for (size_t i = 0; i < origins.size(); ++i) {
    contributions.push_back(
        {origins.at(i).get<int64_t>(), number(sums.at(i)), number(weights.at(i))});
  }
  return contributions;
}

// The same for lines that hold equal values, by whatever words an older version wrote them.
std::string key_of(json line_setting, const Setting& options) {
  line_setting["options"] = identity(options);
  return line_setting.dump();
}

Trial trial_from(const json& line, const Setting& options) {
  Trial trial = {.options = options};
  line.at("setting").at("windows").get_to(trial.windows);
  if (line.at("setting").value("role", "") == word(WindowRole::kConfirming)) {
    trial.role = WindowRole::kConfirming;
  }
  const json& result = line.at("result");
  trial.crps = number(result.at("crps"));
  trial.energy = number(result.at("energy"));
  trial.variogram = number(result.at("variogram"));
  trial.spread_skill = number(result.at("spread_skill"));
  trial.score = number(result.at("score"));
  trial.nfe = number(result.at("nfe"));
  trial.nfe_shared = number(result.at("nfe_shared"));
  trial.seconds_per_query = number(result.at("seconds_per_query"));
  if (result.contains("lead_spread_skill")) {
    for (const json& ratio : result["lead_spread_skill"]) {
      trial.lead_spread_skill.push_back(number(ratio));
    }
  }
  trial.crps_by_query = contributions_from(result.at("origins"), result.at("crps_by_query"));
  trial.score_by_query = contributions_from(result.at("origins"), result.at("score_by_query"));
  return trial;
}

std::vector<Setting> settings_from(const json& list) {
  std::vector<Setting> settings;
  for (const json& each : list) {
    const Result<Setting> options = options_from_json(each);
    if (options.ok()) settings.push_back(*options);
  }
  return settings;
}

}  // namespace

TrialLog::TrialLog(std::string path, TrialContext context)
    : path_(std::move(path)), context_(std::move(context)) {}

Result<std::unique_ptr<TrialLog>> TrialLog::open(const std::string& path,
                                                 const TrialContext& context) {
  std::unique_ptr<TrialLog> log(new TrialLog(path, context));
  SKIPCAST_TRY_OK(log->read_lines());
  log->file_.reset(std::fopen(path.c_str(), "a"));
  if (!log->file_) return storage::system_error("open", path, errno);
  return log;
}

Status TrialLog::read_lines() {
  Result<std::string> text = storage::read_file(path_, kLogBytesMax);
  if (text.status().code() == Code::kNotFound) return {};
  SKIPCAST_TRY_OK(text.status());
  if (!text->empty() && !text->ends_with('\n')) {
    // The last line was cut short: take it off, so that the next one stands alone.
    text->erase(text->rfind('\n') == std::string::npos ? 0 : text->rfind('\n') + 1);
    SKIPCAST_TRY_OK(storage::write_file_durably(path_, *text));
  }
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    if (storage::json_depth(line) > kNestingMax) continue;
    const json parsed = json::parse(line, nullptr, false);
    if (!parsed.is_object() || !parsed.contains("setting")) continue;
    try {
      const json& setting = parsed.at("setting");
      const Result<Setting> options = options_from_json(setting.at("options"));
      if (!options.ok()) continue;
      const std::string key = key_of(setting, *options);
      if (parsed.contains("found")) {
        found_[key] = settings_from(parsed.at("found"));
      } else {
        trials_[key] = trial_from(parsed, *options);
      }
    } catch (const json::exception&) {
      continue;  // another version's line: tried again
    }
  }
  return {};
}

json TrialLog::setting_of(const Setting& options, int64_t windows, WindowRole role) const {
  json setting = {{"options", options_json(options)},
                  {"windows", windows},
                  {"role", word(role)},
                  {"members", context_.members},
                  {"seed", fmt::format("{}", context_.seed)},
                  {"archive_mode", word(context_.archive)},
                  {"objective", context_.objective},
                  {"archive_id", context_.archive_id},
                  {"model_fingerprint", context_.model_fingerprint}};
  const CopyKind* kind = copy_for(options);
  const auto copy = kind != nullptr ? context_.copies.find(kind->name) : context_.copies.end();
  if (copy != context_.copies.end()) setting["copy"] = copy->second;
  if (options.start.key == KeyKind::kMetric) {
    setting["metric_fingerprint"] = context_.metric_fingerprint;
  }
  return setting;
}

std::optional<Trial> TrialLog::find(const Setting& options, int64_t windows,
                                    WindowRole role) const {
  const auto at = trials_.find(key_of(setting_of(options, windows, role), options));
  if (at == trials_.end()) return std::nullopt;
  return at->second;
}

Status TrialLog::add(const Trial& trial) {
  const json setting = setting_of(trial.options, trial.windows, trial.role);
  SKIPCAST_TRY_OK(append(fmt::format("{{\"setting\":{},\"result\":{}}}\n", setting.dump(),
                                     result_json(trial).dump())));
  trials_[key_of(setting, trial.options)] = trial;
  return {};
}

std::optional<std::vector<Setting>> TrialLog::found_from(const Setting& base) const {
  const auto at = found_.find(key_of(setting_of(base, 0, WindowRole::kChoosing), base));
  if (at == found_.end()) return std::nullopt;
  return at->second;
}

Status TrialLog::add_found(const Setting& base, const std::vector<Setting>& found) {
  const json setting = setting_of(base, 0, WindowRole::kChoosing);
  json list = json::array();
  for (const Setting& options : found) list.push_back(options_json(options));
  SKIPCAST_TRY_OK(
      append(fmt::format("{{\"setting\":{},\"found\":{}}}\n", setting.dump(), list.dump())));
  found_[key_of(setting, base)] = found;
  return {};
}

Status TrialLog::append(const std::string& line) {
  const bool written = std::fwrite(line.data(), 1, line.size(), file_.get()) == line.size() &&
                       std::fflush(file_.get()) == 0;
  return written ? Status() : storage::system_error("write", path_, errno);
}

}  // namespace skipcast::engine
