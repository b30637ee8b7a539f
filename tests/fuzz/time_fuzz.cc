// Times as texts: plain times, CF units with a calendar, steps. The input: one line each.
#include <cmath>

#include "storage/formats/cf_time.h"
#include "storage/readers/recipe.h"
#include "storage/schema/time_axis.h"
#include "tests/fuzz/target.h"

namespace skipcast::fuzz {
namespace {

using namespace skipcast::storage;

constexpr int64_t kTimeMin = -62135596800, kTimeMax = 253402300799;  // years 1..9999
constexpr int64_t kZoneMax = 15 * 3600;

void check_time(std::string_view text) {
  const Result<int64_t> time = parse_time(text);
  if (!time.ok()) {
    SKIPCAST_CHECK(time.status().code() == Code::kBadInput);
    return;
  }
  SKIPCAST_CHECK(*time >= kTimeMin - kZoneMax && *time <= kTimeMax + kZoneMax);
  if (*time < kTimeMin || *time > kTimeMax) return;
  const Result<int64_t> again = parse_time(format_time(*time));
  SKIPCAST_CHECK(again.ok() && *again == *time);
}

void check_units(std::string_view units, std::string_view calendar, double offset) {
  const Result<CfTime> time = CfTime::parse(units, calendar);
  if (!time.ok()) return check_refusal(time.status(), "");
  SKIPCAST_CHECK(CfTime::looks_like_units(units));
  const Result<int64_t> seconds = time->to_seconds(offset);
  if (!seconds.ok()) return check_refusal(seconds.status(), "");
  SKIPCAST_CHECK(std::isfinite(offset) && std::abs(*seconds) < int64_t{1'000'000'000'000});
}

void check_step(std::string_view text) {
  TimeRecipe time;
  const Status status = parse_step(text, time);
  SKIPCAST_CHECK(status.ok() == (time.step_s > 0 || time.step_months > 0));
  if (!status.ok()) SKIPCAST_CHECK(status.code() == Code::kBadInput);
}

}  // namespace

void check_input(std::string_view input) {
  Pieces pieces(input);
  check_time(pieces.line());
  const std::string_view units = pieces.line(), calendar = pieces.line();
  check_step(pieces.line());
  check_units(units, calendar, pieces.number<double>());
}

std::vector<std::string> seed_inputs() {
  const double offset = 17;
  const std::string number(reinterpret_cast<const char*>(&offset), sizeof offset);
  return {"2016-12-18T00:30:00.000+08:00\nhours since 2013-01-01 00:30:00 +08:00\nstandard\n1 h\n" +
              number,
          "20161218T0030Z\nmonths since 1900-1-1\n\n10 min\n" + number,
          "2016-12-18\ndays since 1-1-1 00:00:0.0\nproleptic_gregorian\n1 month\n" + number,
          "2016-02-29 24\nms since 1582-10-14t0530\ngregorian\n3600\n" + number};
}

}  // namespace skipcast::fuzz
