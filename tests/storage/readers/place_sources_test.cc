// labels: unit
#include "storage/readers/place_sources.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "tests/storage/readers/foreign_files.h"

using namespace skipcast;
using namespace skipcast::tests;

namespace {

// A wide table of two places whose names and coordinates are in a station file.
struct Stations {
  TempDir dir;
  std::string data = write_text(dir.file("a.csv"), "time,p,q\n2016-01-01,1,2\n2016-01-02,3,4\n");
  ReadStates read(const std::string& stations, const std::string& places = kNamed) {
    const std::string recipe = write_text(
        dir.file("r.json"), R"({"variables": [{"name": "v"}], "places": )" + places + "}");
    write_text(dir.file("s.csv"), stations);
    return read_states({data}, recipe);
  }
  static constexpr const char* kNamed =
      R"({"file": "s.csv", "name_column": "id", "lat_column": "y", "lon_column": "x"})";
};

// Two places with the adjacency that the recipe gives.
struct Joined {
  TempDir dir;
  ReadStates read(const std::string& adjacency) {
    const std::string recipe = write_text(
        dir.file("r.json"), R"({"variables": [{"name": "v"}], "adjacency": )" + adjacency + "}");
    const std::string table = "time,p,q\n2016-01-01,1,2\n2016-01-02,3,4\n";
    return read_states({write_text(dir.file("a.csv"), table)}, recipe);
  }
  ReadStates read_dense(const std::string& bytes) {
    write_text(dir.file("adj.npy"), bytes);
    return read(R"({"file": "adj.npy"})");
  }
  ReadStates read_sparse(const std::map<std::string, std::string>& changed) {
    std::map<std::string, std::string> arrays = {{"format", npy_bytes("'|S3'", "()", "csr")},
                                                 {"shape", npy<int64_t>("<i8", "(2,)", {2, 2})},
                                                 {"indptr", npy<int32_t>("<i4", "(3,)", {0, 1, 2})},
                                                 {"indices", npy<int32_t>("<i4", "(2,)", {1, 0})},
                                                 {"data", npy<double>("<f8", "(2,)", {0.5, 2})}};
    for (const auto& [name, bytes] : changed) arrays[name] = bytes;
    std::erase_if(arrays, [](const auto& array) { return array.second.empty(); });
    write_npz(dir.file("adj.npz"), arrays);
    return read(R"({"file": "adj.npz"})");
  }
};

}  // namespace

TEST_CASE("Stations: names and degrees come from the columns the recipe names") {
  Stations stations;
  const ReadStates read = stations.read("x,id,y\n7.5,q,51\n-8,p,52.25\n");
  REQUIRE(read.status.ok());
  CHECK(read.schema.places.names == std::vector<std::string>{"q", "p"});
  CHECK(read.schema.places.lat == std::vector<double>{51, 52.25});
  CHECK(read.schema.places.lon == std::vector<double>{7.5, -8});
  CHECK(read.at(0, 0, 0) == 2.0F);  // columns follow the station file's order
  CHECK(read.at(1, 0, 1) == 3.0F);
}

TEST_CASE("Stations: without a name column, the first column and no header") {
  Stations stations;
  const ReadStates read = stations.read("p,51\nq,52\n", R"({"file": "s.csv"})");
  REQUIRE(read.status.ok());
  CHECK(read.schema.places.names == std::vector<std::string>{"p", "q"});
  CHECK(read.schema.places.lat.empty());
}

TEST_CASE("Stations: the file may lie beside the recipe or at the path as given") {
  Stations stations;
  const std::string folder = stations.dir.file("recipes");
  std::filesystem::create_directory(folder);
  const std::string recipe = write_text(folder + "/r.json", R"({"variables": [{"name": "v"}],
    "places": {"file": "near.csv"}})");
  write_text(folder + "/near.csv", "q\np\n");
  CHECK(read_states({stations.data}, recipe).schema.places.names.at(0) == "q");
  std::filesystem::remove(folder + "/near.csv");
  check_failure(read_states({stations.data}, recipe).status, Code::kNotFound,
                {"r.json", "'near.csv'", stations.dir.file("near.csv"), folder + "/near.csv"});
  const std::string far = write_text(stations.dir.file("far.csv"), "p\nq\n");
  CHECK(stations.read("", R"({"file": ")" + far + R"("})").status.ok());
}

TEST_CASE("Bad stations: columns, degrees and short lines name file, line and column") {
  Stations stations;
  check_failure(stations.read("x,name,y\n7,p,51\n").status, Code::kBadInput,
                {"s.csv, line 1", "no column 'id'", "places"});
  check_failure(stations.read("x,id,lat\n7,p,51\n").status, Code::kBadInput,
                {"s.csv, line 1", "no column 'y'"});
  check_failure(stations.read("lon,id,y\n7,p,51\n").status, Code::kBadInput,
                {"s.csv, line 1", "no column 'x'"});
  check_failure(stations.read("x,id,y\n7,p,51\n8,q,north\n").status, Code::kBadInput,
                {"s.csv, line 3, column 3", "'north'", "degrees"});
  check_failure(stations.read("x,id,y\n7,p,5100\n").status, Code::kBadInput,
                {"line 2, column 3", "'5100'"});
  check_failure(stations.read("x,id,y\n7,p,nan\n").status, Code::kBadInput,
                {"line 2, column 3", "'nan'"});
  check_failure(stations.read("x,id,y\n7,p\n").status, Code::kBadInput,
                {"s.csv, line 2, column 3", "nothing"});
  check_failure(stations.read("x,id,y\n7\n").status, Code::kBadInput,
                {"s.csv, line 2", "no name of a place", "complete"});
  check_failure(stations.read("").status, Code::kBadInput, {"s.csv", "no column 'id'"});
}

TEST_CASE("Bad stations: what does not fit the data or itself") {
  Stations stations;
  check_failure(stations.read("x,id,y\n7,p,51\n8,r,52\n").status, Code::kBadInput,
                {"a.csv, line 1", "no column 'r'"});
  check_failure(stations.read("x,id,y\n7,p,51\n8,p,52\n").status, Code::kBadInput,
                {"both called 'p'", "unique"});
  check_failure(
      stations
          .read("x,id\n7,p\n8,q\n", R"({"file": "s.csv", "name_column": "id", "lon_column": "x"})")
          .status,
      Code::kBadInput, {"0 latitudes and 2 longitudes"});
  check_failure(stations.read("", R"({"file": "s.csv", "lat_column": "y"})").status,
                Code::kBadInput, {"r.json", "\"places.name_column\"", "lat_column"});
  check_failure(stations.read("", R"({"name_column": "id"})").status, Code::kBadInput,
                {"r.json", "\"places.file\"", "name_column"});
}

TEST_CASE("Adjacency: dense arrays in both orders of memory") {
  Joined joined;
  const ReadStates rows = joined.read_dense(npy<double>("<f8", "(2, 2)", {0, 1, 2, 3}));
  REQUIRE(rows.status.ok());
  CHECK(rows.schema.places.adjacency == std::vector<float>{0, 1, 2, 3});
  const ReadStates columns =
      joined.read_dense(npy_bytes("'<f8'", "(2, 2)", raw_bytes<double>({0, 1, 2, 3}), true));
  REQUIRE(columns.status.ok());
  CHECK(columns.schema.places.adjacency == std::vector<float>{0, 2, 1, 3});
}

TEST_CASE("Bad adjacency: dense weights and shapes name the file and the place in it") {
  Joined joined;
  check_failure(joined.read_dense(npy<double>("<f8", "(2, 2)", {0, 1, -2, 3})).status,
                Code::kBadInput, {"adj.npy, row 2, column 1", "-2", "write 0"});
  check_failure(
      joined.read_dense(npy_bytes("'<f8'", "(2, 2)", raw_bytes<double>({0, 1, -2, 3}), true))
          .status,
      Code::kBadInput, {"adj.npy, row 1, column 2", "-2"});
  check_failure(joined.read_dense(npy<double>("<f8", "(2, 2)", {0, 1e300, 2, 3})).status,
                Code::kBadInput, {"adj.npy, row 1, column 2", "1e+300", "32-bit"});
  check_failure(joined.read_dense(npy<double>("<f8", "(4,)", {0, 1, 2, 3})).status, Code::kBadInput,
                {"adj.npy", "[4]", "2 places", "[2, 2]"});
  check_failure(joined.read_dense(npy_texts({"a", "b"}, 1)).status, Code::kBadInput,
                {"adj.npy", "[2]"});
  check_failure(joined.read_dense("no array").status, Code::kBadInput, {"adj.npy", "npy"});
}

TEST_CASE("Bad adjacency: a table's cells, rows and array names") {
  Joined joined;
  const auto table = [&](const std::string& text) {
    write_text(joined.dir.file("adj.csv"), text);
    return joined.read(R"({"file": "adj.csv"})").status;
  };
  check_failure(table("0,1\nx,0\n"), Code::kBadInput,
                {"adj.csv, line 2, column 1", "'x'", "write 0"});
  check_failure(table("0,1\n1,0\n1,1\n"), Code::kBadInput, {"adj.csv", "more than 2 rows"});
  check_failure(table("0,1e39\n1,0\n"), Code::kBadInput, {"adj.csv, line 1, column 2", "1e+39"});
  check_failure(joined.read(R"({"array": "adj"})").status, Code::kBadInput,
                {"a.csv", "'adj'", "no npz", "\"adjacency\""});
  check_failure(joined.read(R"({"file": "gone.npz"})").status, Code::kNotFound,
                {"r.json", "'gone.npz'"});
}

TEST_CASE("Bad adjacency: sparse files that other tools wrote, cut or bent") {
  Joined joined;
  const ReadStates good = joined.read_sparse({});
  REQUIRE(good.status.ok());
  CHECK(good.schema.places.adjacency == std::vector<float>{0, 0.5F, 2, 0});
  check_failure(joined.read_sparse({{"format", npy_bytes("'|S3'", "()", "coo")}}).status,
                Code::kBadInput, {"adj.npz", "'coo'", "tocsr"});
  check_failure(joined.read_sparse({{"format", ""}}).status, Code::kBadInput,
                {"adj.npz", "\"array\""});
  check_failure(joined.read_sparse({{"indptr", ""}}).status, Code::kNotFound,
                {"adj.npz", "'indptr'"});
  check_failure(joined.read_sparse({{"shape", npy<int64_t>("<i8", "(2,)", {2, 3})}}).status,
                Code::kBadInput, {"adj.npz", "[2, 3]", "2 places"});
  check_failure(joined.read_sparse({{"data", npy<double>("<f8", "(2,)", {-1, 2})}}).status,
                Code::kBadInput, {"adj.npz, entry 0", "-1"});
  for (const auto& array :
       std::map<std::string, std::string>{{"indptr", npy<int32_t>("<i4", "(2,)", {0, 1})},
                                          {"indices", npy<int32_t>("<i4", "(1,)", {1})},
                                          {"data", npy<double>("<f8", "(1,)", {1})}}) {
    INFO(array.first);
    check_failure(joined.read_sparse({array}).status, Code::kBadInput,
                  {"adj.npz", "do not fit together"});
  }
  for (const std::vector<int32_t>& begins :
       {std::vector<int32_t>{-1, 1, 2}, {0, 2, 1}, {0, 1, 3}}) {
    check_failure(joined.read_sparse({{"indptr", npy("<i4", "(3,)", begins)}}).status,
                  Code::kBadInput, {"adj.npz", "do not fit together"});
  }
  check_failure(joined.read_sparse({{"indices", npy<int32_t>("<i4", "(2,)", {-1, 0})}}).status,
                Code::kBadInput, {"adj.npz", "do not fit together"});
  const std::string bytes = read_text(joined.dir.file("adj.npz"));
  write_text(joined.dir.file("adj.npz"), bytes.substr(0, bytes.size() / 2));
  check_failure(joined.read(R"({"file": "adj.npz"})").status, Code::kBadInput,
                {"adj.npz", "cut short"});
}

TEST_CASE("Adjacency: refused for grids and for more places than a table can hold") {
  TempDir dir;
  const std::string recipe = write_text(dir.file("r.json"), R"({
    "time": {"start": "2013-01-01", "step": "1 h"}, "adjacency": {"file": "adj.csv"},
    "places": {"grid": true, "lat": [1, 2], "lon": [1]}, "variables": [{"name": "v"}]})");
  const std::string file =
      write_npz(dir.file("g.npz"), {{"v", npy<float>("<f4", "(1, 2, 1)", {1, 2})}});
  check_failure(read_states({file}, recipe).status, Code::kBadInput,
                {"r.json", "grid", "\"adjacency\"", "remove"});
  const std::string many = write_text(dir.file("m.json"), R"({
    "time": {"start": "2013-01-01", "step": "1 h"}, "adjacency": {"file": "adj.csv"},
    "variables": [{"name": "v"}]})");
  write_text(dir.file("adj.csv"), "0\n");
  const std::vector<float> row(16385, 1.0F);
  const std::string wide = write_npz(dir.file("w.npz"), {{"v", npy("<f4", "(1, 16385)", row)}});
  check_failure(read_states({wide}, many).status, Code::kBadInput,
                {"adj.csv", "16385 places", "16384 at most", "leave it out"});
}
