// The searches of one query: what is made once, and that it is what the index gives.
#include "retrieval/search/query_searches.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "tests/support/analog_archive.h"

namespace skipcast::tests {
namespace {

using retrieval::Guard;
using retrieval::Neighbour;
using retrieval::QuerySearches;
using retrieval::SearchOptions;

// An encoder that counts how often it is asked for the embedding of one window.
class CountingEncoder : public retrieval::Encoder {
 public:
  explicit CountingEncoder(std::shared_ptr<const retrieval::Encoder> inner)
      : inner_(std::move(inner)) {}
  int64_t dimension() const override { return inner_->dimension(); }
  std::string fingerprint() const override { return inner_->fingerprint(); }
  Status encode(std::span<const int64_t> origins, std::span<float> out) const override {
    if (origins.size() == 1) ++single;
    return inner_->encode(origins, out);
  }

  mutable int64_t single = 0;

 private:
  std::shared_ptr<const retrieval::Encoder> inner_;
};

struct Counted {
  Archive archive{kStates};
  std::shared_ptr<CountingEncoder> encoder = std::make_shared<CountingEncoder>(archive.encoder);
  std::unique_ptr<retrieval::AnalogIndex> index =
      retrieval::AnalogIndex::open(*archive.store, encoder, {kSpec, "flat"}).value();

  Counted() { encoder->single = 0; }
};

void check_same(const std::vector<Neighbour>& found, const std::vector<Neighbour>& expected) {
  REQUIRE(found.size() == expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    CHECK(found[i].origin == expected[i].origin);
    CHECK(found[i].distance == expected[i].distance);
  }
}

TEST_CASE("Searches of a query: embedded once, searched again only for what is not known") {
  const Counted scene;
  const Guard guard = {kSpec};
  QuerySearches searches;
  const auto ask = [&](const Guard& under, const SearchOptions& options) {
    const auto found = searches.search(*scene.index, 300, under, options);
    REQUIRE(found.ok());
    check_same(found->analogs, scene.index->search(300, under, options).value().analogs);
  };
  ask(guard, {.k = 8, .fewer_is_ok = true});
  ask(guard, {.k = 20, .fewer_is_ok = true});  // more than is known
  CHECK(searches.encoded() == 1);
  CHECK(searches.searched() == 2);
  ask(guard, {.k = 20, .fewer_is_ok = true});
  ask(guard, {.k = 11, .fewer_is_ok = true});
  CHECK(searches.searched() == 2);
  Guard frozen = guard;
  frozen.frozen_states = 200;
  ask(frozen, {.k = 8, .fewer_is_ok = true});
  ask(guard, {.k = 8, .separation = 6, .fewer_is_ok = true});
  CHECK(searches.searched() == 4);
  CHECK(searches.encoded() == 1);
  CHECK(scene.encoder->single == 1 + 6);  // and one a search of the index itself
}

TEST_CASE("Searches of a query: another window and another index are others") {
  const Counted first, second;
  QuerySearches searches;
  const SearchOptions options = {.k = 5};
  for (const int64_t origin : {300, 301}) {
    REQUIRE(searches.search(*first.index, origin, {kSpec}, options).ok());
    REQUIRE(searches.search(*second.index, origin, {kSpec}, options).ok());
  }
  CHECK(searches.encoded() == 4);
  CHECK(searches.searched() == 4);
}

TEST_CASE("Searches of a query: the index's refusals are passed on and not kept") {
  const Counted scene;
  QuerySearches searches;
  CHECK(searches.search(*scene.index, 300, {kSpec}, {.k = 0}).status().code() == Code::kUsage);
  CHECK(searches.search(*scene.index, 300, {kSpec}, {.k = 100000}).status().code() ==
        Code::kNotFound);
  CHECK(searches.searched() == 0);
}

}  // namespace
}  // namespace skipcast::tests
