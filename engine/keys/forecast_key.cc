#include "engine/keys/forecast_key.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "engine/keys/analog_keys.h"
#include "engine/keys/key_table.h"
#include "storage/files/checksum.h"
#include "storage/files/file_io.h"
#include "storage/files/fingerprint.h"
#include "storage/schema/window.h"

namespace skipcast::engine {
namespace {

// File: header, origins, means; little-endian. The checksum covers all of it.
constexpr char kMagic[8] = {'S', 'K', 'X', 'M', 'E', 'A', 'N', '2'};
constexpr int64_t kFileBytesMax = int64_t{16} << 30;
constexpr int64_t kBatch = 256;  // windows evaluated at once

struct Header {
  char magic[8];
  char store_id[32];
  char model[16];
  int64_t rows;
  int64_t values;
  uint32_t crc;
  uint32_t chain;  // of the archive's history up to `block`
  int64_t block;
};
static_assert(sizeof(Header) == 88);

void copy_text(const std::string& text, std::span<char> field) {
  std::fill(field.begin(), field.end(), '\0');
  std::copy_n(text.begin(), std::min(text.size(), field.size()), field.begin());
}

Header header_for(const storage::SeriesStore& store, const Model& model, int64_t values) {
  Header header = {};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  copy_text(store.store_id(), header.store_id);
  copy_text(model.fingerprint(), header.model);
  header.values = values;
  return header;
}

bool same_source(const Header& a, const Header& b) {
  return std::memcmp(&a, &b, offsetof(Header, rows)) == 0 && a.values == b.values;
}

int64_t payload_bytes(const Header& header) {
  return header.rows * (static_cast<int64_t>(sizeof(int64_t)) +
                        header.values * static_cast<int64_t>(sizeof(float)));
}

// Of the header (its own field as 0) and the payload.
uint32_t checksum_of(Header header, std::string_view payload) {
  header.crc = 0;
  const uint32_t crc = storage::crc32c(0, &header, sizeof header);
  return storage::crc32c(crc, payload.data(), payload.size());
}

// True when the archive has grown out of what the table was made of, and nothing was erased since.
bool still_holds(const storage::SeriesStore& store, const Header& header) {
  const std::vector<storage::Erasure> erasures = store.erasures();
  return storage::has_history(store, header.block, header.chain) &&
         (erasures.empty() || erasures.back().block <= header.block);
}

// "" when the bytes are a table for `wanted`, else why not.
std::string problem_with(std::string_view bytes, const Header& wanted, Header& header) {
  if (bytes.size() < sizeof header) return "is cut short";
  std::memcpy(&header, bytes.data(), sizeof header);
  if (!same_source(header, wanted)) return "belongs to another model or archive";
  const auto payload = static_cast<int64_t>(bytes.size() - sizeof header);
  if (header.rows < 0 || header.rows > payload || payload != payload_bytes(header)) {
    return "has the wrong size";
  }
  if (checksum_of(header, bytes.substr(sizeof header)) != header.crc) return "fails its checksum";
  return "";
}

}  // namespace

MeanTable::MeanTable(std::shared_ptr<const Model> model, const Dataset& dataset)
    : model_(std::move(model)), dataset_(dataset) {
  const Task& task = model_->task();
  made_of_ = dataset.store().last();
  values_ =
      task.spec.future_states * static_cast<int64_t>(task.variables.size()) * dataset.places();
}

Result<std::shared_ptr<MeanTable>> MeanTable::open(std::shared_ptr<const Model> model,
                                                   const Dataset& dataset, const std::string& path,
                                                   const Progress& progress) {
  std::shared_ptr<MeanTable> table(new MeanTable(std::move(model), dataset));
  if (!path.empty()) table->load(path);
  SKIPCAST_TRY_OK(table->extend(path, progress));
  return table;
}

void MeanTable::load(const std::string& path) {
  const Result<std::string> bytes = storage::read_file(path, kFileBytesMax);
  if (!bytes.ok()) {
    if (bytes.status().code() != Code::kNotFound) notes_.push_back(bytes.status().message());
    return;
  }
  Header header;
  const Header wanted = header_for(dataset_.store(), *model_, values_);
  if (const std::string problem = problem_with(*bytes, wanted, header); !problem.empty()) {
    notes_.push_back(fmt::format("{} {}: computed again", path, problem));
    return;
  }
  if (!still_holds(dataset_.store(), header)) {
    notes_.push_back(
        fmt::format("{} was made before states were erased, or of another copy of the "
                    "archive: computed again",
                    path));
    return;
  }
  origins_.resize(header.rows);
  table_.resize(header.rows * values_);
  const char* at = bytes->data() + sizeof header;
  std::memcpy(origins_.data(), at, origins_.size() * sizeof(int64_t));
  std::memcpy(table_.data(), at + origins_.size() * sizeof(int64_t), table_.size() * sizeof(float));
}

Result<int64_t> MeanTable::check_file(const std::string& path) const {
  SKIPCAST_TRY(const std::string bytes, storage::read_file(path, kFileBytesMax));
  Header header;
  const Header wanted = header_for(dataset_.store(), *model_, values_);
  if (bytes.size() >= sizeof header) std::memcpy(&header, bytes.data(), sizeof header);
  const bool sealed =
      bytes.size() >= sizeof header &&
      checksum_of(header, std::string_view(bytes).substr(sizeof header)) == header.crc;
  if (!sealed) return data_loss("it is damaged (its checksum is wrong)");
  if (!problem_with(bytes, wanted, header).empty() || !still_holds(dataset_.store(), header)) {
    return refused("it is out of date; the next use computes it anew");
  }
  const char* at = bytes.data() + sizeof header;
  const size_t origin_bytes = static_cast<size_t>(header.rows) * sizeof(int64_t);
  const size_t mean_bytes = static_cast<size_t>(header.rows * values_) * sizeof(float);
  const bool same = header.rows <= rows() && std::memcmp(at, origins_.data(), origin_bytes) == 0 &&
                    std::memcmp(at + origin_bytes, table_.data(), mean_bytes) == 0;
  if (!same) return data_loss("its means are not those the model makes of this archive");
  return header.rows;
}

Status MeanTable::extend(const std::string& path, const Progress& progress) {
  const Task& task = model_->task();
  const int64_t covered = origins_.empty() ? -1 : origins_.back();
  std::vector<int64_t> fresh =
      storage::window_origins(dataset_.store().schema().axis, task.spec, 0, dataset_.states() - 1);
  fresh.erase(fresh.begin(), std::upper_bound(fresh.begin(), fresh.end(), covered));
  if (fresh.empty()) return {};
  const at::NoGradGuard no_grad;
  const auto total = static_cast<int64_t>(fresh.size());
  bool stopped = false;
  for (int64_t first = 0; first < total && !stopped; first += kBatch) {
    const int64_t count = std::min(kBatch, total - first);
    const std::span<const int64_t> batch(fresh.data() + first, count);
    const at::Tensor mean = model_->past_means(dataset_.contexts(batch), batch).cpu().contiguous();
    SKIPCAST_CHECK(mean.numel() == count * values_);
    origins_.insert(origins_.end(), batch.begin(), batch.end());
    const float* from = mean.const_data_ptr<float>();
    table_.insert(table_.end(), from, from + mean.numel());
    stopped = !tell(progress, {double(first + count) / double(total), "mean forecasts",
                               fmt::format("{} of {} windows", first + count, total)});
  }
  if (!path.empty()) {
    if (const Status saved = save(path); !saved.ok()) notes_.push_back(saved.message());
  }
  if (stopped) return {Code::kInterrupted, "stopped while computing mean forecasts"};
  return {};
}

Status MeanTable::save(const std::string& path) const {
  Header header = header_for(dataset_.store(), *model_, values_);
  header.rows = rows();
  header.block = made_of_.block;
  header.chain = made_of_.chain;
  std::string bytes(sizeof header, '\0');
  bytes.reserve(sizeof header + payload_bytes(header));
  bytes.append(reinterpret_cast<const char*>(origins_.data()), origins_.size() * sizeof(int64_t));
  bytes.append(reinterpret_cast<const char*>(table_.data()), table_.size() * sizeof(float));
  header.crc = checksum_of(header, std::string_view(bytes).substr(sizeof header));
  std::memcpy(bytes.data(), &header, sizeof header);
  return storage::write_file_durably(path, bytes);
}

const float* MeanTable::row_of(int64_t origin) const {
  const auto at = std::lower_bound(origins_.begin(), origins_.end(), origin);
  if (at == origins_.end() || *at != origin) return nullptr;
  return table_.data() + (at - origins_.begin()) * values_;
}

at::Tensor MeanTable::means(std::span<const int64_t> origins) const {
  const Task& task = model_->task();
  const auto count = static_cast<int64_t>(origins.size());
  at::Tensor out = at::empty({count, task.spec.future_states,
                              static_cast<int64_t>(task.variables.size()), dataset_.places()});
  const at::NoGradGuard no_grad;
  for (int64_t i = 0; i < count; ++i) {
    at::Tensor remembered;
    {
      const std::lock_guard lock(memo_mutex_);
      if (const auto at = memo_.find(origins[i]); at != memo_.end()) remembered = at->second.mean;
    }
    if (remembered.defined()) {
      out[i].copy_(remembered);
    } else if (const float* row = row_of(origins[i])) {
      std::copy_n(row, values_, out.mutable_data_ptr<float>() + i * values_);
    } else {
      const std::span<const int64_t> one = origins.subspan(i, 1);
      out[i].copy_(model_->past_means(dataset_.contexts(one), one)[0]);
    }
  }
  return out.to(dataset_.device());
}

std::string MeanTable::fingerprint() const {
  return storage::fingerprint_of("forecast key 1 " + model_->fingerprint());
}

MeanTable::Memo::Memo(MeanTable& table, int64_t origin, const at::Tensor& mean)
    : table_(table), origin_(origin) {
  const std::lock_guard lock(table_.memo_mutex_);
  Remembered& entry = table_.memo_[origin];
  entry.mean = mean;
  ++entry.users;
}

MeanTable::Memo::~Memo() {
  const std::lock_guard lock(table_.memo_mutex_);
  const auto at = table_.memo_.find(origin_);
  if (--at->second.users == 0) table_.memo_.erase(at);
}

namespace {

class ForecastEncoder : public retrieval::Encoder {
 public:
  explicit ForecastEncoder(std::shared_ptr<const MeanTable> table) : table_(std::move(table)) {}

  int64_t dimension() const override { return table_->values(); }
  std::string fingerprint() const override { return table_->fingerprint(); }

  Status encode(std::span<const int64_t> origins, std::span<float> out) const override {
    SKIPCAST_CHECK(out.size() == origins.size() * size_t(table_->values()));
    const at::Tensor means = table_->means(origins).cpu();
    std::copy_n(means.const_data_ptr<float>(), out.size(), out.data());
    return {};
  }

 private:
  std::shared_ptr<const MeanTable> table_;
};

Result<std::unique_ptr<retrieval::Encoder>> forecast_encoder(const KeySource& source,
                                                             const StartOptions&) {
  SKIPCAST_TRY(const std::shared_ptr<MeanTable> table, source.means());
  return projected(make_forecast_encoder(table), source.fit_origins);
}

}  // namespace

std::unique_ptr<retrieval::Encoder> make_forecast_encoder(std::shared_ptr<const MeanTable> table) {
  return std::make_unique<ForecastEncoder>(std::move(table));
}

constinit extern const KeyRow kForecastKey = {.kind = KeyKind::kForecast,
                                              .help = "the network's mean forecast of the context",
                                              .needs_mean = true,
                                              .encoder = forecast_encoder};

}  // namespace skipcast::engine
