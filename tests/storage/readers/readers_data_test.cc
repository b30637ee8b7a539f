// labels: data
// The four real archives through their recipes: shapes, missing shares, and single values looked
// up in the raw files by hand (zcat, awk, ncdump).
#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "storage/ingest/ingest.h"
#include "storage/schema/window.h"
#include "storage/series/series_store.h"
#include "tests/storage/readers/foreign_files.h"

using namespace skipcast;
using namespace skipcast::tests;

namespace {

// One of the standard archives, ingested into a temporary folder.
struct Archive {
  TempDir dir;
  storage::IngestReport report;
  std::unique_ptr<storage::SeriesStore> store;

  Archive(const std::string& recipe, const std::string& input) {
    const char* source = std::getenv("SKIPCAST_SOURCE_DIR");
    const std::string folder = std::string(source ? source : ".") + "/tools/recipes/";
    auto reader = storage::open_states({data_dir() + "/" + input}, folder + recipe + ".json", {});
    INFO(reader.status().message());
    REQUIRE(reader.ok());
    auto ingested = storage::ingest(**reader, dir.file("a.skc"), {});
    INFO(ingested.status().message());
    REQUIRE(ingested.ok());
    report = *ingested;
    auto opened = storage::SeriesStore::open(dir.file("a.skc"), storage::OpenMode::kReadOnly);
    REQUIRE(opened.ok());
    store = std::move(*opened);
    CHECK(store->size() == report.states_total);
  }
  // The value of a variable at a place and time.
  float at(const std::string& variable, int64_t place, const std::string& time) const {
    const auto index = store->schema().axis.index_of(*storage::parse_time(time));
    REQUIRE(index.ok());
    const auto id = static_cast<int32_t>(store->schema().variable_index(variable));
    std::vector<float> values(static_cast<size_t>(store->schema().places.count()));
    REQUIRE(store->read(*index, 1, {&id, 1}, values).ok());
    return values.at(static_cast<size_t>(place));
  }
  double missing_percent(size_t variable) const {
    return 100 * report.variables.at(variable).missing_share;
  }
};

bool has_data() {
  if (!data_dir().empty()) return true;
  skip("no data folder (SKIPCAST_DATA_DIR)");
  return false;
}

}  // namespace

TEST_CASE("Beijing: 35064 hours, 12 stations, 13 variables from 12 CSV files") {
  if (!has_data()) return;
  const Archive archive("beijing", "beijing_multisite");
  const storage::Schema& schema = archive.store->schema();
  CHECK(archive.store->size() == 35064);
  CHECK(schema.places.count() == 12);
  CHECK(schema.variables.size() == 13);
  CHECK(schema.axis.time_at(35063) == *storage::parse_time("2017-02-28T23"));
  CHECK(archive.report.gap_states == 0);
  CHECK(archive.missing_percent(0) == doctest::Approx(100 * 8739.0 / 420768).epsilon(1e-9));
  CHECK(archive.missing_percent(11) == doctest::Approx(100 * 1822.0 / 420768).epsilon(1e-9));
  CHECK(schema.variables[0].log_transform);
  CHECK(archive.at("PM2.5", 0, "2013-03-01T00") == 4.0F);
  CHECK(archive.at("TEMP", 0, "2013-03-01T01") == -1.1F);
  CHECK(archive.at("wind_from_east", 0, "2013-03-01T00") == -0.382683F);
  CHECK(archive.at("wind_from_north", 0, "2013-03-01T01") == 1.0F);
  CHECK(archive.at("PRES", 0, "2017-02-28T23") == 1014.1F);
  CHECK(archive.at("WSPM", 0, "2017-02-28T23") == 1.3F);
}

TEST_CASE("Beijing: the CSV files and the npz hold the same values") {
  if (!has_data()) return;
  TempDir dir;
  const std::string recipe = write_text(dir.file("r.json"), R"({
    "time": {"start": "2013-03-01", "step": "1 h"}, "places": {"array": "stations"},
    "variables": [{"name": "PM2.5", "source": "data", "index": 0},
                  {"name": "WSPM", "source": "data", "index": 10}]})");
  const std::string folder = data_dir() + "/beijing_multisite";
  const char* source = std::getenv("SKIPCAST_SOURCE_DIR");
  const std::string csv = std::string(source ? source : ".") + "/tools/recipes/beijing.json";
  auto ours = storage::open_states({folder}, csv, {"PM2.5", "WSPM"});
  auto theirs = storage::open_states({folder + "/beijing_multisite.npz"}, recipe, {});
  REQUIRE(ours.ok());
  REQUIRE(theirs.ok());
  CHECK((*ours)->schema().places.names == (*theirs)->schema().places.names);
  int64_t differing = 0, states = 0;
  while (true) {
    auto a = (*ours)->next(1000), b = (*theirs)->next(1000);
    REQUIRE(a.ok());
    REQUIRE(b.ok());
    REQUIRE(a->has_value() == b->has_value());
    if (!a->has_value()) break;
    states += (*a)->states;
    for (size_t k = 0; k < (*a)->values.size(); ++k) {
      const float x = (*a)->values[k], y = (*b)->values[k];
      differing += x == y || (std::isnan(x) && std::isnan(y)) ? 0 : 1;
    }
  }
  CHECK(states == 35064);
  CHECK(differing == 0);
}

TEST_CASE("METR-LA: 34272 states of 10 sensors, zeros are missing") {
  if (!has_data()) return;
  const Archive archive("metr", "metr_la_10/metr_la_10.npz");
  const storage::Schema& schema = archive.store->schema();
  CHECK(archive.store->size() == 34272);
  CHECK(schema.places.names.front() == "773869");
  CHECK(schema.places.names.back() == "717816");
  CHECK(schema.places.adjacency.size() == 100);
  CHECK(schema.places.adjacency[0] == 1.0F);
  CHECK(archive.missing_percent(0) == doctest::Approx(7.4087).epsilon(1e-4));
  CHECK(schema.axis.time_at(34271) == *storage::parse_time("2012-06-27T23:55"));
  CHECK(archive.at("speed", 0, "2012-03-01T00:00") == 64.375F);
}

TEST_CASE("NCEP: 2920 states on 25 x 53, latitude ascending, with and without recipe") {
  if (!has_data()) return;
  const Archive archive("ncep", "ncep_air_temperature/air_temperature.nc");
  const storage::Schema& schema = archive.store->schema();
  CHECK(archive.store->size() == 2920);
  CHECK(schema.places.lat.size() == 25);
  CHECK(schema.places.lat.front() == 15);
  CHECK(schema.places.lon.back() == 330);
  CHECK(archive.missing_percent(0) == 0);
  CHECK(archive.at("air", 24 * 53, "2013-01-01T00") == doctest::Approx(241.2).epsilon(1e-6));
  const ReadStates bare =
      read_states({data_dir() + "/ncep_air_temperature/air_temperature.nc"}, "", {}, 500);
  REQUIRE(bare.status.ok());
  CHECK(bare.schema.places == schema.places);
  CHECK(bare.schema.axis == schema.axis);
  CHECK(bare.at(0, 0, 24 * 53) == archive.at("air", 24 * 53, "2013-01-01T00"));
}

TEST_CASE("Subway: 25 weekdays of 108 slots, in and out flow, adjacency") {
  if (!has_data()) return;
  const Archive archive("subway", "beijing_subway");
  const storage::Schema& schema = archive.store->schema();
  CHECK(archive.store->size() == 2700);
  CHECK(schema.places.count() == 276);
  CHECK(schema.places.adjacency[1] == 1.0F);
  CHECK(schema.axis.time_at(2699) == *storage::parse_time("2016-04-01T22:50"));
  CHECK(archive.at("inflow", 0, "2016-02-29T05:00") == 36.0F);
  CHECK(archive.at("inflow", 1, "2016-02-29T05:20") == 31.0F);
  CHECK(archive.at("outflow", 0, "2016-02-29T05:50") == 1.0F);
  const auto windows = storage::window_origins(schema.axis, {12, 12}, 0, 2699);
  CHECK(windows.size() == 25 * (108 - 23));
}
