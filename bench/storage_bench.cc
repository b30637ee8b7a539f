// The series store beside RocksDB itself: writing the same bytes with the same sync policy, and
// reading the same rows. Both sides open their database with storage::rocksdb_options().
//   storage_bench [--out FILE.json] [--megabytes 100] [--repetitions 7]
//                 [--only ingest|read]
#include <fmt/format.h>
#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/write_batch.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <random>

#include "bench/pairs.h"
#include "storage/blocks/block_format.h"
#include "storage/series/block_table.h"
#include "storage/series/row_database.h"
#include "storage/series/series_store.h"

namespace {

using namespace skipcast;
using namespace skipcast::storage;
using bench::Pair;

constexpr int64_t kBlockBytes = 4 << 20;
constexpr int kWindows = 10'000;

void require(bool ok, const std::string& what) {
  if (ok) return;
  fmt::print(stderr, "storage_bench: {}\n", what);
  std::exit(1);
}

// The same memory for caching as SeriesStore has: 70 MiB of rows, 2 MiB of blocks.
rocksdb::Options raw_options() {
  return rocksdb_options({.compress = true, .block_cache_bytes = size_t{72} << 20});
}

struct Shape {
  std::string name;
  int64_t variables, places;
  Codec codec = Codec::kFloat32;
};

Schema schema_of(const Shape& shape) {
  Schema schema;
  schema.title = shape.name;
  schema.axis.step_s = 3600;
  for (int64_t v = 0; v < shape.variables; ++v) {
    schema.variables.push_back({.name = fmt::format("v{}", v), .units = "1", .codec = shape.codec});
  }
  for (int64_t p = 0; p < shape.places; ++p) schema.places.names.push_back(fmt::format("p{}", p));
  return schema;
}

// Measurements as instruments give them: a daily cycle and noise, with one decimal.
std::vector<StateBlock> make_blocks(const Shape& shape, int64_t bytes) {
  const int64_t state_values = shape.variables * shape.places;
  const int64_t states = std::max<int64_t>(1, kBlockBytes / (state_values * 4));
  std::mt19937 random(1);
  std::normal_distribution<float> noise;
  std::vector<StateBlock> blocks;
  for (int64_t first = 0; first * state_values * 4 < bytes; first += states) {
    StateBlock block{.first = first, .states = states};
    block.values.resize(states * state_values);
    for (int64_t i = 0; i < states * state_values; ++i) {
      const double hour = static_cast<double>(first + i / state_values);
      const float value = 50 + 20 * std::sin(hour * 0.2618) + 5 * noise(random);
      block.values[i] = std::round(value * 10) / 10;
    }
    blocks.push_back(std::move(block));
  }
  return blocks;
}

// What a program without skipcast would hand to RocksDB: the same rows under the same keys.
struct RawBatch {
  std::vector<std::pair<std::string, std::string>> rows;
};

std::string raw_row(const Shape& shape, const StateBlock& block, const RowId& row) {
  std::string value;
  for (int64_t s = row.first - block.first; s < row.first - block.first + row.states; ++s) {
    const float* from = &block.values[(s * shape.variables + row.variable) * shape.places];
    value.append(reinterpret_cast<const char*>(from), shape.places * sizeof(float));
  }
  return value;
}

RawBatch raw_batch(const Shape& shape, const StateBlock& block) {
  RawBatch batch;
  for (int32_t v = 0; v < shape.variables; ++v) {
    for (RowId row : cut_rows(block.first, block.states, row_states_for(shape.places))) {
      row.variable = v;
      batch.rows.push_back({row_key(row), raw_row(shape, block, row)});
    }
  }
  return batch;
}

std::vector<RawBatch> make_raw(const Shape& shape, const std::vector<StateBlock>& blocks) {
  std::vector<RawBatch> batches;
  for (const StateBlock& block : blocks) batches.push_back(raw_batch(shape, block));
  return batches;
}

double ingest_ours(const std::string& folder, const Shape& shape,
                   const std::vector<StateBlock>& blocks) {
  std::filesystem::remove_all(folder);
  auto store = SeriesStore::create(folder, schema_of(shape));
  require(store.ok(), store.status().message());
  std::unique_ptr<SeriesStore> owned = std::move(store).value();
  return bench::seconds_of([&] {
    for (const StateBlock& block : blocks) require(owned->append(block).ok(), "append failed");
    owned.reset();
  });
}

double ingest_raw(const std::string& folder, const std::vector<RawBatch>& batches) {
  std::filesystem::remove_all(folder);
  rocksdb::Options options = raw_options();
  options.create_if_missing = true;
  rocksdb::DB* db = nullptr;
  require(rocksdb::DB::Open(options, folder, &db).ok(), "raw open failed");
  std::unique_ptr<rocksdb::DB> owned(db);
  rocksdb::WriteOptions sync;
  sync.sync = true;
  return bench::seconds_of([&] {
    for (const RawBatch& raw : batches) {
      rocksdb::WriteBatch batch;
      for (const auto& [key, value] : raw.rows) require(batch.Put(key, value).ok(), "put");
      require(owned->Write(sync, &batch).ok(), "raw write failed");
    }
    owned.reset();
  });
}

Pair ingest_pair(const std::string& folder, const Shape& shape, int64_t bytes, int repetitions) {
  const std::vector<StateBlock> blocks = make_blocks(shape, bytes);
  const std::vector<RawBatch> raw = make_raw(shape, blocks);
  double total = 0;
  for (const StateBlock& block : blocks) total += static_cast<double>(block.values.size()) * 4e-6;
  const bench::Medians medians = bench::interleaved(
      repetitions, [&] { return ingest_ours(folder + "/ours", shape, blocks); },
      [&] { return ingest_raw(folder + "/raw", raw); });
  const double ratio = medians.raw_s / medians.ours_s;
  return {fmt::format("ingest {:.0f} MB, {}", total, shape.name),
          total / medians.ours_s,
          total / medians.raw_s,
          "MB/s",
          ratio,
          ">= 0.80",
          ratio >= 0.80};
}

struct Windows {
  int64_t states = 48;
  std::vector<int64_t> firsts;
};

double read_ours(const SeriesStore& store, const Windows& windows) {
  std::vector<int32_t> variables(store.schema().variables.size());
  for (size_t v = 0; v < variables.size(); ++v) variables[v] = static_cast<int32_t>(v);
  std::vector<float> out(windows.states * store.schema().state_values());
  return bench::seconds_of([&] {
    for (const int64_t first : windows.firsts) {
      require(store.read(first, windows.states, variables, out).ok(), "read failed");
    }
  });
}

// Gets of the same rows; with copy_, also what makes them a window: the asked states, copied to
// where a caller wants them. Without it RocksDB only pins the bytes in its cache.
class RawReader {
 public:
  RawReader(rocksdb::DB& db, const Shape& shape, bool copy) : db_(db), shape_(shape), copy_(copy) {}

  double read(const Windows& windows) {
    out_.resize(windows.states * shape_.variables * state_bytes_);
    return bench::seconds_of([&] {
      for (const int64_t first : windows.firsts) read_window(first, first + windows.states);
    });
  }

 private:
  void read_window(int64_t first, int64_t end) {
    for (int32_t v = 0; v < shape_.variables; ++v) {
      for (int64_t row = first / row_states_ * row_states_; row < end; row += row_states_) {
        value_.Reset();
        const std::string key = row_key({RowKind::kPiece, v, row, row_states_});
        require(db_.Get({}, db_.DefaultColumnFamily(), key, &value_).ok(), "raw get failed");
        if (copy_) copy_states(v, row, first, end);
      }
    }
  }
  void copy_states(int32_t variable, int64_t row, int64_t first, int64_t end) {
    for (int64_t s = std::max(first, row); s < std::min(end, row + row_states_); ++s) {
      std::memcpy(&out_[((s - first) * shape_.variables + variable) * state_bytes_],
                  value_.data() + (s - row) * state_bytes_, state_bytes_);
    }
  }

  rocksdb::DB& db_;
  const Shape& shape_;
  const bool copy_;
  const int64_t row_states_ = row_states_for(shape_.places);
  const size_t state_bytes_ = shape_.places * sizeof(float);
  rocksdb::PinnableSlice value_;
  std::vector<char> out_;
};

std::vector<Pair> read_pairs(const std::string& folder, const Shape& shape, int64_t bytes,
                             int repetitions) {
  std::vector<StateBlock> blocks = make_blocks(shape, bytes);
  const int64_t row_states = row_states_for(shape.places);
  for (StateBlock& block : blocks) {  // whole rows, so that both sides read the same ones
    block.states = block.states / row_states * row_states;
    block.values.resize(block.states * shape.variables * shape.places);
  }
  for (size_t i = 1; i < blocks.size(); ++i) {
    blocks[i].first = blocks[i - 1].first + blocks[i - 1].states;
  }
  ingest_ours(folder + "/ours", shape, blocks);
  ingest_raw(folder + "/raw", make_raw(shape, blocks));
  auto store = SeriesStore::open(folder + "/ours", OpenMode::kReadWrite);
  require(store.ok(), store.status().message());
  rocksdb::DB* db = nullptr;
  require(rocksdb::DB::Open(raw_options(), folder + "/raw", &db).ok(), "raw open");
  const std::unique_ptr<rocksdb::DB> raw(db);
  Windows windows;
  std::mt19937_64 random(2);
  for (int i = 0; i < kWindows; ++i) {
    windows.firsts.push_back(random() % ((*store)->size() - windows.states + 1));
  }
  std::vector<Pair> pairs;
  for (const bool copy : {true, false}) {
    RawReader reader(*raw, shape, copy);
    const bench::Medians medians = bench::interleaved(
        repetitions, [&] { return read_ours(**store, windows); },
        [&] { return reader.read(windows); });
    const double ratio = medians.raw_s / medians.ours_s;
    pairs.push_back({fmt::format("10k windows, {} MB, {}{}", bytes / 1'000'000, shape.name,
                                 copy ? "" : ", raw not copied"),
                     kWindows / medians.ours_s, kWindows / medians.raw_s, "windows/s", ratio,
                     copy ? ">= 0.80" : "for information", !copy || ratio >= 0.80});
  }
  return pairs;
}

std::string text_option(int argc, char** argv, const std::string& name) {
  for (int i = 1; i + 1 < argc; ++i) {
    if (argv[i] == name) return argv[i + 1];
  }
  return "";
}

double option(int argc, char** argv, const std::string& name, double otherwise) {
  const std::string text = text_option(argc, argv, name);
  return text.empty() ? otherwise : std::atof(text.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  const auto bytes = static_cast<int64_t>(option(argc, argv, "--megabytes", 100) * 1e6);
  const int repetitions = static_cast<int>(option(argc, argv, "--repetitions", 7));
  std::string pattern = (std::filesystem::temp_directory_path() / "skipcast-bench-XXXXXX").string();
  require(mkdtemp(pattern.data()) != nullptr, "no temporary folder");
  const Shape city{"11 variables x 12 places", 11, 12};
  const Shape roads{"1 variable x 170 places", 1, 170};
  const Shape grid{"1 variable x 10,512 cells", 1, 10'512};
  const std::string only = text_option(argc, argv, "--only");
  std::vector<Pair> pairs;
  for (const Shape& shape : {city, roads, grid}) {
    if (only == "read") break;
    pairs.push_back(ingest_pair(pattern, shape, bytes, repetitions));
  }
  for (const Shape& shape : {city, roads, grid}) {
    if (only == "ingest") break;
    for (const Pair& pair : read_pairs(pattern, shape, bytes, repetitions)) pairs.push_back(pair);
  }
  std::filesystem::remove_all(pattern);
  return bench::report(pairs, bench::out_file(argc, argv));
}
