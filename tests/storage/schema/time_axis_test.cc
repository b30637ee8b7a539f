#include "storage/schema/time_axis.h"

#include <doctest/doctest.h>

#include <random>

using namespace skipcast;
using namespace skipcast::storage;

namespace {

constexpr int64_t kDay = 86'400;

int64_t at(const char* text) {
  const auto time = parse_time(text);
  REQUIRE_MESSAGE(time.ok(), time.status().message());
  return *time;
}

// Every index from..to is found again, and the seconds beside it are not times of the axis.
void check_round_trip(const TimeAxis& axis, int64_t from, int64_t to) {
  REQUIRE(validate(axis).ok());
  for (int64_t index = from; index <= to; ++index) {
    const int64_t time = axis.time_at(index);
    CHECK(axis.time_at(index + 1) > time);
    const auto found = axis.index_of(time);
    REQUIRE_MESSAGE(found.ok(), found.status().message());
    CHECK(*found == index);
    CHECK(!axis.index_of(time + 1).ok());
    CHECK(!axis.index_of(time - 1).ok());
  }
}

}  // namespace

TEST_CASE("parse_time: accepts the documented spellings") {
  const int64_t half_past = from_civil(2016, 12, 18, 1800);
  CHECK(at("2016-12-18T00") == half_past - 1800);
  CHECK(at("2016-12-18") == half_past - 1800);
  CHECK(at("2016-12-18 00:30") == half_past);
  CHECK(at("20161218T0030Z") == half_past);
  CHECK(at("2016-12-18T00:30:15") == half_past + 15);
  CHECK(at("20161218T003015Z") == half_past + 15);
  CHECK(at("2016-12-18T00:30:15.000Z") == half_past + 15);
  CHECK(at("2016-12-18T08:30+08:00") == half_past);
  CHECK(at("2016-12-17T19:00-0530") == half_past);
  CHECK(at("1970-01-01") == 0);
  CHECK(at("1969-12-31T23:59:59") == -1);
  CHECK(at("2000-02-29") == 951'782'400);
}

TEST_CASE("parse_time: refuses other texts and names them") {
  for (const char* text : {"",
                           "yesterday",
                           "2016",
                           "2016-13-01",
                           "2016-02-30",
                           "2015-02-29",
                           "1900-02-29",
                           "2016-12-18T24",
                           "2016-12-18T00:60",
                           "2016-12-18T00:00:60",
                           "2016-12-18T",
                           "2016-12-1",
                           "2016-12-18 00:30 PM",
                           "2016-12-18T00:30:15.5",
                           "2016-1218",
                           "0000-01-01",
                           "2016-12-18Q",
                           "2016-12-18T00:30+99",
                           "-2016-12-18",
                           "2016-12-18T00:30ZZ",
                           "2016-12-18T0:30"}) {
    const auto time = parse_time(text);
    CHECK_MESSAGE(!time.ok(), text);
    CHECK(time.status().code() == Code::kBadInput);
    CHECK(time.status().message().find(text) != std::string::npos);
    CHECK(time.status().message().find("2016-12-18T00:30") != std::string::npos);
  }
  CHECK(!parse_time(std::string(1'000'000, '1')).ok());
  CHECK(!parse_time(std::string_view("2016-12-18\0", 11)).ok());
}

TEST_CASE("format_time: parse_time undoes it, over two thousand years") {
  std::mt19937_64 random(3);
  const int64_t begin = from_civil(1, 1, 1, 0), end = from_civil(2200, 1, 1, 0);
  for (int i = 0; i < 2000; ++i) {
    const int64_t time = begin + static_cast<int64_t>(random() % (end - begin));
    CHECK(at(format_time(time).c_str()) == time);
  }
  CHECK(format_time(0) == "1970-01-01T00:00:00Z");
}

TEST_CASE("calendar_time: weekdays, leap years, days of the year") {
  const CalendarTime leap = calendar_time(at("2020-12-31T23:59:58"));
  CHECK(leap.day_of_year == 365);
  CHECK(leap.weekday == 3);  // a Thursday
  CHECK(leap.hour == 23);
  CHECK(leap.second == 58);
  CHECK(calendar_time(at("2019-12-31")).day_of_year == 364);
  CHECK(calendar_time(at("2000-03-01")).day_of_year == 60);
  CHECK(calendar_time(at("1900-03-01")).day_of_year == 59);
  CHECK(calendar_time(at("1970-01-01")).weekday == 3);
  CHECK(calendar_time(at("1969-12-29")).weekday == 0);
}

TEST_CASE("TimeAxis: a fixed step goes there and back") {
  const TimeAxis axis{.start_s = at("2013-03-01"), .step_s = 3600};
  check_round_trip(axis, -50, 200);
  CHECK(axis.time_at(24) == at("2013-03-02"));
  CHECK(axis.contiguous(-1000, 1000));
  CHECK(axis.nominal_step_s() == 3600);
}

TEST_CASE("TimeAxis: months keep their day over leap years and both ways") {
  const TimeAxis axis{.start_s = at("2019-11-28T06"), .step_months = 1};
  check_round_trip(axis, -30, 60);
  CHECK(axis.time_at(3) == at("2020-02-28T06"));
  CHECK(axis.time_at(-11) == at("2018-12-28T06"));
  const TimeAxis quarters{.start_s = at("1948-01-01"), .step_months = 3};
  check_round_trip(quarters, -10, 400);
  CHECK(quarters.time_at(4) == at("1949-01-01"));
  CHECK(quarters.nominal_step_s() == 3 * 2'629'800);
}

TEST_CASE("TimeAxis: daily sessions skip the night") {
  const TimeAxis axis{.start_s = at("2019-01-01T05:30"), .step_s = 600, .session_states = 108};
  check_round_trip(axis, -300, 500);
  CHECK(axis.time_at(107) == at("2019-01-01T23:20"));
  CHECK(axis.time_at(108) == at("2019-01-02T05:30"));
  CHECK(axis.time_at(-1) == at("2018-12-31T23:20"));
  CHECK(axis.contiguous(0, 107));
  CHECK(!axis.contiguous(107, 108));
  CHECK(axis.contiguous(-108, -1));
  CHECK(!axis.contiguous(-1, 0));
}

TEST_CASE("TimeAxis: sessions on weekdays only skip the weekend") {
  const TimeAxis axis{.start_s = at("2019-01-02T06"),
                      .step_s = 1800,
                      .session_states = 10,
                      .weekdays_only = true};  // a Wednesday
  check_round_trip(axis, -120, 300);
  CHECK(axis.time_at(20) == at("2019-01-04T06"));   // Friday
  CHECK(axis.time_at(30) == at("2019-01-07T06"));   // Monday
  CHECK(axis.time_at(-30) == at("2018-12-28T06"));  // the Friday before
  for (int64_t index = -200; index < 200; ++index) {
    CHECK(calendar_time(axis.time_at(index)).weekday < 5);
  }
}

TEST_CASE("TimeAxis: a time between two states names the two nearest") {
  const TimeAxis hourly{.start_s = at("2020-01-01"), .step_s = 3600};
  const auto between = hourly.index_of(at("2020-01-01T05:20"));
  CHECK(between.status().code() == Code::kBadInput);
  for (const char* time : {"05:20:00", "05:00:00", "06:00:00"}) {
    CHECK(between.status().message().find(time) != std::string::npos);
  }
  const TimeAxis metro{.start_s = at("2019-01-03T05:30"),
                       .step_s = 600,
                       .session_states = 108,
                       .weekdays_only = true};
  const auto weekend = metro.index_of(at("2019-01-05T12"));  // a Saturday
  CHECK(weekend.status().message().find("2019-01-04T23:20:00Z") != std::string::npos);
  CHECK(weekend.status().message().find("2019-01-07T05:30:00Z") != std::string::npos);
}

TEST_CASE("TimeAxis: contradictory axes are refused with a reason") {
  const auto reason = [](TimeAxis axis) {
    const Status status = validate(axis);
    CHECK(status.code() == Code::kBadInput);
    return status.message();
  };
  CHECK(reason({}).find("step") != std::string::npos);
  CHECK(reason({.step_s = 60, .step_months = 1}).find("both") != std::string::npos);
  CHECK(reason({.step_s = -60}).find("negative") != std::string::npos);
  CHECK(reason({.step_s = 600, .session_states = 145}).find("day") != std::string::npos);
  CHECK(reason({.step_s = 600, .weekdays_only = true}).find("session") != std::string::npos);
  CHECK(reason({.start_s = 30 * kDay, .step_months = 1}).find("31") != std::string::npos);
  CHECK(reason({.step_months = 1, .session_states = 3}).find("session") != std::string::npos);
  CHECK(reason({.start_s = 2 * kDay, .step_s = 600, .session_states = 9, .weekdays_only = true})
            .find("weekday") != std::string::npos);
  CHECK(reason({.start_s = INT64_MIN / 2, .step_s = 600}).find("year") != std::string::npos);
  CHECK(reason({.start_s = INT64_MAX, .step_s = 600}).find("year") != std::string::npos);
}
