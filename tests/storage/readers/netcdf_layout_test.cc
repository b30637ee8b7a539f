// labels: unit
#include <doctest/doctest.h>

#include <cmath>
#include <functional>

#include "tests/storage/readers/foreign_files.h"
#include "tests/storage/readers/netcdf_writer.h"

using namespace skipcast;
using namespace skipcast::tests;

namespace {

// v(time, station) = 1, 2, 3, 4 of two stations on two days, and whatever `more` defines besides.
struct Pair {
  NcWriter out;
  int time, station, times, v;

  explicit Pair(const std::string& path, nc_type type = NC_FLOAT) : out(path) {
    time = out.dim("time", 2), station = out.dim("station", 2);
    times = out.var("time", NC_INT, {time});
    out.text(times, "units", "days since 2016-01-01");
    v = out.var("v", type, {time, station});
  }
  std::string close(const std::vector<double>& values = {1, 2, 3, 4}) {
    out.put(times, {0, 1});
    out.put(v, values);
    return out.close();
  }
};

ReadStates read_pair(const std::function<void(Pair&)>& define, const std::string& variable = "") {
  TempDir dir;
  Pair pair(dir.file("p.nc"));
  define(pair);
  const std::vector<std::string> chosen(variable.empty() ? 0 : 1, variable);
  return read_states({pair.close()}, "", chosen);
}

ReadStates read_with(const std::string& recipe, const std::function<void(Pair&)>& define = {}) {
  TempDir dir;
  Pair pair(dir.file("p.nc"));
  if (define) define(pair);
  return read_states({pair.close()}, write_text(dir.file("r.json"), recipe));
}

}  // namespace

TEST_CASE("NetCDF: every number type, and the fill value that its type has by default") {
  const nc_type types[] = {NC_SHORT, NC_USHORT, NC_INT,   NC_UINT,
                           NC_INT64, NC_UINT64, NC_FLOAT, NC_DOUBLE};
  TempDir dir;
  for (const nc_type type : types) {
    INFO(type);
    Pair pair(dir.file("p.nc"), type);
    nc(nc_def_var_fill(pair.out.id(), pair.v, NC_FILL, nullptr));
    pair.out.put(pair.times, {0, 1});
    const size_t start[] = {0, 0}, count[] = {1, 2};
    const double row[] = {1, 7};
    nc(nc_put_vara_double(pair.out.id(), pair.v, start, count, row));
    const ReadStates read = read_states({pair.out.close()});  // the second day was never written
    REQUIRE(read.status.ok());
    CHECK(read.at(0, 0, 1) == 7.0F);
    CHECK(std::isnan(read.at(1, 0, 0)));
    CHECK(std::isnan(read.at(1, 0, 1)));
  }
}

TEST_CASE("NetCDF: bytes have no fill value by default, and may be unsigned by attribute") {
  TempDir dir;
  const ReadStates bytes = read_states({Pair(dir.file("b.nc"), NC_BYTE).close({-127, 2, 3, 4})});
  REQUIRE(bytes.status.ok());
  CHECK(bytes.at(0, 0, 0) == -127.0F);
  Pair pair(dir.file("u.nc"), NC_BYTE);
  pair.out.text(pair.v, "_Unsigned", "true");
  const ReadStates read = read_states({pair.close({-127, 2, -1, 4})});
  REQUIRE(read.status.ok());
  CHECK(read.at(0, 0, 0) == 129.0F);
  CHECK(read.at(0, 0, 1) == 2.0F);
  CHECK(read.at(1, 0, 0) == 255.0F);
  Pair ranged(dir.file("r.nc"), NC_BYTE);
  ranged.out.text(ranged.v, "_Unsigned", "true");
  ranged.out.number(ranged.v, "valid_range", NC_BYTE, {1, -6});  // 1 to 250
  const ReadStates within = read_states({ranged.close({0, 1, -6, -5})});
  REQUIRE(within.status.ok());
  CHECK(std::isnan(within.at(0, 0, 0)));
  CHECK(within.at(0, 0, 1) == 1.0F);
  CHECK(within.at(1, 0, 0) == 250.0F);
  CHECK(std::isnan(within.at(1, 0, 1)));
  CHECK(read_states({Pair(dir.file("n.nc"), NC_UBYTE).close({255, 2, 3, 4})}).at(0, 0, 0) == 255);
}

TEST_CASE("NetCDF: values outside valid_min and valid_max are missing") {
  const ReadStates read = read_pair([](Pair& pair) {
    pair.out.number(pair.v, "valid_min", NC_FLOAT, {2});
    pair.out.number(pair.v, "valid_max", NC_FLOAT, {3});
  });
  REQUIRE(read.status.ok());
  CHECK(std::isnan(read.at(0, 0, 0)));
  CHECK(read.at(0, 0, 1) == 2.0F);
  CHECK(read.at(1, 0, 0) == 3.0F);
  CHECK(std::isnan(read.at(1, 0, 1)));
}

TEST_CASE("NetCDF: places are named by texts, else by numbers, else by their order") {
  using Names = std::vector<std::string>;
  CHECK(read_pair([](Pair&) {}).schema.places.names == Names{"place_001", "place_002"});
  const ReadStates strings = read_pair([](Pair& pair) {
    const int names = pair.out.var("label", NC_STRING, {pair.station});
    pair.out.put_strings(names, {"north ", "south"});
  });
  CHECK(strings.schema.places.names == Names{"north", "south"});
  const ReadStates numbers = read_pair([](Pair& pair) {
    pair.out.put(pair.out.var("station", NC_DOUBLE, {pair.station}), {773869, 7.5});
  });
  CHECK(numbers.schema.places.names == Names{"773869", "7.5"});
  const ReadStates role = read_pair([](Pair& pair) {
    const int labels = pair.out.var("label", NC_STRING, {pair.station});
    const int ids = pair.out.var("id", NC_INT, {pair.station});
    pair.out.text(ids, "cf_role", "timeseries_id");
    pair.out.put_strings(labels, {"north", "south"});
    pair.out.put(ids, {11, 12});
  });
  CHECK(role.schema.places.names == Names{"11", "12"});
}

TEST_CASE("NetCDF: of several texts the one with a standard name is the places', else none") {
  const auto two_texts = [](bool standard) {
    return [standard](Pair& pair) {
      const int kinds = pair.out.var("kind", NC_STRING, {pair.station});
      const int names = pair.out.var("label", NC_STRING, {pair.station});
      if (standard) pair.out.text(names, "standard_name", "platform_name");
      pair.out.put_strings(kinds, {"urban", "rural"});
      pair.out.put_strings(names, {"north", "south"});
    };
  };
  const ReadStates named = read_pair(two_texts(true));
  REQUIRE(named.status.ok());
  CHECK(named.schema.places.names == std::vector<std::string>{"north", "south"});
  check_failure(read_pair(two_texts(false)).status, Code::kBadInput, {"kind", "label", "cf_role"});
}

TEST_CASE("NetCDF: other stations, one a file, are other places") {
  TempDir dir;
  const auto write = [&](const std::string& name, double day, double lat) {
    NcWriter out(dir.file(name + ".nc"));
    const int time = out.dim("time", 2), station = out.dim("station", 1), len = out.dim("len", 6);
    const int times = out.var("time", NC_INT, {time}), v = out.var("v", NC_FLOAT, {time, station});
    const int names = out.var("name", NC_CHAR, {station, len});
    const int lats = out.var("lat", NC_DOUBLE, {station}),
              lons = out.var("lon", NC_DOUBLE, {station});
    out.text(times, "units", "days since 2016-01-01");
    out.text(names, "cf_role", "timeseries_id");
    out.put(times, {day, day + 1}), out.put(v, {1, 2}), out.put(lats, {lat}), out.put(lons, {10});
    out.put_chars(names, (name + "      ").substr(0, 6));
    return out.close();
  };
  const std::string north = write("north", 0, 60), south = write("south", 2, 40);
  const ReadStates alone = read_states({north});
  REQUIRE(alone.status.ok());
  CHECK(alone.schema.places.names == std::vector<std::string>{"north"});
  CHECK(alone.schema.places.lat == std::vector<double>{60});
  check_failure(read_states({north, south}).status, Code::kBadInput, {"south.nc", "other places"});
}

TEST_CASE("NetCDF: a position without a dimension is the only place's") {
  TempDir dir;
  const auto write = [&](const std::string& name, double day, double lat) {
    NcWriter out(dir.file(name));
    const int time = out.dim("time", 2), len = out.dim("len", 5);
    const int times = out.var("time", NC_INT, {time}), v = out.var("v", NC_FLOAT, {time});
    const int title = out.var("station_name", NC_CHAR, {len});
    const int lats = out.var("lat", NC_DOUBLE, {}), lons = out.var("lon", NC_DOUBLE, {});
    out.text(times, "units", "days since 2016-01-01");
    out.text(title, "standard_name", "platform_name");
    out.put(times, {day, day + 1}), out.put(v, {1, 2}), out.put(lats, {lat}), out.put(lons, {10});
    out.put_chars(title, "tower");
    return out.close();
  };
  const std::string first = write("a.nc", 0, 60), moved = write("b.nc", 2, 40);
  const ReadStates alone = read_states({first});
  REQUIRE(alone.status.ok());
  CHECK(alone.schema.places.names == std::vector<std::string>{"tower"});
  CHECK(alone.schema.places.lat == std::vector<double>{60});
  CHECK(alone.schema.places.lon == std::vector<double>{10});
  check_failure(read_states({first, moved}).status, Code::kBadInput, {"b.nc", "other places"});
}

TEST_CASE("NetCDF: versions, levels, members and ragged arrays are no places") {
  TempDir dir;
  for (const char* name : {"expver", "level", "number"}) {
    NcWriter out(dir.file("x.nc"));
    const int time = out.dim("time", 2), other = out.dim(name, 2);
    const int times = out.var("time", NC_INT, {time}), v = out.var("v", NC_FLOAT, {time, other});
    out.text(times, "units", "days since 2016-01-01");
    out.put(times, {0, 1}), out.put(v, {1, 2, 3, 4});
    check_failure(read_states({out.close()}, "", {"v"}).status, Code::kBadInput, {name, "ncks"});
  }
  NcWriter out(dir.file("ragged.nc"));
  const int obs = out.dim("obs", 2), station = out.dim("station", 1);
  const int times = out.var("time", NC_INT, {obs}), v = out.var("v", NC_FLOAT, {obs});
  const int sizes = out.var("row_size", NC_INT, {station});
  out.text(times, "units", "days since 2016-01-01");
  out.text(sizes, "sample_dimension", "obs");
  out.put(times, {0, 1}), out.put(v, {1, 2}), out.put(sizes, {2});
  check_failure(read_states({out.close()}, "", {"v"}).status, Code::kBadInput,
                {"row_size", "ragged"});
}

TEST_CASE("NetCDF: a quality letter a station is no name of it") {
  const ReadStates read = read_pair([](Pair& pair) {
    pair.out.put_chars(pair.out.var("quality", NC_CHAR, {pair.station}), "AA");
  });
  REQUIRE(read.status.ok());
  CHECK(read.schema.places.names == std::vector<std::string>{"place_001", "place_002"});
}

TEST_CASE("NetCDF: a series without places, and a latitude without longitude") {
  const ReadStates single =
      read_pair([](Pair& pair) { pair.out.var("s", NC_FLOAT, {pair.time}); }, "s");
  REQUIRE(single.status.ok());
  CHECK(single.schema.places.names == std::vector<std::string>{"place_001"});
  const ReadStates half = read_pair([](Pair& pair) {
    pair.out.put(pair.out.var("lat", NC_DOUBLE, {pair.station}), {1, 2});
  });
  REQUIRE(half.status.ok());
  CHECK(half.schema.places.lat.empty());
}

TEST_CASE("NetCDF: a recipe names the stations anew and picks the time axis") {
  const ReadStates named = read_with(R"({"variables": [{"name": "v"}],
    "places": {"names": ["a", "b"], "lat": [1, 2], "lon": [3, 4]}})");
  REQUIRE(named.status.ok());
  CHECK(named.schema.places.names == std::vector<std::string>{"a", "b"});
  CHECK(named.schema.places.lat == std::vector<double>{1, 2});
  const auto second = [](Pair& pair) {
    const int valid = pair.out.var("valid", NC_INT, {pair.time});
    pair.out.text(valid, "units", "hours since 2020-01-01");
    pair.out.put(valid, {6, 12});
  };
  const ReadStates picked =
      read_with(R"({"time": {"column": "valid"}, "variables": [{"name": "v"}]})", second);
  REQUIRE(picked.status.ok());
  CHECK(picked.schema.axis.step_s == 6 * 3600);
  check_failure(read_with(R"({"variables": [{"name": "v"}], "places": {"names": ["a"]}})").status,
                Code::kBadInput, {"p.nc", "has 2 places", "lists 1", "\"places\""});
  for (const char* column : {"valid", "v"}) {
    const std::string recipe =
        std::string(R"({"time": {"column": ")") + column + R"("}, "variables": [{"name": "v"}]})";
    check_failure(read_with(recipe).status, Code::kBadInput,
                  {"p.nc", std::string("'") + column + "'", "one dimension", "\"column\""});
  }
}

TEST_CASE("Bad NetCDF: a later file with the stations in another order is refused") {
  TempDir dir;
  const auto file = [&](const char* name, const std::vector<double>& ids, double day) {
    Pair pair(dir.file(name));
    pair.out.put(pair.out.var("station", NC_INT, {pair.station}), ids);
    pair.out.put(pair.times, {day, day + 1});
    pair.out.put(pair.v, {1, 2, 3, 4});
    return pair.out.close();
  };
  const std::string first = file("a.nc", {11, 12}, 0);
  CHECK(read_states({first, file("b.nc", {11, 12}, 2)}).states == 4);
  check_failure(read_states({first, file("c.nc", {12, 11}, 2)}).status, Code::kBadInput,
                {"c.nc", "other places", "a.nc", "another order"});
  const std::string recipe = write_text(dir.file("r.json"), R"({"variables": [{"name": "v"}],
    "places": {"names": ["east", "west"]}})");
  const ReadStates named = read_states({first, dir.file("b.nc")}, recipe);
  CHECK(named.states == 4);
  CHECK(named.schema.places.names == std::vector<std::string>{"east", "west"});
  check_failure(read_states({first, dir.file("c.nc")}, recipe).status, Code::kBadInput,
                {"c.nc", "other places"});
}

TEST_CASE("Bad NetCDF: two time axes, none with a length, none at the top") {
  TempDir dir;
  {
    NcWriter out(dir.file("two.nc"));
    const int record = out.dim("record", 2);
    for (const char* name : {"start", "end"}) {
      out.text(out.var(name, NC_INT, {record}), "units", "days since 2016-01-01");
    }
    out.var("v", NC_FLOAT, {record});
    out.close();
  }
  check_failure(read_states({dir.file("two.nc")}).status, Code::kBadInput,
                {"two.nc", "both start and end", "\"column\"", "recipe"});
  {
    NcWriter out(dir.file("none.nc"));
    const int time = out.dim("time", NC_UNLIMITED);
    out.text(out.var("time", NC_INT, {time}), "units", "days since 2016-01-01");
    out.var("v", NC_FLOAT, {time});
    out.close();
  }
  check_failure(read_states({dir.file("none.nc")}).status, Code::kBadInput,
                {"none.nc", "length 0", "leave it out"});
  {
    NcWriter out(dir.file("groups.nc"));
    int group = -1, inner = -1;
    nc(nc_def_grp(out.id(), "data", &group));
    nc(nc_def_dim(group, "time", 2, &inner));
    out.dim("station", 2);
    out.close();
  }
  check_failure(read_states({dir.file("groups.nc")}).status, Code::kBadInput,
                {"groups.nc", "groups", "ncks -G"});
}

TEST_CASE("Bad NetCDF: variables that are no states say why") {
  const auto status_of = [](const std::string& name, nc_type type, auto dimensions_of) {
    return read_pair([&](Pair& pair) { pair.out.var(name, type, dimensions_of(pair)); }, name)
        .status;
  };
  using Dims = std::vector<int>;
  check_failure(status_of("note", NC_CHAR,
                          [](Pair& p) {
                            return Dims{p.time, p.station};
                          }),
                Code::kBadInput, {"p.nc, variable note", "does not hold numbers", "--var"});
  check_failure(status_of("cov", NC_FLOAT,
                          [](Pair& p) {
                            return Dims{p.time, p.time};
                          }),
                Code::kBadInput, {"p.nc, variable cov", "time dimension twice", "--var"});
  const auto status_along = [&](const std::string& axis, const std::string& units) {
    return read_pair(
               [&](Pair& pair) {
                 const int id = pair.out.dim(axis, 2);
                 pair.out.text(pair.out.var(axis, NC_FLOAT, {id}), "units", units);
                 pair.out.var("zonal", NC_FLOAT, {pair.time, id});
               },
               "zonal")
        .status;
  };
  check_failure(status_along("y", "degrees_north"), Code::kBadInput,
                {"variable zonal", "alone", "a grid needs both"});
  check_failure(status_along("x", "degrees_east"), Code::kBadInput,
                {"variable zonal", "alone", "a grid needs both"});
}

TEST_CASE("Bad NetCDF: variables of different places do not share a state") {
  const ReadStates read = read_pair([](Pair& pair) {
    pair.out.var("w", NC_FLOAT, {pair.time, pair.out.dim("sensor", 3)});
  });
  check_failure(read.status, Code::kBadInput,
                {"p.nc", "the variables v and w have different places", "--var"});
}

TEST_CASE("Bad NetCDF: infinite values and damaged chunks name variable and time") {
  TempDir dir;
  Pair pair(dir.file("p.nc"));
  check_failure(read_states({pair.close({1, 2, 3, INFINITY})}).status, Code::kBadInput,
                {"p.nc, variable v, time index 1, place 1", "infinite"});
  NcWriter out(dir.file("z.nc"));
  const int time = out.dim("time", 20000);
  const int times = out.var("time", NC_INT, {time}), v = out.var("v", NC_DOUBLE, {time});
  out.text(times, "units", "hours since 2016-01-01");
  nc(nc_def_var_deflate(out.id(), v, 0, 1, 1));
  std::vector<double> hours, values;
  for (int k = 0; k < 20000; ++k) hours.push_back(k), values.push_back(std::sin(k * k));
  out.put(times, hours);
  out.put(v, values);
  std::string bytes = read_text(out.close());
  CHECK(read_states({dir.file("z.nc")}).states == 20000);
  const size_t middle = bytes.size() - 60000;  // values come last and take 150,000 bytes
  for (size_t k = 0; k < 64; ++k) bytes[middle + k] = static_cast<char>(~bytes[middle + k]);
  write_text(dir.file("z.nc"), bytes);
  check_failure(read_states({dir.file("z.nc")}).status, Code::kBadInput,
                {"z.nc, variable v", "cannot be read", "again"});
}
