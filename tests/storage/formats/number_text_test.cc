// labels: unit
#include "storage/formats/number_text.h"

#include <doctest/doctest.h>

#include <cmath>
#include <initializer_list>
#include <limits>
#include <string_view>

using skipcast::storage::parse_float;
using skipcast::storage::parse_integer;
using skipcast::storage::parse_number;

TEST_CASE("Number text: the whole text is a number, or it is none") {
  CHECK(parse_number("-1.25e2") == -125);
  CHECK(parse_number("+3") == 3);
  CHECK(parse_number(".5") == 0.5);
  for (const std::string_view none :
       {"", " 1", "1 ", "1,5", "+", "+-1", "++1", "0x10", "1e", "one", "1.2.3", "1e999"}) {
    CAPTURE(none);
    CHECK_FALSE(parse_number(none));
  }
  CHECK(std::isnan(*parse_number("nan")));  // readers decide which words mean missing
}

TEST_CASE("Number text: integers end at 64 bits and have no point") {
  CHECK(parse_integer("-9223372036854775808") == std::numeric_limits<int64_t>::min());
  CHECK(parse_integer("+7") == 7);
  for (const std::string_view none : {"9223372036854775808", "1.0", "1e3", "-", ""}) {
    CAPTURE(none);
    CHECK_FALSE(parse_integer(none));
  }
}

TEST_CASE("Number text: a float is the nearest one, not that of the nearest double") {
  // Just above the middle of 1 and the next float; as a double it lies on the middle itself.
  const std::string_view above = "1.00000005960464477539062500000000001";
  CHECK(*parse_float(above) == std::nextafter(1.0F, 2.0F));
  CHECK(static_cast<float>(*parse_number(above)) == 1.0F);
  CHECK_FALSE(parse_float("1e39"));
}
