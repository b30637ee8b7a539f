// The envelope of an index and the index inside. The input: one byte of flags, then 0: the file's
// bytes; 1: the same, its checksums put right; 2 and 3: the header's numbers and a payload, packed
// as the writer would, kind flat or hnsw. Flag 4 (with 2 and 3): the payload begins with these
// rows and dimension, so that the parts behind are reached.
#include <algorithm>
#include <cstring>

#include "retrieval/indexes/vector_index.h"
#include "retrieval/search/index_envelope.h"
#include "storage/files/bytes.h"
#include "storage/files/checksum.h"
#include "tests/fuzz/target.h"

namespace skipcast::fuzz {
namespace {

using namespace skipcast::retrieval;

constexpr const char* kStoreId = "00112233445566778899aabbccddeeff";
constexpr int64_t kSearchedMax = 64;

// Puts both checksums right, when the bytes go far enough to have them (one MiB of payload).
std::string resealed(std::string bytes) {
  storage::ByteReader reader(bytes);
  std::string_view skipped;
  if (!reader.take(12, skipped)) return bytes;
  for (int text = 0; text < 3; ++text) {
    uint32_t size = 0;
    if (!reader.take(size) || !reader.take(size, skipped)) return bytes;
  }
  uint32_t sums = 0, old = 0;
  if (!reader.take(5 * sizeof(int64_t), skipped) || !reader.take(sums) || sums > 1) return bytes;
  const size_t at = bytes.size() - reader.remaining();
  if (!reader.take(sums * sizeof(uint32_t), skipped) || !reader.take(old)) return bytes;
  const uint32_t sum = storage::crc32c(reader.rest());
  if (sums == 1) std::memcpy(bytes.data() + at, &sum, sizeof sum);
  const size_t end = bytes.size() - reader.remaining() - sizeof old;
  const uint32_t whole = storage::crc32c(std::string_view(bytes).substr(0, end));
  std::memcpy(bytes.data() + end, &whole, sizeof whole);
  return bytes;
}

void check_found(const VectorIndex& index, const Result<std::vector<Neighbour>>& found, int64_t k) {
  SKIPCAST_CHECK(found.ok() && static_cast<int64_t>(found->size()) <= k);
  for (size_t i = 0; i < found->size(); ++i) {
    const auto ids = index.ids();
    SKIPCAST_CHECK(std::binary_search(ids.begin(), ids.end(), (*found)[i].origin));
    SKIPCAST_CHECK(i == 0 || (*found)[i - 1].distance <= (*found)[i].distance);
  }
}

void check_index(const VectorIndex& index, std::string_view payload) {
  const Result<std::string> bytes = index.serialize();
  SKIPCAST_CHECK(bytes.ok() && *bytes == payload);
  const auto ids = index.ids();
  for (size_t i = 0; i < ids.size(); ++i) {
    SKIPCAST_CHECK(ids[i] >= 0 && (i == 0 || ids[i - 1] < ids[i]));
  }
  if (index.dimension() > kSearchedMax || static_cast<int64_t>(ids.size()) > kSearchedMax) return;
  const std::vector<float> query(static_cast<size_t>(index.dimension()), 0.5f);
  const Interval all = {0, INT64_MAX}, few = {2, 5};
  check_found(index, index.search(query, 3, {&all, 1}, 8), 3);
  check_found(index, index.search(query, 2, {&few, 1}, 0), 2);
  check_found(index, index.search_exact(query, 3, {&all, 1}), 3);
}

void check_file(std::string bytes) {
  const Result<Envelope> envelope = unpack_envelope(bytes);
  if (!envelope.ok()) return check_refusal(envelope.status(), "");
  SKIPCAST_CHECK(pack_envelope(envelope->header, envelope->payload()) == bytes);
  const EnvelopeHeader& header = envelope->header;
  const auto index = load_index(header.kind, envelope->payload(), header.dimension, header.rows);
  if (index.ok()) return check_index(**index, envelope->payload());
  const Code code = index.status().code();
  SKIPCAST_CHECK(code == Code::kDataLoss || code == Code::kUsage || code == Code::kBadInput);
}

std::string index_bytes(VectorIndex& index) {
  const std::vector<int64_t> ids = {1, 2, 4, 7, 9};
  std::vector<float> vectors;
  for (int i = 0; i < 15; ++i) vectors.push_back(static_cast<float>(i * i % 7));
  SKIPCAST_CHECK(index.add(ids, vectors).ok());
  return index.serialize().value();
}

}  // namespace

void check_input(std::string_view input) {
  Pieces pieces(input);
  const auto flags = pieces.number<uint8_t>();
  if ((flags & 3) < 2) {
    const std::string bytes(pieces.rest());
    return check_file((flags & 1) != 0 ? resealed(bytes) : bytes);
  }
  EnvelopeHeader header = {(flags & 1) != 0 ? "hnsw" : "flat", kStoreId, "context-1"};
  header.through = pieces.number<uint16_t>();
  header.rows = pieces.number<int64_t>();
  header.dimension = pieces.number<int64_t>();
  std::string payload;
  if ((flags & 4) != 0) storage::put(payload, header.rows), storage::put(payload, header.dimension);
  payload += pieces.rest();
  check_file(pack_envelope(header, payload));
}

std::vector<std::string> seed_inputs() {
  const auto flat = make_flat_index(3);
  const auto hnsw = make_hnsw_index(3, {.links = 2, .ef_construction = 4, .ef_search = 4});
  const std::string flat_bytes = index_bytes(*flat), hnsw_bytes = index_bytes(*hnsw);
  std::string numbers(2, '\0');
  storage::put(numbers, int64_t{5}), storage::put(numbers, int64_t{3});
  const std::string file = pack_envelope({"flat", kStoreId, "context-1", 9, 5, 1, 3}, flat_bytes);
  const std::string graph = pack_envelope({"hnsw", kStoreId, "context-1", 9, 5, 1, 3}, hnsw_bytes);
  return {std::string(1, '\0') + file,
          "\x01" + file,
          "\x01" + graph,
          "\x02" + numbers + flat_bytes,
          "\x03" + numbers + hnsw_bytes,
          "\x06" + numbers + flat_bytes.substr(16),
          "\x07" + numbers + hnsw_bytes.substr(16)};
}

}  // namespace skipcast::fuzz
