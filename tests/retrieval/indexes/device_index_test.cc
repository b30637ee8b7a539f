// An index searched on a device, with scans that round, look at a part only, or fail: the results
// are those of the flat index, whatever the guard allows.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "retrieval/indexes/device_scan.h"
#include "tests/support/fake_scan.h"

namespace {

using namespace skipcast::retrieval;
using skipcast::Code;
using skipcast::tests::Behaviour;
using skipcast::tests::scan_maker;

constexpr int64_t kWidth = 6;

struct Rows {
  std::vector<int64_t> ids;
  std::vector<float> vectors;
};

// Every seventh row is a copy of an earlier one: ties.
Rows random_rows(int64_t first, int64_t count) {
  std::mt19937_64 random(static_cast<uint64_t>(first + 1));
  std::normal_distribution<float> normal;
  Rows rows;
  for (int64_t i = 0; i < count; ++i) {
    rows.ids.push_back(3 * (first + i));
    for (int64_t j = 0; j < kWidth; ++j) {
      const size_t copied = rows.vectors.size() - static_cast<size_t>(3 * kWidth);
      rows.vectors.push_back(i % 7 == 6 ? rows.vectors[copied] : normal(random));
    }
  }
  return rows;
}

std::vector<float> random_queries(int64_t count) { return random_rows(5000, count).vectors; }

void add(VectorIndex& index, const Rows& rows) { REQUIRE(index.add(rows.ids, rows.vectors).ok()); }

const std::vector<std::vector<Interval>> kGuards = {
    {{0, 1 << 30}}, {{0, 600}}, {{30, 33}}, {{0, 90}, {300, 306}, {900, 1500}}, {{7, 8}}, {}};

void check_same(const VectorIndex& index, const VectorIndex& flat) {
  const std::vector<float> queries = random_queries(12);
  for (const auto& allowed : kGuards) {
    for (const int64_t k : {1, 5, 32, 70, 400}) {
      for (int64_t q = 0; q < 12; ++q) {
        const std::span<const float> query(queries.data() + q * kWidth, kWidth);
        CHECK(index.search_exact(query, k, allowed).value() ==
              flat.search_exact(query, k, allowed).value());
        CHECK(index.search(query, k, allowed, 1).value() ==
              flat.search(query, k, allowed, 1).value());
      }
      const auto together = search_together(index, queries, k, allowed);
      REQUIRE(together.ok());
      for (int64_t q = 0; q < 12; ++q) {
        const std::span<const float> query(queries.data() + q * kWidth, kWidth);
        CHECK((*together)[static_cast<size_t>(q)] == flat.search_exact(query, k, allowed).value());
      }
    }
  }
}

// A flat index and one on a device of the same 550 rows, some of them there from the start.
struct Twins {
  std::unique_ptr<VectorIndex> flat = make_flat_index(kWidth), device;

  explicit Twins(Behaviour& behaviour) {
    const Rows before = random_rows(0, 300), after = random_rows(300, 250);
    auto host = make_flat_index(kWidth);
    add(*flat, before);
    add(*host, before);
    device = make_device_index(std::move(host), scan_maker(behaviour));
    add(*flat, after);
    add(*device, after);
  }
};

TEST_CASE("Device index: finds what the flat index finds, though the device rounds") {
  Behaviour behaviour;
  const Twins twins(behaviour);
  CHECK(std::string(twins.device->kind()) == "flat");
  check_same(*twins.device, *twins.flat);
  CHECK(behaviour.searches > 100);
  CHECK(twins.device->serialize().value() == twins.flat->serialize().value());
}

TEST_CASE("Device index: a scan that misses rows and proposes forbidden ones breaks no promise") {
  Behaviour behaviour = {.partial = true};
  const Twins twins(behaviour);
  const std::vector<float> queries = random_queries(12);
  for (const auto& allowed : kGuards) {
    for (const int64_t k : {1, 5, 32, 70, 400}) {
      const auto found = search_together(*twins.device, queries, k, allowed).value();
      for (int64_t q = 0; q < 12; ++q) {
        const std::span<const float> query(queries.data() + q * kWidth, kWidth);
        const auto all = twins.flat->search_exact(query, 550, allowed).value();
        const auto& here = found[static_cast<size_t>(q)];
        CHECK(here.size() == std::min(all.size(), static_cast<size_t>(k)));
        for (const Neighbour& each : here) {  // with the distance it has
          CHECK(std::find(all.begin(), all.end(), each) != all.end());
        }
      }
    }
  }
}

TEST_CASE("Device index: a device that fails, or has no room, leaves the CPU's answers") {
  for (Behaviour behaviour : {Behaviour{.fails_after = 0}, Behaviour{.fails_after = 17},
                              Behaviour{.room = 100}, Behaviour{.room = 320}}) {
    const auto flat = make_flat_index(kWidth);
    const auto index = make_device_index(make_flat_index(kWidth), scan_maker(behaviour));
    for (const Rows& rows : {random_rows(0, 300), random_rows(300, 50)}) {
      add(*flat, rows);
      add(*index, rows);
    }
    check_same(*index, *flat);
    CHECK(behaviour.searches <= 18);
    CHECK(device_status(*index).code() == Code::kUnsupported);
  }
}

TEST_CASE("Device index: one scan is made, when there is a row to search, or none can be had") {
  Behaviour behaviour;
  const auto index = make_device_index(make_flat_index(kWidth), scan_maker(behaviour));
  const std::vector<float> query = random_queries(1);
  CHECK(index->search_exact(query, 1, kGuards[0]).value().empty());
  CHECK(behaviour.made == 0);
  add(*index, random_rows(0, 20));
  add(*index, random_rows(20, 20));
  CHECK(behaviour.made == 1);
  CHECK(device_status(*index).ok());
  int asked = 0;
  const DeviceScanMaker none = [&](int64_t) -> skipcast::Result<std::unique_ptr<DeviceScan>> {
    ++asked;
    return skipcast::Status(Code::kUnsupported, "no such device");
  };
  const auto here = make_device_index(make_flat_index(kWidth), none);
  const auto flat = make_flat_index(kWidth);
  CHECK(device_status(*here).ok());
  for (const Rows& rows : {random_rows(0, 20), random_rows(20, 20)}) {
    add(*here, rows);
    add(*flat, rows);
  }
  check_same(*here, *flat);
  CHECK(asked == 1);
  CHECK(device_status(*here).message() == "no such device");
  CHECK(device_status(*flat).ok());
}

TEST_CASE("Device index: wrong queries and rows are refused as by the flat index") {
  Behaviour behaviour;
  const auto index = make_device_index(make_flat_index(kWidth), scan_maker(behaviour));
  add(*index, random_rows(0, 20));
  const std::vector<float> query(kWidth, 0), wrong(kWidth + 1, 0);
  CHECK(index->search_exact(query, 0, kGuards[0]).status().code() == Code::kUsage);
  CHECK(index->search_exact(wrong, 1, kGuards[0]).status().code() == Code::kUsage);
  CHECK(search_together(*index, wrong, 1, kGuards[0]).status().code() == Code::kUsage);
  CHECK(index->add(std::vector<int64_t>{3}, query).code() == Code::kUsage);
}

TEST_CASE("GPU scan: a build without FAISS for GPUs, or a machine without one, says so") {
  const auto scan = gpu_scan()(kWidth);
  if (scan.ok()) return;
  CHECK(scan.status().code() == Code::kUnsupported);
  CHECK(has_gpu_scan() == (scan.status().message().find("GPU's index failed") == 4));
}

}  // namespace
