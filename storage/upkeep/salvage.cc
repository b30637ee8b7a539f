#include "storage/upkeep/salvage.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>

#include "storage/series/archive_making.h"
#include "storage/series/block_table.h"
#include "storage/series/series_store.h"
#include "storage/upkeep/salvage_sources.h"
#include "storage/upkeep/series_verify.h"

namespace skipcast::storage {
namespace {

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();
constexpr int64_t kChunkBytes = int64_t{8} << 20;

// A copy of CONFIG.json stands in for a damaged one.
Result<ArchiveConfig> config_of(const std::string& archive, std::vector<std::string>& notes) {
  Result<ArchiveConfig> config = read_config(archive);
  if (config.ok() || config.status().code() != Code::kDataLoss) return config;
  Result<ArchiveConfig> copy = read_config_copy(archive);
  if (!copy.ok()) return config.status();
  notes.push_back(fmt::format("{}. Its copy was used", config.status().message()));
  return copy;
}

class Salvage {
 public:
  Salvage(const SalvageSources& sources, const ArchiveConfig& config)
      : sources_(sources),
        schema_(config.schema),
        places_(config.schema.places.count()),
        row_states_(row_states_for(places_)),
        erases_(config.format_version > 1) {}

  // Finds the tombstones and how far the series goes; then fills the new archive.
  Result<SalvageReport> run(SeriesStore& to, const std::optional<Receipt>& acknowledged,
                            const Progress& progress);

 private:
  void find_tombstones(int64_t blocks);
  StateBlock read_chunk(int64_t first, int64_t states);
  void read_stretch(int32_t variable, int64_t begin, StateBlock& chunk);
  void count(int32_t variable, int64_t begin, const std::vector<bool>& found);
  void drop_losses_from(int64_t end);

  const SalvageSources& sources_;
  const Schema& schema_;
  const int64_t places_, row_states_;
  const bool erases_;
  SalvageReport report_;
  std::vector<Erasure> erasures_;
  int64_t end_ = 0;        // one past the last state that may be there
  int64_t found_end_ = 0;  // one past the last state of which some row was found
};

// A tombstone that cannot be read would bring back what was erased, so the user is told of every
// block that may have been one.
void Salvage::find_tombstones(int64_t blocks) {
  if (!erases_) return;
  for (int64_t block = 1; block <= blocks; ++block) {
    const std::optional<BlockHeader> header = sources_.header(block);
    if (header && header->states > 0) continue;
    if (const std::optional<Erasure> erasure = sources_.tombstone(block)) {
      erasures_.push_back(*erasure);
    } else {
      report_.notes.push_back(fmt::format(
          "block {} cannot be read: if it erased states, they are back; erase them again", block));
    }
  }
}

// States found[i] of the stretch are there; the others are lost.
void Salvage::count(int32_t variable, int64_t begin, const std::vector<bool>& found) {
  const std::string& name = schema_.variables[static_cast<size_t>(variable)].name;
  const int64_t states = std::min(row_states_, end_ - begin);
  for (int64_t i = 0; i < states; ++i) {
    if (found[static_cast<size_t>(i)]) {
      found_end_ = std::max(found_end_, begin + i + 1);
      continue;
    }
    const auto last = std::find_if(report_.losses.rbegin(), report_.losses.rend(),
                                   [&](const Loss& loss) { return loss.variable == name; });
    if (last != report_.losses.rend() && last->first + last->states == begin + i) {
      ++last->states;
    } else {
      report_.losses.push_back({name, begin + i, 1});
    }
  }
}

void Salvage::read_stretch(int32_t variable, int64_t begin, StateBlock& chunk) {
  std::vector<bool> found(static_cast<size_t>(row_states_), false);
  const auto variables = static_cast<int64_t>(schema_.variables.size());
  const size_t state_bytes = static_cast<size_t>(places_) * sizeof(float);
  sources_.visit_rows(variable, begin, [&](const RowId& row, std::string_view values) {
    for (int64_t i = 0; i < row.states && row.first + i < chunk.first + chunk.states; ++i) {
      const int64_t line = (row.first + i - chunk.first) * variables + variable;
      std::memcpy(chunk.values.data() + line * places_,
                  values.data() + static_cast<size_t>(i) * state_bytes, state_bytes);
      found[static_cast<size_t>(row.first + i - begin)] = true;
    }
  });
  count(variable, begin, found);
}

StateBlock Salvage::read_chunk(int64_t first, int64_t states) {
  StateBlock chunk{.first = first, .states = states};
  chunk.values.assign(static_cast<size_t>(states * schema_.state_values()), kMissing);
  const auto variables = static_cast<int32_t>(schema_.variables.size());
  for (int64_t begin = first; begin < first + states; begin += row_states_) {
    for (int32_t v = 0; v < variables; ++v) read_stretch(v, begin, chunk);
  }
  blank_erased(erasures_, first, places_, variables, chunk.values);
  return chunk;
}

Result<SalvageReport> Salvage::run(SeriesStore& to, const std::optional<Receipt>& acknowledged,
                                   const Progress& progress) {
  find_tombstones(std::max(sources_.blocks_named(), acknowledged ? acknowledged->block : 0));
  end_ = std::max(sources_.states_named(), acknowledged ? acknowledged->states : 0);
  const int64_t state_bytes = schema_.state_values() * static_cast<int64_t>(sizeof(float));
  const int64_t stretches = std::max<int64_t>(1, kChunkBytes / state_bytes / row_states_);
  const int64_t step = stretches * row_states_;
  for (int64_t first = 0; first < end_; first += step) {
    StateBlock chunk = read_chunk(first, std::min(step, end_ - first));
    if (found_end_ <= first) continue;  // nothing in it: the end, or a hole that the next one fills
    for (; to.size() < first;) {
      StateBlock hole{.first = to.size(), .states = std::min(step, first - to.size())};
      hole.values.assign(static_cast<size_t>(hole.states * schema_.state_values()), kMissing);
      SKIPCAST_TRY_OK(to.append(hole).status());
    }
    chunk.states = std::min(chunk.states, found_end_ - first);
    chunk.values.resize(static_cast<size_t>(chunk.states * schema_.state_values()));
    SKIPCAST_TRY_OK(to.append(chunk).status());
    const double fraction = static_cast<double>(first + chunk.states) / static_cast<double>(end_);
    if (!tell(progress, {fraction, "salvage", fmt::format("state {} of {}", first, end_)})) {
      return Status(Code::kInterrupted, "the salvage was stopped");
    }
  }
  report_.states = to.size();
  drop_losses_from(std::max(report_.states, acknowledged ? acknowledged->states : 0));
  return std::move(report_);
}

// Beyond what HEAD acknowledged and what was found nothing is known to have been there.
void Salvage::drop_losses_from(int64_t end) {
  for (Loss& loss : report_.losses) loss.states = std::min(loss.states, end - loss.first);
  std::erase_if(report_.losses, [](const Loss& loss) { return loss.states <= 0; });
}

}  // namespace

Result<SalvageReport> salvage_series(const std::string& from, const std::string& to,
                                     const Progress& progress) {
  const std::string path = without_trailing_slashes(from);
  std::vector<std::string> notes;
  SKIPCAST_TRY(ArchiveConfig config, config_of(path, notes));
  const Result<Receipt> head = read_head(path, config.store_id);
  if (!head.ok()) notes.push_back(head.status().message());
  const std::optional<Receipt> acknowledged =
      head.ok() ? std::optional<Receipt>(*head) : std::nullopt;
  SKIPCAST_TRY(ArchiveMaking making, ArchiveMaking::begin(to));
  SKIPCAST_TRY(auto sources,
               SalvageSources::open(path, making.folder() + "/repair", config, acknowledged));
  SKIPCAST_TRY_OK(making.fill({config.store_id, config.schema}));
  Result<SalvageReport> report = data_loss("nothing was salvaged");
  {
    SKIPCAST_TRY(const auto store, SeriesStore::open(making.folder(), OpenMode::kReadWrite));
    report = Salvage(*sources, config).run(*store, acknowledged, progress);
  }
  if (!report.ok()) return report.status();
  notes.insert(notes.end(), sources->notes().begin(), sources->notes().end());
  notes.insert(notes.end(), report->notes.begin(), report->notes.end());
  report->notes = std::move(notes);
  sources.reset();  // and the repaired copy with it
  SKIPCAST_TRY_OK(verify_series(making.folder(), {}).status());
  SKIPCAST_TRY_OK(making.commit());
  return report;
}

}  // namespace skipcast::storage
