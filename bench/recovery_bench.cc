// After a kill: how long until an archive answers again, and how fast a scrub reads.
//   recovery_bench [--out FILE.json] [--windows 10000000] [--dimension 16] [--megabytes 400]
#define FMT_HEADER_ONLY  // with LibTorch the wheel's fmt headers come first

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string_view>

#include "bench/pairs.h"
#include "retrieval/search/analog_index.h"
#include "storage/files/file_io.h"
#include "storage/upkeep/series_verify.h"

namespace {

namespace fs = std::filesystem;
using namespace skipcast;
using bench::Pair;

void require(bool ok, const std::string& what) {
  if (ok) return;
  fmt::print(stderr, "recovery_bench: {}\n", what);
  std::exit(1);
}

storage::Schema schema_of(int64_t places) {
  storage::Schema schema;
  schema.title = "recovery";
  schema.axis.step_s = 3600;
  schema.variables.push_back({.name = "v", .units = "1"});
  for (int64_t p = 0; p < places; ++p) schema.places.names.push_back(fmt::format("p{}", p));
  return schema;
}

// Embeddings that cost next to nothing: a function of the origin.
class NumberEncoder final : public retrieval::Encoder {
 public:
  explicit NumberEncoder(int64_t dimension) : dimension_(dimension) {}
  int64_t dimension() const override { return dimension_; }
  std::string fingerprint() const override { return "numbers"; }
  Status encode(std::span<const int64_t> origins, std::span<float> out) const override {
    for (size_t i = 0; i < out.size(); ++i) {
      const auto mixed = static_cast<uint64_t>(origins[i / static_cast<size_t>(dimension_)]) *
                         (2 * (i % static_cast<size_t>(dimension_)) + 1) * 0x9E3779B97F4A7C15U;
      out[i] = static_cast<float>(mixed >> 40) / 16'777'216;
    }
    return Status();
  }

 private:
  const int64_t dimension_;
};

std::unique_ptr<retrieval::AnalogIndex> open_index(const storage::SeriesStore& store,
                                                   int64_t dimension) {
  auto index = retrieval::AnalogIndex::open(store, std::make_shared<NumberEncoder>(dimension),
                                            {.spec = {1, 1}, .path = store.path() + "/index.skx"});
  require(index.ok(), index.status().message());
  return std::move(index).value();
}

void append_states(storage::SeriesStore& store, int64_t states, int64_t block_states) {
  const int64_t end = store.size() + states, width = store.schema().state_values();
  while (store.size() < end) {
    storage::StateBlock block{.first = store.size()};
    block.states = std::min(block_states, end - store.size());
    for (int64_t i = 0; i < block.states * width; ++i) {
      block.values.push_back(static_cast<float>((block.first * width + i) % 977) / 8);
    }
    const auto receipt = store.append(block);
    require(receipt.ok(), receipt.status().message());
  }
}

// The work in a process that is killed when it is done.
template <typename Work>
void and_die(const Work& work) {
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) {
    work();
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  require(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "the child did not finish");
}

// An archive whose last checkpoint is 1,000 windows old; raw: reading the index file's bytes.
Pair open_pair(const std::string& folder, int64_t windows, int64_t dimension) {
  const std::string path = folder + "/open";
  and_die([&] {
    auto store = storage::SeriesStore::create(path, schema_of(1));
    require(store.ok(), store.status().message());
    append_states(**store, windows, 100'000);
    open_index(**store, dimension);
    for (int i = 0; i < 100; ++i) append_states(**store, 10, 10);
  });
  const double ours = bench::seconds_of([&] {
    const auto store = storage::SeriesStore::open(path, storage::OpenMode::kReadWrite);
    require(store.ok(), store.status().message());
    const auto index = open_index(**store, dimension);
    require(index->rows() == (*store)->size() - 1, "windows are missing");
    const retrieval::Guard guard{.spec = {1, 1}};
    require(index->search((*store)->size() - 1, guard, {.k = 16}).ok(), "no answer");
  });
  const double raw = bench::seconds_of([&] {
    require(storage::read_file(path + "/index.skx", int64_t{1} << 40).ok(), "no index file");
  });
  return {fmt::format("first answer after a kill, {} windows x {}", windows, dimension),
          ours,
          raw,
          "s",
          ours / raw,
          "ours <= 10 s",
          ours <= 10};
}

// Raw: reading the database's files.
Pair scrub_pair(const std::string& folder, int64_t bytes) {
  const std::string path = folder + "/scrub";
  auto store = storage::SeriesStore::create(path, schema_of(200));
  require(store.ok(), store.status().message());
  append_states(**store, bytes / 800, 10'000);
  store = Status(Code::kIo, "closed");
  const double ours = bench::seconds_of([&] {
    const auto report = storage::verify_series(path, {});
    require(report.ok(), report.status().message());
  });
  const double raw = bench::seconds_of([&] {
    for (const auto& entry : fs::directory_iterator(path + "/db")) {
      if (entry.is_regular_file()) (void)storage::read_file(entry.path(), int64_t{1} << 40);
    }
  });
  const double mb = static_cast<double>(bytes) / 1e6;
  return {fmt::format("scrub of {:.0f} MB of states", mb),
          mb / ours,
          mb / raw,
          "MB/s",
          raw / ours,
          "ours >= 200 MB/s",
          mb / ours >= 200};
}

double option(int argc, char** argv, std::string_view name, double otherwise) {
  for (int i = 1; i + 1 < argc; ++i) {
    if (argv[i] == name) return std::atof(argv[i + 1]);
  }
  return otherwise;
}

}  // namespace

int main(int argc, char** argv) {
  std::string folder = (fs::temp_directory_path() / "skipcast-bench-XXXXXX").string();
  require(mkdtemp(folder.data()) != nullptr, "no temporary folder");
  const auto windows = static_cast<int64_t>(option(argc, argv, "--windows", 10'000'000));
  const auto dimension = static_cast<int64_t>(option(argc, argv, "--dimension", 16));
  const auto bytes = static_cast<int64_t>(option(argc, argv, "--megabytes", 400) * 1e6);
  const std::vector<Pair> pairs = {open_pair(folder, windows, dimension),
                                   scrub_pair(folder, bytes)};
  fs::remove_all(folder);
  return bench::report(pairs, bench::out_file(argc, argv));
}
