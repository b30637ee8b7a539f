#include "retrieval/index_envelope.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "storage/file_io.h"
#include "tests/support/skip.h"

namespace skipcast::retrieval {
namespace {

const EnvelopeHeader kHeader = {"flat", "00112233445566778899aabbccddeeff", "context-1234", 90, 70,
                                3,      16};

std::string read_all(const std::string& path) {
  return storage::read_file(path, int64_t{1} << 30).value();
}

}  // namespace

TEST_CASE("Envelope: brings back header and payload, empty or longer than one checksum's reach") {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{1} << 20, (size_t{5} << 19) + 3}) {
    std::string payload(size, 'x');
    for (size_t i = 0; i < size; ++i) payload[i] = static_cast<char>(i * 31 + i / 256);
    const auto back = unpack_envelope(pack_envelope(kHeader, payload));
    REQUIRE(back.ok());
    CHECK(back->header == kHeader);
    CHECK(back->payload() == payload);
  }
}

TEST_CASE("Envelope: every flipped bit of every byte is detected") {
  const std::string bytes = pack_envelope(kHeader, "the payload of a small envelope");
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      REQUIRE_FALSE(unpack_envelope(damaged).ok());
    }
  }
}

TEST_CASE("Envelope: every truncation and any addition is detected") {
  const std::string bytes = pack_envelope(kHeader, "the payload of a small envelope");
  for (size_t size = 0; size < bytes.size(); ++size) {
    REQUIRE(unpack_envelope(bytes.substr(0, size)).status().code() == Code::kDataLoss);
  }
  CHECK_FALSE(unpack_envelope(bytes + '\0').ok());
  CHECK_FALSE(unpack_envelope(bytes + bytes).ok());
}

TEST_CASE("Envelope: damage in a later MiB is found and located") {
  std::string bytes = pack_envelope(kHeader, std::string((size_t{3} << 20) + 5, 'p'));
  bytes[bytes.size() - 2] = 'q';
  const Status status = unpack_envelope(bytes).status();
  CHECK(status.code() == Code::kDataLoss);
  CHECK(status.message().find("MiB 3") != std::string::npos);
}

TEST_CASE("Envelope: a newer version is unsupported, not damaged") {
  std::string bytes = pack_envelope(kHeader, "x");
  bytes[8] = 9;
  CHECK(unpack_envelope(bytes).status().code() == Code::kUnsupported);
}

TEST_CASE("Envelope: writing keeps the file before as the previous one and leaves no rubbish") {
  const tests::TempDir folder;
  const std::string path = folder.file("context.index");
  CHECK(read_envelope(path, 1 << 20).status().code() == Code::kNotFound);
  REQUIRE(write_envelope(path, kHeader, "first").ok());
  REQUIRE(write_envelope(path, kHeader, "second").ok());
  REQUIRE(write_envelope(path, kHeader, "third").ok());
  CHECK(read_envelope(path, 1 << 20)->payload() == "third");
  CHECK(read_envelope(previous_envelope(path), 1 << 20)->payload() == "second");
  const auto entries = std::filesystem::directory_iterator(folder.path());
  CHECK(std::distance(begin(entries), end(entries)) == 2);
  CHECK(read_all(path) == pack_envelope(kHeader, "third"));
}

TEST_CASE("Envelope: a file larger than can be is refused unread, a folder that is not is named") {
  const tests::TempDir folder;
  const std::string path = folder.file("context.index");
  REQUIRE(write_envelope(path, kHeader, std::string(1000, 'x')).ok());
  CHECK(read_envelope(path, 999).status().code() == Code::kDataLoss);
  const Status status = write_envelope(folder.file("no/such/file"), kHeader, "x");
  CHECK_FALSE(status.ok());
  CHECK(status.message().find("no/such/file") != std::string::npos);
}

}  // namespace skipcast::retrieval
