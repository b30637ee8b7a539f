// labels: unit
#include "storage/formats/netcdf_packing.h"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>

#include "tests/storage/readers/foreign_files.h"
#include "tests/storage/readers/netcdf_writer.h"

using namespace skipcast;
using namespace skipcast::storage;
using namespace skipcast::tests;

namespace {

// What is read of a variable v of four numbers.
Result<std::vector<double>> values_of(nc_type type, const std::vector<double>& raw,
                                      const std::function<void(NcWriter&, int)>& define) {
  TempDir dir;
  NcWriter out(dir.file("v.nc"));
  const int v = out.var("v", type, {out.dim("x", raw.size())});
  define(out, v);
  out.put(v, raw);
  SKIPCAST_TRY(const auto file, NcFile::open(out.close()));
  return read_values(*file, *file->find("v"));
}

void check_values(nc_type type, const std::vector<double>& raw,
                  const std::function<void(NcWriter&, int)>& define,
                  const std::vector<double>& wanted) {
  const Result<std::vector<double>> read = values_of(type, raw, define);
  REQUIRE(read.ok());
  REQUIRE(read->size() == wanted.size());
  for (size_t k = 0; k < wanted.size(); ++k) {
    INFO(k);
    CHECK((std::isnan(wanted[k]) ? std::isnan((*read)[k]) : (*read)[k] == wanted[k]));
  }
}

const double kNan = std::nan("");

}  // namespace

TEST_CASE("Packing: markers and limits of another float type count in the variable's own") {
  check_values(NC_FLOAT, {-999.9, 1e20, 99.9, 120},
               [](NcWriter& out, int v) {
                 out.number(v, "missing_value", NC_DOUBLE, {-999.9, 1e20});
                 out.number(v, "valid_range", NC_DOUBLE, {0, 99.9});
               },
               {kNan, kNan, double{99.9F}, kNan});
}

TEST_CASE("Packing: limits of the type of the packing are in unpacked units") {
  const auto packed = [](nc_type limits, std::vector<double> range) {
    return [limits, range](NcWriter& out, int v) {
      out.number(v, "scale_factor", NC_DOUBLE, {0.5});
      out.number(v, "add_offset", NC_DOUBLE, {273});
      out.number(v, "valid_range", limits, range);
    };
  };
  check_values(NC_SHORT, {0, 20, -200}, packed(NC_DOUBLE, {180, 280}), {273, kNan, kNan});
  check_values(NC_SHORT, {0, 20, -200}, packed(NC_SHORT, {-10, 30}), {273, 283, kNan});
}

TEST_CASE("Packing: markers of unsigned numbers in either sign, limits too") {
  check_values(NC_BYTE, {-1, 5, -56, 0},
               [](NcWriter& out, int v) {
                 out.text(v, "_Unsigned", "true");
                 out.number(v, "missing_value", NC_SHORT, {255});
                 out.number(v, "valid_range", NC_SHORT, {0, 200});
               },
               {kNan, 5, 200, 0});
  check_values(NC_UBYTE, {255, 5}, [](NcWriter& out, int v) { out.text(v, "_Unsigned", "false"); },
               {-1, 5});
}

TEST_CASE("Packing: float32 attributes unpack short numbers in float32, as numpy does") {
  check_values(NC_SHORT, {5000, 5025},
               [](NcWriter& out, int v) { out.number(v, "scale_factor", NC_FLOAT, {0.01F}); },
               {double{50.0F}, double{50.25F}});
}

TEST_CASE("Packing: an attribute of the wrong kind or length is refused, by its name") {
  const auto fails = [](const char* name, const std::function<void(NcWriter&, int)>& define) {
    check_failure(values_of(NC_SHORT, {1, 2}, define).status(), Code::kBadInput,
                  {"v.nc", "variable v", name});
  };
  for (const char* name :
       {"scale_factor", "add_offset", "missing_value", "valid_min", "valid_max", "valid_range"}) {
    fails(name, [&](NcWriter& out, int v) { out.text(v, name, "0.5"); });
  }
  fails("scale_factor", [](NcWriter& out, int v) {
    out.number(v, "scale_factor", NC_DOUBLE, {1, 2});
  });
  fails("add_offset",
        [](NcWriter& out, int v) { out.number(v, "add_offset", NC_DOUBLE, {std::nan("")}); });
  fails("valid_range", [](NcWriter& out, int v) { out.number(v, "valid_range", NC_SHORT, {1}); });
}

TEST_CASE("Packing: applies to coordinates and times; what no place on Earth has is refused") {
  TempDir dir;
  const auto write = [&](const char* name, std::vector<double> lats, double hour) {
    NcWriter out(dir.file(name));
    const int time = out.dim("time", 2), lat = out.dim("lat", 2), lon = out.dim("lon", 2);
    const int times = out.var("time", NC_SHORT, {time}), y = out.var("lat", NC_SHORT, {lat});
    const int x = out.var("lon", NC_SHORT, {lon}), v = out.var("v", NC_FLOAT, {time, lat, lon});
    out.text(times, "units", "hours since 2016-01-01");
    out.number(times, "scale_factor", NC_DOUBLE, {0.5});
    out.number(times, "_FillValue", NC_SHORT, {-1});
    out.text(y, "units", "degrees_north"), out.text(x, "units", "degrees_east");
    out.number(y, "scale_factor", NC_DOUBLE, {0.25}), out.number(x, "add_offset", NC_DOUBLE, {10});
    out.put(times, {0, hour}), out.put(y, lats), out.put(x, {0, 1});
    out.put(v, {1, 2, 3, 4, 5, 6, 7, 8});
    return out.close();
  };
  const ReadStates read = read_states({write("g.nc", {200, 201}, 2)});
  REQUIRE(read.status.ok());
  CHECK(read.schema.places.lat == std::vector<double>{50, 50.25});
  CHECK(read.schema.places.lon == std::vector<double>{10, 11});
  CHECK(read.schema.axis.step_s == 3600);
  check_failure(read_states({write("far.nc", {200, 400}, 2)}).status, Code::kBadInput,
                {"far.nc", "latitude", "100"});
  check_failure(read_states({write("fill.nc", {200, 201}, -1)}).status, Code::kBadInput,
                {"fill.nc", "time index 1"});
}

TEST_CASE("Packing: the recipe's markers stand in the file, packed or float32") {
  TempDir dir;
  const std::string recipe = write_text(
      dir.file("r.json"), R"({"variables": [{"name": "v", "missing": [-32768, -99.9, 273]}]})");
  const auto read = [&](nc_type type, const std::vector<double>& raw, bool packed) {
    NcWriter out(dir.file("v.nc"));
    const int time = out.dim("time", 2), station = out.dim("station", 2);
    const int times = out.var("time", NC_INT, {time}), v = out.var("v", type, {time, station});
    out.text(times, "units", "days since 2016-01-01");
    if (packed) out.number(v, "add_offset", NC_DOUBLE, {273});
    out.put(times, {0, 1}), out.put(v, raw);
    return read_states({out.close()}, recipe);
  };
  const ReadStates packed = read(NC_SHORT, {0, -32768, 1, 2}, true);
  REQUIRE(packed.status.ok());
  CHECK(packed.at(0, 0, 0) == 273.0F);
  CHECK(std::isnan(packed.at(0, 0, 1)));
  const ReadStates single = read(NC_FLOAT, {1.5, -99.9, 1, 2}, false);
  REQUIRE(single.status.ok());
  CHECK(single.at(0, 0, 0) == 1.5F);
  CHECK(std::isnan(single.at(0, 0, 1)));
}
