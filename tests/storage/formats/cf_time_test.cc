// labels: unit
#include "storage/formats/cf_time.h"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/storage/readers/foreign_files.h"

using namespace skipcast;
using namespace skipcast::tests;
using storage::CfTime;

namespace {

int64_t seconds(const std::string& units, double offset, const std::string& calendar = "") {
  const auto time = CfTime::parse(units, calendar);
  INFO(units);
  REQUIRE(time.ok());
  const auto value = time->to_seconds(offset);
  REQUIRE(value.ok());
  return *value;
}

}  // namespace

TEST_CASE("CF time: units, spellings of the reference, zones") {
  CHECK(seconds("seconds since 1970-01-01", 5) == 5);
  CHECK(seconds("hours since 2013-01-01 00:00:00", 6) == 1356998400 + 6 * 3600);
  CHECK(seconds("Days since 2013-1-1", 0.5) == 1356998400 + 43200);
  CHECK(seconds("minutes since 2013-01-01T00:30Z", 30) == 1356998400 + 3600);
  CHECK(seconds("h since 2013-01-01 00:00:0.0", 1) == 1356998400 + 3600);
  CHECK(seconds("hours since 2013-01-01 08:00:00 +08:00", 0) == 1356998400);
  CHECK(seconds("hours since 2013-01-01 08:00 -0530", 0) == 1356998400 + 48600);
  CHECK(seconds("hours since 2013-01-01 00:00:00 UTC", 0) == 1356998400);
}

TEST_CASE("CF time: months and years are calendar months") {
  CHECK(seconds("months since 2013-01-01", 14) == seconds("days since 2014-03-01", 0));
  CHECK(seconds("months since 2013-03-15 12:00", -2) == seconds("hours since 2013-01-15 12:00", 0));
  CHECK(seconds("years since 2000-01-01", 16) == seconds("days since 2016-01-01", 0));
  const auto months = CfTime::parse("months since 2013-01-01", "");
  check_failure(months->to_seconds(1.5).status(), Code::kBadInput, {"1.5", "calendar months"});
}

TEST_CASE("CF time: the standard calendar is Julian before October 1582, proleptic is not") {
  // 1-1-1 is two days earlier in the Julian calendar (udunits and cftime agree).
  const int64_t proleptic = seconds("days since 0001-01-01", 0, "proleptic_gregorian");
  CHECK(proleptic == -62135596800);
  CHECK(seconds("days since 0001-01-01", 0, "standard") == proleptic - 2 * 86400);
  CHECK(seconds("hours since 1-1-1 00:00:0.0", 17628096, "gregorian") ==
        seconds("hours since 2012-01-01", 0));
  CHECK(seconds("days since 1582-10-15", 0, "standard") ==
        seconds("days since 1582-10-15", 0, "proleptic_gregorian"));
}

TEST_CASE("CF time: other calendars are refused with a remedy") {
  for (const char* calendar : {"noleap", "365_day", "360_day", "julian", "all_leap", "none"}) {
    check_failure(CfTime::parse("days since 2000-01-01", calendar).status(), Code::kBadInput,
                  {calendar, "standard calendar"});
  }
}

TEST_CASE("CF time: broken units and numbers are refused") {
  for (const char* units : {"", "days", "days since", "fortnights since 2000-01-01",
                            "days since yesterday", "days since 2000-13-01", "days since 2000-01",
                            "days since 2000-01-01 00:00 Mars", "days since 2000-01-32"}) {
    check_failure(CfTime::parse(units, "").status(), Code::kBadInput, {"hours since 2013"});
  }
  const auto days = CfTime::parse("days since 2000-01-01", "");
  for (const double offset : {std::nan(""), double{INFINITY}, 1e300, -1e300}) {
    CHECK_FALSE(days->to_seconds(offset).ok());
  }
}
