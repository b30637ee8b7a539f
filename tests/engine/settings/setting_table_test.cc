// The table of knobs, and what is made from its rows.
#include "engine/settings/setting_table.h"

#include <doctest/doctest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "engine/settings/options_json.h"

using namespace skipcast;
using engine::Setting;
using engine::StartKind;
using nlohmann::json;

namespace {

std::string refusal(const json& object) {
  const auto read = engine::options_from_json(object);
  REQUIRE_FALSE(read.ok());
  return read.status().message();
}

bool says(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

// As the version before the table wrote it.
json old_json() {
  return json::parse(R"({"alignment": "residual", "decay_tau": null, "entry_sigma": 3.0,
    "key": "forecast", "key_mix": 0.5, "separation": 6, "skip_fraction": null, "skip_steps": null,
    "solver": "unipc_2", "start": "analog", "steps": 3})");
}

}  // namespace

TEST_CASE("Settings: every knob has a flag, a key and help of its own") {
  std::set<std::string_view> flags, keys;
  for (const engine::Knob& knob : engine::knobs()) {
    CHECK(flags.insert(knob.flag).second);
    CHECK(keys.insert(knob.key).second);
    CHECK(knob.flag.starts_with("--"));
    CHECK_FALSE(knob.help.empty());
    CHECK((knob.applies == nullptr) == knob.only_with.empty());
    CHECK(engine::is_default(knob, {}));
  }
  CHECK(check(Setting()).ok());
}

TEST_CASE("Settings: JSON of older files is read, and written again as it was") {
  const auto read = engine::options_from_json(old_json());
  REQUIRE_MESSAGE(read.ok(), read.status().message());
  CHECK(read->depth.entry_sigma == 3);
  CHECK(read->start.separation == 6);
  CHECK(read->start.decay_tau == std::numeric_limits<double>::infinity());
  CHECK(engine::options_json(*read) == old_json());
  json worded = old_json();
  worded["spread"] = 0.5;
  worded["start"] = "shuffled";
  worded["key"] = "learned";
  const auto old = engine::options_from_json(worded);
  REQUIRE(old.ok());
  CHECK(old->start.added_noise == 0.5);
  CHECK((old->start.kind == StartKind::kMismatched));
  CHECK((old->start.key == engine::KeyKind::kMetric));
}

TEST_CASE("Settings: JSON keeps every value exactly") {
  Setting setting = {.start = {.kind = StartKind::kPrevious, .decay_tau = 1.0 / 3, .cycle = 2},
                     .depth = {.sigmas = {5, 1.0 / 7}},
                     .steps = 2,
                     .noise_scale = 0.1 + 0.2,
                     .spacing = samplers::Spacing::kVp,
                     .guidance = 0.3,
                     .inflation = {0.9, 1.1}};
  const auto back = engine::options_from_json(engine::options_json(setting));
  REQUIRE_MESSAGE(back.ok(), back.status().message());
  CHECK(*back == setting);
}

TEST_CASE("Settings: JSON that is wrong is refused in a sentence that names the key") {
  json object = old_json();
  object["colour"] = 1;
  CHECK(says(refusal(object), "no key \"colour\""));
  object = old_json();
  object["steps"] = "four";
  CHECK(says(refusal(object), "\"steps\" of a setting must be a whole number, not \"four\""));
  object["steps"] = 2.5;
  CHECK(says(refusal(object), "\"steps\""));
  object["steps"] = std::numeric_limits<uint64_t>::max();
  CHECK(says(refusal(object), "\"steps\""));
  object = old_json();
  object["key_mix"] = nullptr;
  CHECK(says(refusal(object), "\"key_mix\""));
  object = old_json();
  object["sigmas"] = {3, "x"};
  CHECK(says(refusal(object), "\"sigmas\""));
  object = old_json();
  object["pool"] = -1;
  CHECK(says(refusal(object), "\"pool\" of a setting: -1: a whole number from 0 to 65536"));
  object = old_json();
  object.erase("solver");
  CHECK(says(refusal(object), "needs the key \"solver\""));
  object = old_json();
  object["spacing"] = "even";
  CHECK(says(refusal(object), "karras"));
  CHECK(says(refusal(json::array()), "object"));
}

TEST_CASE("Settings: a number out of range is refused with its flag and what is allowed") {
  Setting setting;
  setting.start.temperature = 0;
  CHECK(check(setting).message() == "--temperature 0: a number above 0 is expected");
  setting = {.inflation = {1.5, 11}};
  CHECK(check(setting).message() == "--inflation 11: a number above 0 and at most 10 is expected");
  setting = {.start = {.added_noise = std::numeric_limits<double>::quiet_NaN()}};
  CHECK(says(check(setting).message(), "--added-noise nan: a number from 0 to 10"));
}

TEST_CASE("Settings: what does not apply makes no difference; all else does") {
  Setting a = {.start = {.kind = StartKind::kCold}}, b = a;
  b.start.key_mix = 0.1;
  b.start.rolls = 7;
  b.guidance_bandwidth = 2;
  CHECK(engine::identity(a) == engine::identity(b));
  CHECK(canonical(b) == a);
  b.rho = 5;
  CHECK(engine::identity(a) != engine::identity(b));
  a = b;
  b.depth.entry_sigma = 1.23456;
  a.depth.entry_sigma = 1.234560001;
  CHECK(engine::identity(a) != engine::identity(b));
}

TEST_CASE("Settings: a line of text holds what applies and is not as always") {
  const auto read = engine::options_from_json(old_json());
  REQUIRE(read.ok());
  CHECK(describe(*read) == "analog key=forecast apart=6 align=residual sigma=3 steps=3 unipc_2");
  Setting cold = {.start = {.kind = StartKind::kCold, .pool = 3}, .solver = "heun"};
  CHECK(describe(cold) == "cold steps=4 heun");
  cold.mismatched_retrieval = true;
  cold.retrieval_weight = 1;
  CHECK(describe(cold) == "cold steps=4 heun retrieval=1 mismatched-retrieval");
}
