// An archive under attack: the store, its index, and a ledger of what they promised.
//
// Values are series.h's value_at, so that what must be there follows from its position alone.
// Not thread-safe, but follow() may run beside the calls that change the store.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "retrieval/search/analog_index.h"
#include "storage/series/series_store.h"

namespace skipcast::tests {

// What was acknowledged, and what was tried after it and may be there as well.
struct Ledger {
  bool created = false;
  int64_t acknowledged = 0, attempted = 0;  // states
  // The acknowledged list, then those tried since; none = any will do.
  std::vector<std::string> tasks{"[]"};
};

class Scene {
 public:
  explicit Scene(std::string path, int64_t places = 4) : path_(std::move(path)), places_(places) {}

  // Each does one thing to the archive and keeps the ledger. The store must be open, but for the
  // first two.
  Status create();
  Status open();
  Status append(int64_t states);
  Status append_some(std::mt19937_64& random);  // up to 2,500 states
  Status set_tasks(std::mt19937_64& random);
  Status follow();  // opens the index, or lets it catch up; writes its file
  // One of append, set_tasks and follow.
  Status step(std::mt19937_64& random);
  void close();

  // "" when the archive in the open store holds what the ledger says, else what is wrong.
  // Recent states and some of all others, unless `whole`, which verifies every byte too.
  std::string check_states(bool whole) const;
  // "" when the index opens and finds what one made anew finds. Catches up first.
  std::string check_index();
  // "" when HEAD acknowledges all that the ledger does: before opening rolls it forward.
  std::string check_receipt() const;
  void accept();  // what the open store holds counts as acknowledged
  // Opens the archive for writing, checks it, accepts it, and appends to it.
  // An archive whose making was never acknowledged may be absent: it is made.
  std::string recover(bool whole);

  const std::string& path() const { return path_; }
  storage::SeriesStore* store() { return store_.get(); }
  Ledger& ledger() { return ledger_; }

 private:
  std::string check_spread() const;
  Result<std::unique_ptr<retrieval::AnalogIndex>> open_index(const std::string& file) const;

  std::string path_;
  int64_t places_;
  Ledger ledger_;
  std::unique_ptr<storage::SeriesStore> store_;
  std::unique_ptr<retrieval::Normalizer> normalizer_;
  std::shared_ptr<const retrieval::Encoder> encoder_;
  std::unique_ptr<retrieval::AnalogIndex> index_;
};

}  // namespace skipcast::tests
