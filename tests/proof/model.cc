// Model-based test: random operations on an archive and its index against a plain array and brute
// force. --count operations; the archive begins anew when it has grown large.
//   --break=mask: the model forgets erasures (as a reader that skips tombstones would)
//   --break=tail: the model's search stops at the last checkpoint (as an index without its tail)
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <random>

#include "retrieval/search/analog_index.h"
#include "storage/upkeep/archive_copy.h"
#include "storage/upkeep/series_verify.h"
#include "tests/support/plain_encoder.h"
#include "tests/support/programme.h"
#include "tests/support/series.h"

namespace skipcast::tests {
namespace {

namespace fs = std::filesystem;
using retrieval::AnalogIndex;
using retrieval::AnalogResult;
using retrieval::Neighbour;

constexpr int64_t kVariables = 2, kPlaces = 3, kWidth = kVariables * kPlaces;
constexpr int64_t kStatesMax = 3000;
constexpr storage::WindowSpec kSpec{4, 3};
constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

// The truth: values [states, variables, places].
struct Truth {
  std::vector<float> values;
  std::string tasks = "[]";
  int64_t states() const { return static_cast<int64_t>(values.size()) / kWidth; }
};

class Model {
 public:
  Model(const Arguments& arguments, const MemoryDir& folder)
      : arguments_(arguments),
        path_(folder.file("a")),
        copy_(folder.file("copy")),
        random_(arguments.seed) {}

  // "" or what differed, and at which operation.
  std::string run() {
    std::string wrong = begin();
    for (int64_t i = 0; i < arguments_.count && wrong.empty(); ++i) {
      wrong = truth_.states() > kStatesMax ? begin() : step();
      if (!wrong.empty()) {
        wrong = fmt::format("operation {} ({}): {}; again with --seed={} --count={}", i, doing_,
                            wrong, arguments_.seed, i + 1);
      }
      ++done_[doing_];
      if (i % 100'000 == 99'999) fmt::print("{} operations\n", i + 1), std::fflush(stdout);
    }
    for (const auto& [name, count] : done_) fmt::print("{:<10}{:>10}\n", name, count);
    return wrong;
  }

 private:
  int64_t below(int64_t limit) {
    return std::uniform_int_distribution<int64_t>(0, limit - 1)(random_);
  }
  std::string say(const char* what, const Status& status) {
    return status.ok() ? "" : fmt::format("{}: {}", what, status.message());
  }

  std::string begin() {
    doing_ = "create";
    index_.reset();
    store_.reset();
    fs::remove_all(path_);
    truth_ = Truth();
    auto made = storage::SeriesStore::create(
        path_, small_schema(kVariables, kPlaces,
                            below(2) == 0 ? storage::Codec::kFloat32 : storage::Codec::kZstd));
    if (!made.ok()) return say("create", made.status());
    store_ = std::move(made).value();
    return open_index();
  }

  std::string open_index() {
    index_.reset();
    auto made = AnalogIndex::open(*store_, std::make_shared<PlainEncoder>(*store_, kSpec),
                                  {.spec = kSpec, .path = path_ + "/index.skx"});
    if (!made.ok()) return say("index", made.status());
    index_ = std::move(made).value();
    checkpointed_ = truth_.states();
    return "";
  }

  std::string step() {
    const int64_t dice = below(1000);
    if (dice < 350) return read();
    if (dice < 600) return search();
    if (dice < 900) return append();
    if (dice < 910) return erase();
    if (dice < 978) return follow();
    if (dice < 986) return set_tasks();
    if (dice < 995) return reopen();
    if (dice < 997) return rebuild();
    if (dice < 999) return backup();
    return compact();
  }

  std::string read() {
    doing_ = "read";
    const int64_t size = store_->size();
    if (size != truth_.states()) return fmt::format("{} states, not {}", size, truth_.states());
    if (size == 0) return "";
    const int64_t count = 1 + below(std::min<int64_t>(size, 150)), first = below(size - count + 1);
    const auto variable = static_cast<int32_t>(below(kVariables));
    std::vector<float> got(static_cast<size_t>(count * kPlaces));
    const Status status = store_->read(first, count, {&variable, 1}, got);
    if (!status.ok()) return status.message();
    for (int64_t i = 0; i < count * kPlaces; ++i) {
      const float want = truth_.values[static_cast<size_t>(
          ((first + i / kPlaces) * kVariables + variable) * kPlaces + i % kPlaces)];
      if (!same(got[static_cast<size_t>(i)], want)) {
        return fmt::format("state {}: {} instead of {}", first + i / kPlaces,
                           got[static_cast<size_t>(i)], want);
      }
    }
    return "";
  }

  std::string append() {
    doing_ = "append";
    const int64_t size = truth_.states();
    const int64_t overlap = below(4) == 0 ? below(std::min<int64_t>(size, 20) + 1) : 0;
    const int64_t fresh = below(10) == 0 ? below(200) : below(6);
    storage::StateBlock block{.first = size - overlap, .states = overlap + fresh};
    if (block.states == 0) return "";
    block.values.assign(truth_.values.end() - overlap * kWidth, truth_.values.end());
    for (int64_t i = 0; i < fresh * kWidth; ++i) {
      block.values.push_back(below(15) == 0 ? kMissing : static_cast<float>(below(50)));
    }
    if (overlap > 0 && below(5) == 0) return contradict(block);
    const auto receipt = store_->append(block);
    if (!receipt.ok()) return receipt.status().message();
    truth_.values.insert(truth_.values.end(), block.values.end() - fresh * kWidth,
                         block.values.end());
    return receipt->states_added == fresh ? "" : "another number of states was added";
  }

  // Another value where one is stored must be refused, and change nothing.
  std::string contradict(storage::StateBlock block) {
    const auto known = std::find_if(block.values.begin(), block.values.end(),
                                    [](float value) { return !std::isnan(value); });
    if (known >= block.values.begin() + (truth_.states() - block.first) * kWidth) return "";
    *known += 1;
    const Code code = store_->append(block).status().code();
    return code == Code::kRefused ? "" : "a contradiction was taken";
  }

  std::string erase() {
    doing_ = "erase";
    const int64_t size = truth_.states();
    if (size == 0) return "";
    storage::Erasure erasure{.first = below(size)};
    erasure.states = 1 + below(std::min<int64_t>(size - erasure.first, 30));
    for (int32_t place = 0; place < kPlaces; ++place) {
      if (below(3) == 0) erasure.places.push_back(place);
    }
    const Status status = store_->erase(erasure);
    if (!status.ok()) return status.message();
    if (arguments_.broken == "mask") return "";
    for (int64_t i = erasure.first * kWidth; i < (erasure.first + erasure.states) * kWidth; ++i) {
      const bool hit = erasure.places.empty() ||
                       std::count(erasure.places.begin(), erasure.places.end(), i % kPlaces) > 0;
      if (hit) truth_.values[static_cast<size_t>(i)] = kMissing;
    }
    return say("follow", index_->follow());  // answers leave erased windows out until then
  }

  std::string set_tasks() {
    doing_ = "set_tasks";
    const std::string tasks = fmt::format("[{}]", below(1000));
    const Status status = store_->set_tasks(tasks);
    if (status.ok()) truth_.tasks = tasks;
    return say("set_tasks", status);
  }

  std::string follow() {
    doing_ = "follow";
    checkpointed_ = truth_.states();
    return say("follow", index_->follow());
  }

  std::string reopen() {
    doing_ = "reopen";
    index_.reset();
    store_.reset();
    auto opened = storage::SeriesStore::open(path_, storage::OpenMode::kReadWrite);
    if (!opened.ok()) return opened.status().message();
    store_ = std::move(opened).value();
    if (store_->schema().tasks_json != truth_.tasks) return "other tasks";
    return open_index();
  }

  // The index is a cache: without its files it comes back the same.
  std::string rebuild() {
    index_.reset();
    fs::remove(path_ + "/index.skx");
    if (below(2) == 0) fs::remove(path_ + "/index.skx.previous");
    const std::string wrong = reopen();
    doing_ = "rebuild";
    return wrong;
  }

  std::string backup() {
    index_.reset();
    store_.reset();
    fs::remove_all(copy_);
    const auto report = storage::copy_archive(path_, copy_, {});
    if (!report.ok()) return report.status().message();
    fs::remove_all(path_);
    fs::rename(copy_, path_);
    const std::string wrong = reopen();
    doing_ = "backup";
    return wrong;
  }

  std::string compact() {
    index_.reset();
    store_.reset();
    const auto report = storage::compact_archive(path_, {});
    if (!report.ok()) return report.status().message();
    const std::string wrong = reopen();
    doing_ = "compact";
    return wrong;
  }

  std::vector<float> embedding(int64_t origin) const {
    const auto from = truth_.values.begin() + (origin - kSpec.context_states + 1) * kWidth;
    std::vector<float> row(from, from + kSpec.context_states * kWidth);
    PlainEncoder::embed(row);
    return row;
  }

  bool has_future(int64_t origin) const {
    const auto from = truth_.values.begin() + (origin + 1) * kWidth;
    return std::any_of(from, from + kSpec.future_states * kWidth,
                       [](float value) { return !std::isnan(value); });
  }

  // The k nearest windows that the guard allows, by looking at all of them.
  std::vector<Neighbour> brute_force(int64_t query, const retrieval::Guard& guard,
                                     int64_t k) const {
    const std::vector<float> wanted = embedding(query);
    std::vector<Neighbour> found;
    int64_t last = truth_.states() - kSpec.future_states - 1;
    if (arguments_.broken == "tail") last = std::min(last, checkpointed_ - kSpec.future_states - 1);
    for (int64_t origin = kSpec.context_states - 1; origin <= last; ++origin) {
      if (!retrieval::usable(guard, query, origin) || !has_future(origin)) continue;
      const std::vector<float> row = embedding(origin);
      if (std::isnan(row[0])) continue;
      float distance = 0;
      for (size_t i = 0; i < row.size(); ++i) {
        distance += (row[i] - wanted[i]) * (row[i] - wanted[i]);
      }
      found.push_back({origin, distance});
    }
    std::sort(found.begin(), found.end(), [](const Neighbour& a, const Neighbour& b) {
      return a.distance != b.distance ? a.distance < b.distance : a.origin < b.origin;
    });
    if (static_cast<int64_t>(found.size()) > k) found.resize(static_cast<size_t>(k));
    return found;
  }

  std::string search() {
    doing_ = "search";
    const int64_t size = truth_.states();
    if (size < kSpec.span()) return "";
    const int64_t query = kSpec.context_states - 1 + below(size - kSpec.context_states + 1);
    if (std::isnan(embedding(query)[0])) return "";
    retrieval::Guard guard{.spec = kSpec, .past_only = below(4) != 0, .band = below(3) == 0};
    if (below(3) == 0) guard.frozen_states = below(size + 1);
    const int64_t k = 1 + below(12);
    const Result<AnalogResult> got = index_->search(query, guard, {.k = k, .fewer_is_ok = true});
    if (!got.ok()) return got.status().message();
    const std::vector<Neighbour> want = brute_force(query, guard, k);
    if (got->analogs == want) return "";
    return fmt::format("query {} of {} states, k {}: [{}] instead of [{}]", query, size, k,
                       text(got->analogs), text(want));
  }

  static std::string text(const std::vector<Neighbour>& found) {
    std::string list;
    for (const Neighbour& each : found) list += fmt::format(" {}:{}", each.origin, each.distance);
    return list;
  }

  const Arguments arguments_;
  const std::string path_, copy_;
  std::mt19937_64 random_;
  Truth truth_;
  std::unique_ptr<storage::SeriesStore> store_;
  std::unique_ptr<AnalogIndex> index_;
  int64_t checkpointed_ = 0;
  std::string doing_;
  std::map<std::string, int64_t> done_;
};

}  // namespace
}  // namespace skipcast::tests

int main(int argc, char** argv) {
  using namespace skipcast::tests;
  const Arguments arguments = parse_arguments(argc, argv, 10'000, {"mask", "tail"});
  const MemoryDir folder;
  fmt::print("model: seed {}, {} operations\n", arguments.seed, arguments.count);
  return verdict(arguments, Model(arguments, folder).run());
}
