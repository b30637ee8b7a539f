// labels: unit
#include "engine/forecast/forecast_file.h"

// Before anything else that brings doctest or a CHECK of LibTorch.
#include <ATen/ATen.h>
#include <netcdf.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "storage/formats/netcdf_writer.h"
#include "tests/support/forecast_scene.h"
#include "tests/support/skip.h"
#include "tests/support/torch_doctest.h"

namespace skipcast::tests {
namespace {

constexpr engine::ForecastFileOptions kWritten = {.written_at_s = 1700000000};

engine::ForecastFileOptions file_options(const ForecastScene& scene) {
  engine::ForecastFileOptions options = kWritten;
  options.command = "skipcast forecast ar.skc --task ar";
  options.options = scene.options;
  return options;
}

class OpenFile {
 public:
  explicit OpenFile(const std::string& path) {
    REQUIRE(nc_open(path.c_str(), NC_NOWRITE, &id_) == NC_NOERR);
  }
  ~OpenFile() { nc_close(id_); }
  OpenFile(const OpenFile&) = delete;

  std::vector<double> values(const std::string& name) const {
    int variable = -1, dimensions = 0;
    REQUIRE(nc_inq_varid(id_, name.c_str(), &variable) == NC_NOERR);
    std::array<int, NC_MAX_VAR_DIMS> ids;
    REQUIRE(nc_inq_var(id_, variable, nullptr, nullptr, &dimensions, ids.data(), nullptr) ==
            NC_NOERR);
    size_t count = 1;
    for (int d = 0; d < dimensions; ++d) {
      size_t length = 0;
      REQUIRE(nc_inq_dimlen(id_, ids[d], &length) == NC_NOERR);
      count *= length;
    }
    std::vector<double> out(count);
    REQUIRE(nc_get_var_double(id_, variable, out.data()) == NC_NOERR);
    return out;
  }

  std::string text(const std::string& name) const {
    size_t length = 0;
    REQUIRE(nc_inq_attlen(id_, NC_GLOBAL, name.c_str(), &length) == NC_NOERR);
    std::string out(length, '\0');
    REQUIRE(nc_get_att_text(id_, NC_GLOBAL, name.c_str(), out.data()) == NC_NOERR);
    return out;
  }

 private:
  int id_ = -1;
};

std::string header_of(const std::string& path) {
  std::FILE* pipe = popen(("ncdump -h '" + path + "' 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string out;
  for (std::array<char, 4096> part; std::fgets(part.data(), part.size(), pipe) != nullptr;) {
    out += part.data();
  }
  CHECK(pclose(pipe) == 0);
  return out;
}

void check_holds(const std::string& header, const std::vector<std::string>& lines) {
  for (const std::string& line : lines) {
    CHECK_MESSAGE(header.find(line) != std::string::npos, line, " missing in\n", header);
  }
}

TEST_CASE("ForecastFile: values, times and analogs come back as they were") {
  const TempDir folder;
  const std::string path = folder.file("f.nc");
  const ForecastScene scene(named_graph());
  REQUIRE(write_forecast(path, *scene.forecaster, scene.forecast, file_options(scene)).ok());
  const OpenFile file(path);
  const auto values = file.values("a");
  const at::Tensor members = scene.forecast.members.contiguous().flatten();
  REQUIRE(values.size() == static_cast<size_t>(members.numel()));
  for (size_t i = 0; i < values.size(); ++i) {
    CHECK(values[i] == double(members[static_cast<int64_t>(i)].item<float>()));
  }
  const storage::TimeAxis& axis = scene.store.schema().axis;
  CHECK(file.values("init_time")[0] == double(axis.time_at(350)));
  CHECK(file.values("lead_time") == std::vector<double>{1, 2, 3});
  CHECK(file.values("valid_time")[2] == double(axis.time_at(353)));
  CHECK(file.values("number") == std::vector<double>{0, 1, 2, 3, 4});
  CHECK(file.values("lat") == std::vector<double>{39.9, 40.0, 40.1});
  for (size_t m = 0; m < 5; ++m) {
    CHECK(file.values("analog_time")[m] == double(axis.time_at(scene.forecast.analogs[m].origin)));
    CHECK(file.values("analog_distance")[m] == double(scene.forecast.analogs[m].distance));
  }
  CHECK(file.text("seed") == "18446744073709551615");
  CHECK(file.text("encoder_fingerprint") == scene.forecast.encoder_fingerprint);
  CHECK(file.text("model_fingerprint") == "00000000000000a1");
  CHECK(file.text("history") == "2023-11-14T22:13:20Z: skipcast forecast ar.skc --task ar");
}

TEST_CASE("ForecastFile: ncdump reads it and shows what CF asks for") {
  const TempDir folder;
  const std::string path = folder.file("f.nc");
  const ForecastScene scene(named_graph());
  REQUIRE(write_forecast(path, *scene.forecaster, scene.forecast, file_options(scene)).ok());
  check_holds(
      header_of(path),
      {"number = 5 ;", "init_time = 1 ;", "lead_time = 3 ;", "place = 3 ;",
       "float a(number, init_time, lead_time, place) ;", "a:units = \"ug m-3\"",
       "number:standard_name = \"realization\"",
       "init_time:standard_name = \"forecast_reference_time\"",
       "lead_time:standard_name = \"forecast_period\"", "lead_time:units = \"h\"",
       "valid_time:standard_name = \"time\"", "a:coordinates = \"valid_time place_name lat lon\"",
       ":Conventions = \"CF-1.8\"", ":entry_sigma = 2.", ":nfe = 3", ":start = \"analog\"",
       ":key = \"context\"", ":archive_mode = \"growing\"", ":setting = \"{\\\"alignment\\\":"});
}

TEST_CASE("ForecastFile: statistics stand in for the members, with names and methods of CF") {
  const TempDir folder;
  const std::string path = folder.file("s.nc");
  ForecastScene scene(named_graph());
  scene.forecast.statistics = engine::ensemble_statistics(scene.forecast.members);
  REQUIRE(write_forecast(path, *scene.forecaster, scene.forecast, file_options(scene)).ok());
  check_holds(header_of(path),
              {"double quantile(quantile)", "float a_mean(init_time, lead_time, place)",
               "a_mean:cell_methods = \"number: mean\"",
               "a_spread:cell_methods = \"number: standard_deviation\"",
               "float a_quantile(quantile, init_time, lead_time, place)"});
  CHECK(header_of(path).find("float a(") == std::string::npos);
  const OpenFile file(path);
  CHECK(file.values("quantile") == engine::kQuantileLevels);
  const at::Tensor mean = scene.forecast.members.mean(0).select(1, 0).contiguous();
  const std::vector<double> means = file.values("a_mean"), quantiles = file.values("a_quantile");
  REQUIRE(static_cast<int64_t>(means.size()) == mean.numel());
  for (size_t i = 0; i < means.size(); ++i) {
    CHECK(means[i] == doctest::Approx(mean.flatten()[static_cast<int64_t>(i)].item<double>()));
    CHECK(quantiles[i] <= quantiles[4 * means.size() + i]);
  }
}

TEST_CASE("Statistics: mean, spread and quantiles of known members, of one and of several") {
  const at::Tensor members = at::tensor({4.0f, 1.0f, 3.0f, 2.0f, 10.0f}).view({5, 1, 1, 1});
  const engine::EnsembleStatistics five =
      engine::ensemble_statistics(members, {0, 0.25, 0.3, 0.5, 1});
  CHECK(five.mean.item<double>() == doctest::Approx(4));
  CHECK(five.spread.item<double>() == doctest::Approx(std::sqrt(50.0 / 4)));
  const std::vector<double> expected = {1, 2, 2.2, 3, 10};
  for (int64_t i = 0; i < 5; ++i) {
    CHECK(five.quantiles[i].item<double>() == doctest::Approx(expected[static_cast<size_t>(i)]));
  }
  const engine::EnsembleStatistics one = engine::ensemble_statistics(members.narrow(0, 4, 1));
  CHECK(one.spread.item<double>() == 0);
  CHECK((one.quantiles == 10).all().item<bool>());
  CHECK(one.quantiles.size(0) == 5);
}

TEST_CASE("ForecastFile: a grid has lat and lon, a cold forecast no analogs") {
  const TempDir folder;
  const std::string path = folder.file("f.nc");
  const ForecastScene scene(small_grid());
  engine::ForecastOptions cold = scene.options;
  cold.start.kind = engine::StartKind::kCold;
  cold.depth = {};
  const auto made = scene.forecaster->forecast(350, cold);
  REQUIRE(made.ok());
  REQUIRE(write_forecast(path, *scene.forecaster, *made, {.options = cold}).ok());
  const std::string header = header_of(path);
  check_holds(header,
              {"float a(number, init_time, lead_time, lat, lon) ;", "lat:units = \"degrees_north\"",
               "lon:standard_name = \"longitude\"", ":start = \"cold\"", ":entry_sigma = 80."});
  CHECK(header.find("analog_time") == std::string::npos);
  CHECK(header.find("analog_distance") == std::string::npos);
  CHECK(header.find("place") == std::string::npos);
  CHECK(OpenFile(path).values("lon") == std::vector<double>{200, 202.5, 205});
}

TEST_CASE("ForecastFile: blind members have the windows they drew and no distance") {
  const TempDir folder;
  const std::string path = folder.file("f.nc");
  const ForecastScene scene(named_graph());
  engine::ForecastOptions blind = scene.options;
  blind.start.kind = engine::StartKind::kRandom;
  const auto made = scene.forecaster->forecast(350, blind);
  REQUIRE(write_forecast(path, *scene.forecaster, *made, {.options = blind}).ok());
  const OpenFile file(path);
  CHECK(std::isnan(file.values("analog_distance")[0]));
  CHECK(file.values("analog_time")[4] ==
        double(scene.store.schema().axis.time_at(made->analogs[4].origin)));
}

TEST_CASE("ForecastFile: lead times take the largest unit that divides them") {
  const TempDir folder;
  const std::string path = folder.file("f.nc");
  storage::Schema schema = named_graph();
  schema.axis.step_s = 300;
  const ForecastScene scene(schema);
  REQUIRE(write_forecast(path, *scene.forecaster, scene.forecast, file_options(scene)).ok());
  check_holds(header_of(path), {"lead_time:units = \"min\""});
  CHECK(OpenFile(path).values("lead_time") == std::vector<double>{5, 10, 15});
}

TEST_CASE("ForecastFile: a folder that is not there is an error that names the file, no litter") {
  const TempDir folder;
  const ForecastScene scene(named_graph());
  const std::string path = folder.file("nowhere/f.nc");
  const Status status = write_forecast(path, *scene.forecaster, scene.forecast, {});
  CHECK_FALSE(status.ok());
  CHECK(status.message().find(path) != std::string::npos);
  const std::string taken = folder.file("taken");
  std::filesystem::create_directories(taken + "/inside");
  CHECK_FALSE(write_forecast(taken, *scene.forecaster, scene.forecast, {}).ok());
  int64_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    files += entry.is_regular_file() ? 1 : 0;
  }
  CHECK(files == 0);
}

TEST_CASE("NetcdfWriter: names become what CF allows") {
  CHECK(storage::cf_name("PM2.5") == "PM2_5");
  CHECK(storage::cf_name("2m temperature") == "v_2m_temperature");
  CHECK(storage::cf_name("") == "v_");
}

}  // namespace
}  // namespace skipcast::tests
