// labels: unit
#include "storage/formats/time_format.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <ctime>
#include <initializer_list>

#include "tests/storage/readers/foreign_files.h"

using namespace skipcast;
using namespace skipcast::storage;
using namespace skipcast::tests;

namespace {

void set_zone(const char* zone) {
  REQUIRE(setenv("TZ", zone, 1) == 0);
  tzset();
}

}  // namespace

TEST_CASE("Time format: an offset is applied, under every zone of the machine") {
  for (const char* zone : {"UTC", "America/New_York", "XXX-11"}) {
    set_zone(zone);
    for (const char* text : {"29/10/2016 22:00 +0800", "29/10/2016 14:00 +0000",
                             "29/10/2016 09:30 -04:30", "29/10/2016 14:00 Z"}) {
      INFO(text);
      const Result<int64_t> time = parse_formatted_time(text, "%d/%m/%Y %H:%M %z");
      REQUIRE(time.ok());
      CHECK(*time == 1477749600);
    }
    CHECK(*parse_formatted_time("29.10.16 14:00", "%d.%m.%y %H:%M") == 1477749600);
  }
  set_zone("UTC");
  CHECK(has_offset("%H %z"));
  CHECK_FALSE(has_offset("%H %%z"));
}

TEST_CASE("Time format: days that no month has are refused, leap days are not") {
  CHECK(*parse_formatted_time("29/02/2016", "%d/%m/%Y") == 1456704000);
  for (const char* text : {"29/02/2015", "31/04/2016", "30/02/2016"}) {
    check_failure(parse_formatted_time(text, "%d/%m/%Y").status(), Code::kBadInput,
                  {text, "has no day"});
  }
  CHECK(*parse_formatted_time("2016 366", "%Y %j") == 1483142400);
  CHECK_FALSE(parse_formatted_time("2015 366", "%Y %j").ok());
}

TEST_CASE("Time format: what is left over, or missing, is refused") {
  for (const char* text : {"2016-01-01 x", "2016-01", "", "2016-01-01 "}) {
    INFO(text);
    CHECK_FALSE(parse_formatted_time(text, "%Y-%m-%d").ok());
  }
  check_failure(check_time_format("%d/%m/%Y %Z"), Code::kBadInput, {"%Z", "%z"});
  check_failure(check_time_format("%s"), Code::kBadInput, {"%s", "seconds since"});
  check_failure(check_time_format("%d/%m %H:%M"), Code::kBadInput, {"year"});
  CHECK(check_time_format("%%Z %Y").ok());
  CHECK(check_time_format("%Y-%m-%dT%H:%M:%S%z").ok());
}
