#include "engine/settings/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "engine/settings/options_json.h"
#include "storage/files/file_io.h"
#include "storage/files/json_document.h"

namespace skipcast::engine {
// For nlohmann's conversions.
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ExpectedGain, over, windows, percent, low, high)

namespace {

using nlohmann::json;
constexpr int64_t kPolicyBytesMax = 1 << 20;
constexpr int64_t kPolicyVersion = 1;
constexpr int kNestingMax = 32;

Policy policy_of(const json& object) {
  Policy policy;
  object.at("name").get_to(policy.name);
  object.at("task").get_to(policy.task);
  object.at("archive_id").get_to(policy.archive_id);
  object.at("model_fingerprint").get_to(policy.model_fingerprint);
  object.at("validation_crps").get_to(policy.validation_crps);
  object.at("validation_energy").get_to(policy.validation_energy);
  object.at("mean_nfe").get_to(policy.mean_nfe);
  object.at("distance_k").get_to(policy.distance_k);
  policy.metric_fingerprint = object.value("metric_fingerprint", "");
  return policy;
}

// A policy without the key was written by hand, or by an older version.
Status check_sum(json object) {
  static const std::set<std::string> kKeys = {"format",
                                              "version",
                                              "name",
                                              "task",
                                              "archive_id",
                                              "model_fingerprint",
                                              "validation_crps",
                                              "validation_energy",
                                              "mean_nfe",
                                              "distance_k",
                                              "distance_key",
                                              "distance_mix",
                                              "bins",
                                              "measure",
                                              "depth",
                                              "copies",
                                              "metric_fingerprint",
                                              "expected_gain",
                                              "crc32c"};
  for (const auto& [key, value] : object.items()) {
    if (!kKeys.contains(key)) return bad_input(fmt::format("has an unknown key '{}'", key));
  }
  if (!object.contains("crc32c")) return {};
  const json sum = object["crc32c"];
  object.erase("crc32c");
  if (sum == storage::json_checksum(object)) return {};
  return bad_input(
      "was changed since it was written (its checksum does not match): run skipcast "
      "tune again, or delete the key crc32c if you edited it by hand");
}

Status check(const Policy& policy) {
  if (policy.bins.empty()) return bad_input("a policy needs at least one bin");
  if (policy.distance_k < 1) return bad_input("distance_k must be at least 1");
  double last = -std::numeric_limits<double>::infinity();
  for (const PolicyBin& bin : policy.bins) {
    if (!(bin.distance_max > last)) return bad_input("the bins' distance_max must increase");
    last = bin.distance_max;
  }
  if (std::isfinite(last)) return bad_input("the last bin's distance_max must be null (infinity)");
  return {};
}

}  // namespace

bool is_fixed(const Policy& policy) { return policy.bins.size() < 2 && !policy.depth.on(); }

ForecastOptions distance_options(const Policy& policy, const ForecastRequest& request) {
  const StartOptions nearest = {
      .kind = StartKind::kAnalog, .key = policy.distance_key, .key_mix = policy.distance_mix};
  ForecastOptions options = {{.start = nearest}, request};
  options.members = policy.distance_k;
  return options;
}

ForecastOptions choose(const Policy& policy, double measured, const ForecastRequest& request) {
  SKIPCAST_CHECK(!policy.bins.empty());
  const PolicyBin* chosen = &policy.bins.back();
  for (const PolicyBin& bin : policy.bins) {
    if (measured <= bin.distance_max) {
      chosen = &bin;
      break;
    }
  }
  return {policy.depth.apply(chosen->options, measured), request};
}

bool uses_metric(const Policy& policy) {
  const auto learned = [](const PolicyBin& bin) {
    return bin.options.start.key == KeyKind::kMetric;
  };
  return policy.distance_key == KeyKind::kMetric ||
         std::any_of(policy.bins.begin(), policy.bins.end(), learned);
}

std::string to_json(const Policy& policy) {
  json bins = json::array();
  for (const PolicyBin& bin : policy.bins) {
    json each = {{"options", options_json(bin.options)}, {"distance_max", nullptr}};
    if (std::isfinite(bin.distance_max)) each["distance_max"] = bin.distance_max;
    bins.push_back(std::move(each));
  }
  json all = {{"format", "skipcast policy"},
              {"version", kPolicyVersion},
              {"name", policy.name},
              {"task", policy.task},
              {"archive_id", policy.archive_id},
              {"model_fingerprint", policy.model_fingerprint},
              {"validation_crps", policy.validation_crps},
              {"validation_energy", policy.validation_energy},
              {"mean_nfe", policy.mean_nfe},
              {"distance_k", policy.distance_k},
              {"distance_key", word(policy.distance_key)},
              {"distance_mix", policy.distance_mix},
              {"bins", std::move(bins)}};
  if (policy.measure != Measure::kDistance) all["measure"] = word(policy.measure);
  if (!policy.copies.empty()) all["copies"] = policy.copies;
  if (uses_metric(policy)) all["metric_fingerprint"] = policy.metric_fingerprint;
  if (policy.depth.on()) all["depth"] = rule_json(policy.depth);
  if (policy.expected.windows > 0) all["expected_gain"] = policy.expected;
  all["crc32c"] = storage::json_checksum(all);
  return all.dump(2) + "\n";
}

Result<Policy> policy_from_json(std::string_view text) {
  if (storage::json_depth(text) > kNestingMax) return bad_input("is nested too deeply");
  try {
    const json object = json::parse(text);
    if (object.at("format") != "skipcast policy") return bad_input("is not a skipcast policy");
    if (object.at("version").get<int64_t>() > kPolicyVersion) {
      return Status(Code::kUnsupported, "comes from a newer skipcast: update this one");
    }
    SKIPCAST_TRY_OK(check_sum(object));
    Policy policy = policy_of(object);
    policy.distance_key = read_key(object.at("distance_key").get<std::string>());
    object.at("distance_mix").get_to(policy.distance_mix);
    if (object.contains("measure")) {
      SKIPCAST_TRY(policy.measure, measure_from(object["measure"].get<std::string>()));
    }
    if (object.contains("copies")) object["copies"].get_to(policy.copies);
    if (object.contains("expected_gain")) object["expected_gain"].get_to(policy.expected);
    if (object.contains("depth")) {
      SKIPCAST_TRY(policy.depth, rule_from_json(object["depth"]));
    }
    for (const json& each : object.at("bins")) {
      PolicyBin bin = {.distance_max = std::numeric_limits<double>::infinity()};
      if (!each.at("distance_max").is_null()) each.at("distance_max").get_to(bin.distance_max);
      SKIPCAST_TRY(bin.options, options_from_json(each.at("options")));
      policy.bins.push_back(bin);
    }
    SKIPCAST_TRY_OK(check(policy));
    return policy;
  } catch (const json::exception& error) {
    return bad_input(fmt::format("cannot be read as a policy: {}", error.what()));
  }
}

Status save(const Policy& policy, const std::string& path) {
  std::error_code ignored;  // the write names the folder when it is missing
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  return storage::write_file_durably(path, to_json(policy));
}

Result<Policy> read_policy(const std::string& path) {
  SKIPCAST_TRY(const std::string text, storage::read_file(path, kPolicyBytesMax));
  Result<Policy> policy = policy_from_json(text);
  if (policy.ok()) return policy;
  return Status(policy.status().code(), fmt::format("{}: {}", path, policy.status().message()));
}

}  // namespace skipcast::engine
