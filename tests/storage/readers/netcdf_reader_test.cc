// labels: unit
#include <doctest/doctest.h>

#include <cmath>

#include "tests/storage/readers/foreign_files.h"
#include "tests/storage/readers/netcdf_writer.h"

using namespace skipcast;
using namespace skipcast::tests;

namespace {

struct GridOptions {
  std::vector<double> times = {0, 6};
  std::vector<double> lats = {50, 40};
  std::string units = "hours since 2013-01-01 00:00:00", calendar, air_units = "K";
  double first = 0;  // first packed number
  int mode = NC_NETCDF4;
};

// air(time, lat, lon) packed as short with 0.01 and 273.15, numbers counting up.
std::string write_grid(const std::string& path, const GridOptions& options = {}) {
  NcWriter out(path, options.mode);
  const int time = out.dim("time", options.times.size()), lat = out.dim("lat", 2);
  const int lon = out.dim("lon", 3);
  const int times = out.var("time", NC_DOUBLE, {time}), lats = out.var("lat", NC_FLOAT, {lat});
  const int lons = out.var("lon", NC_FLOAT, {lon});
  const int air = out.var("air", NC_SHORT, {time, lat, lon});
  out.text(times, "units", options.units);
  if (!options.calendar.empty()) out.text(times, "calendar", options.calendar);
  out.text(lats, "units", "degrees_north");
  out.text(lons, "units", "degrees_east");
  out.text(air, "units", options.air_units);
  out.text(air, "long_name", "air temperature");
  out.number(air, "scale_factor", NC_DOUBLE, {0.01});
  out.number(air, "add_offset", NC_DOUBLE, {273.15});
  out.number(air, "_FillValue", NC_SHORT, {-99});
  out.number(air, "missing_value", NC_SHORT, {-98});
  out.put(times, options.times);
  out.put(lats, options.lats);
  out.put(lons, {10, 20, 30});
  std::vector<double> values;
  for (size_t k = 0; k < options.times.size() * 6; ++k) values.push_back(options.first + k);
  out.put(air, values);
  return out.close();
}

// pm(station, time) with names and coordinates, and its bounds-like helpers.
std::string write_stations(const std::string& path) {
  NcWriter out(path);
  const int station = out.dim("station", 2), time = out.dim("time", 3), text = out.dim("len", 4);
  const int two = out.dim("bnds", 2);
  const int times = out.var("time", NC_INT, {time});
  const int names = out.var("station_name", NC_CHAR, {station, text});
  const int lats = out.var("lat", NC_DOUBLE, {station}),
            lons = out.var("lon", NC_DOUBLE, {station});
  const int pm = out.var("pm", NC_FLOAT, {station, time});
  out.var("time_bnds", NC_DOUBLE, {time, two});
  out.text(times, "units", "days since 2016-01-01");
  out.text(times, "bounds", "time_bnds");
  out.text(names, "cf_role", "timeseries_id");
  out.text(pm, "coordinates", "lat lon station_name");
  out.number(pm, "valid_range", NC_FLOAT, {0, 100});
  out.put(times, {0, 1, 2});
  out.put_chars(names, std::string("abc\0de  ", 8));
  out.put(lats, {1, 2});
  out.put(lons, {3, 4});
  out.put(pm, {1, 2, 3, 4, 500, 9.96920996838687e+36});
  return out.close();
}

}  // namespace

TEST_CASE("NetCDF: a packed grid needs no recipe, latitude is turned") {
  TempDir dir;
  const ReadStates read = read_states({write_grid(dir.file("g.nc"), {.first = 5})});
  REQUIRE(read.status.ok());
  CHECK(read.schema.places.kind == storage::PlacesKind::kGrid);
  CHECK(read.schema.places.lat == std::vector<double>{40, 50});
  CHECK(read.schema.places.lon == std::vector<double>{10, 20, 30});
  CHECK(read.schema.variables[0].name == "air");
  CHECK(read.schema.variables[0].units == "K");
  CHECK(read.schema.variables[0].long_name == "air temperature");
  CHECK(read.schema.axis.step_s == 6 * 3600);
  CHECK(read.schema.axis.start_s == 1356998400);
  CHECK(read.states == 2);
  CHECK(read.at(0, 0, 0) == static_cast<float>(8 * 0.01 + 273.15));
  CHECK(read.at(0, 0, 3) == static_cast<float>(5 * 0.01 + 273.15));
  CHECK(read.at(1, 0, 5) == static_cast<float>(13 * 0.01 + 273.15));
}

TEST_CASE("NetCDF: fill and missing values are NaN, classic files and ascending latitude too") {
  TempDir dir;
  const std::string file =
      write_grid(dir.file("g.nc"), {.lats = {40, 50}, .first = -99, .mode = NC_CLASSIC_MODEL});
  const ReadStates read = read_states({file});
  REQUIRE(read.status.ok());
  CHECK(std::isnan(read.at(0, 0, 0)));
  CHECK(std::isnan(read.at(0, 0, 1)));
  CHECK(read.at(0, 0, 2) == static_cast<float>(-97 * 0.01 + 273.15));
}

TEST_CASE("NetCDF: a fill value of its own puts the type's default one among the values") {
  TempDir dir;
  const ReadStates read = read_states({write_grid(dir.file("a.nc"), {.first = NC_FILL_SHORT})});
  REQUIRE(read.status.ok());
  for (int64_t place = 0; place < 6; ++place) CHECK_FALSE(std::isnan(read.at(0, 0, place)));
}

TEST_CASE("NetCDF: stations in (station, time) order with names, valid range, default fill") {
  TempDir dir;
  const ReadStates read = read_states({write_stations(dir.file("s.nc"))});
  REQUIRE(read.status.ok());
  CHECK(read.schema.variables.size() == 1);
  CHECK(read.schema.places.kind == storage::PlacesKind::kGraph);
  CHECK(read.schema.places.names == std::vector<std::string>{"abc", "de"});
  CHECK(read.schema.places.lon == std::vector<double>{3, 4});
  CHECK(read.states == 3);
  CHECK(read.at(2, 0, 0) == 3.0F);
  CHECK(read.at(0, 0, 1) == 4.0F);
  CHECK(std::isnan(read.at(1, 0, 1)));
  CHECK(std::isnan(read.at(2, 0, 1)));
}

TEST_CASE("NetCDF: files of consecutive times in any order, gaps filled") {
  TempDir dir;
  const std::string late = write_grid(dir.file("a.nc"), {.times = {18, 24}, .first = 100});
  const std::string early = write_grid(dir.file("b.nc"), {.first = 0});
  const ReadStates read = read_states({late, early});
  REQUIRE(read.status.ok());
  CHECK(read.states == 5);
  CHECK(read.gaps == 1);
  CHECK(read.at(0, 0, 3) == 273.15F);
  CHECK(std::isnan(read.at(2, 0, 0)));
  CHECK(read.at(3, 0, 3) == static_cast<float>(100 * 0.01 + 273.15));
  const std::string celsius = write_grid(dir.file("c.nc"), {.times = {48}, .air_units = "degC"});
  check_failure(read_states({early, celsius}).status, Code::kBadInput,
                {"c.nc", "air", "'degC'", "'K'"});
  const std::string moved = write_grid(dir.file("d.nc"), {.times = {48}, .lats = {51, 40}});
  check_failure(read_states({early, moved}).status, Code::kBadInput,
                {"d.nc", "other places", "b.nc"});
}

TEST_CASE("NetCDF: monthly means become calendar months") {
  TempDir dir;
  const std::string middles = write_grid(
      dir.file("m.nc"), {.times = {15.5, 45, 74.5, 105}, .units = "days since 2013-01-01"});
  check_failure(read_states({middles}).status, Code::kBadInput, {"m.nc", "\"1 month\""});
  const ReadStates days =
      read_states({middles}, write_text(dir.file("r.json"), R"({"time": {"step": "1 month"}})"));
  REQUIRE(days.status.ok());
  CHECK(days.schema.axis.step_months == 1);
  CHECK(days.schema.axis.start_s == 1356998400);
  CHECK(days.states == 4);
  const ReadStates months = read_states(
      {write_grid(dir.file("n.nc"), {.times = {0, 1, 3}, .units = "months since 2013-01-01"})});
  REQUIRE(months.status.ok());
  CHECK(months.schema.axis.step_months == 1);
  CHECK(months.states == 4);
}

TEST_CASE("NetCDF: a recipe renames, --var picks, unknown names list the known ones") {
  TempDir dir;
  const std::string file = write_grid(dir.file("g.nc"));
  const std::string recipe = write_text(dir.file("r.json"), R"({"title": "Mine",
    "variables": [{"name": "t2m", "source": "air", "offset": -273.15, "units": "degC"}]})");
  const ReadStates read = read_states({file}, recipe);
  REQUIRE(read.status.ok());
  CHECK(read.schema.title == "Mine");
  CHECK(read.schema.variables[0].name == "t2m");
  CHECK(read.schema.variables[0].units == "degC");
  CHECK(read.at(0, 0, 5) == doctest::Approx(0.02));
  CHECK(read_states({file}, "", {"air"}).status.ok());
  check_failure(read_states({file}, "", {"rain"}).status, Code::kBadInput,
                {"g.nc", "unknown variable 'rain'", "air"});
  check_failure(read_states({file}, "", {"lat"}).status, Code::kBadInput,
                {"g.nc", "lat", "no time dimension"});
}

TEST_CASE("Bad NetCDF: no time axis, strange calendars, times out of order") {
  TempDir dir;
  check_failure(read_states({write_grid(dir.file("a.nc"), {.units = "K"})}).status, Code::kBadInput,
                {"a.nc", "time axis", "hours since"});
  check_failure(read_states({write_grid(dir.file("b.nc"), {.calendar = "noleap"})}).status,
                Code::kBadInput, {"b.nc", "variable time", "'noleap'", "standard calendar"});
  check_failure(read_states({write_grid(dir.file("c.nc"), {.times = {0, 6, 6}})}).status,
                Code::kBadInput, {"c.nc, time index 2", "twice"});
  check_failure(read_states({write_grid(dir.file("d.nc"), {.times = {12, 6, 0}})}).status,
                Code::kBadInput, {"d.nc"});
  check_failure(read_states({write_grid(dir.file("e.nc"), {.times = {0, 6, 13}})}).status,
                Code::kBadInput, {"e.nc, time index 2", "nearest"});
  check_failure(read_states({write_grid(dir.file("f.nc"), {.times = {0, 6, std::nan("")}})}).status,
                Code::kBadInput, {"f.nc", "time index 2", "not a time"});
}

TEST_CASE("Bad NetCDF: a latitude axis beyond any grid is refused before it is read") {
  TempDir dir;
  {
    NcWriter out(dir.file("long.nc"));
    const int time = out.dim("time", 1), lat = out.dim("lat", (size_t{1} << 24) + 1);
    const int lon = out.dim("lon", 1);
    const int days = out.var("time", NC_INT, {time});
    out.text(days, "units", "days since 2000-01-01");
    out.var("lat", NC_FLOAT, {lat});
    out.var("lon", NC_FLOAT, {lon});
    out.var("t", NC_FLOAT, {time, lat, lon});
    nc(nc_set_fill(out.id(), NC_NOFILL, nullptr));
    out.put(days, {0});
    out.close();
  }
  check_failure(read_states({dir.file("long.nc")}).status, Code::kBadInput,
                {"long.nc", "variable lat", "not a list of numbers"});
}

TEST_CASE("Bad NetCDF: levels, no data variable, not NetCDF at all") {
  TempDir dir;
  {
    NcWriter out(dir.file("level.nc"));
    const int time = out.dim("time", 1), level = out.dim("level", 2), lat = out.dim("lat", 1);
    const int lon = out.dim("lon", 1);
    out.text(out.var("time", NC_INT, {time}), "units", "days since 2000-01-01");
    out.var("lat", NC_FLOAT, {lat});
    out.var("lon", NC_FLOAT, {lon});
    out.var("t", NC_FLOAT, {time, level, lat, lon});
    out.close();
  }
  check_failure(read_states({dir.file("level.nc")}).status, Code::kBadInput,
                {"level.nc", "no variable", "ncdump"});
  check_failure(read_states({dir.file("level.nc")}, "", {"t"}).status, Code::kBadInput,
                {"level.nc", "variable t", "level", "ncks"});
  write_text(dir.file("text.nc"), "this is no netcdf file at all");
  check_failure(read_states({dir.file("text.nc")}).status, Code::kBadInput, {"text.nc", "NetCDF"});
  const std::string whole = read_text(write_grid(dir.file("g.nc")));
  write_text(dir.file("cut.nc"), whole.substr(0, whole.size() / 2));
  check_failure(read_states({dir.file("cut.nc")}).status, Code::kBadInput, {"cut.nc"});
}
