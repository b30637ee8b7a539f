#include "tools/terminal/suggest.h"

#include <doctest/doctest.h>

using skipcast::tools::did_you_mean;
using skipcast::tools::edit_distance;
using skipcast::tools::nearest;

TEST_CASE("Suggest: swapped neighbours count as one slip") {
  CHECK(edit_distance("forecast", "foercast") == 1);
  CHECK(edit_distance("tune", "tune") == 0);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("inspect", "inspekt") == 1);
}

TEST_CASE("Suggest: finds the nearest and stays silent when nothing is near") {
  const std::vector<std::string> words = {"ingest", "inspect", "train", "forecast"};
  CHECK(nearest("ingset", words) == "ingest");
  CHECK(nearest("forcast", words) == "forecast");
  CHECK(nearest("fore", words) == "forecast");
  CHECK_FALSE(nearest("xyzzy", words).has_value());
  CHECK(did_you_mean("trian", words) == " Did you mean 'train'?");
  CHECK(did_you_mean("beijing", words).empty());
}
