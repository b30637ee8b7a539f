#include "retrieval/search/index_envelope.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "storage/files/file_io.h"
#include "tests/support/skip.h"

namespace skipcast::retrieval {
namespace {

const EnvelopeHeader kHeader = {
    "flat", "00112233445566778899aabbccddeeff", "context-1234", 90, 70, 3, 16, 5, 0xfeedbeef};

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

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

TEST_CASE("Envelope: another version is unsupported, not damaged") {
  std::string bytes = pack_envelope(kHeader, "x");
  for (const char version : {1, 3, 9}) {
    bytes[8] = version;
    CHECK(unpack_envelope(bytes).status().code() == Code::kUnsupported);
  }
}

TEST_CASE("Envelope: pieces of any size make the same file as the whole") {
  const tests::TempDir folder;
  std::string payload((size_t{5} << 19) + 3, 'x');
  for (size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<char>(i * 37 + i / 100);
  constexpr size_t kMiB = size_t{1} << 20;
  for (const size_t piece : {size_t{1000}, kMiB, kMiB + 1, 3 * kMiB}) {
    const auto produce = [&](const ByteSink& sink) {
      for (size_t at = 0; at < payload.size(); at += piece) {
        SKIPCAST_TRY_OK(sink(std::string_view(payload).substr(at, piece)));
      }
      return Status();
    };
    REQUIRE(write_envelope(folder.file("index"), kHeader, produce).ok());
    CHECK(read_all(folder.file("index")) == pack_envelope(kHeader, payload));
  }
}

TEST_CASE("Envelope: a failed write leaves both files as they were, and no third") {
  const tests::TempDir folder;
  const std::string path = folder.file("index");
  REQUIRE(write_envelope(path, kHeader, "first").ok());
  REQUIRE(write_envelope(path, kHeader, "second").ok());
  for (const int64_t fails_at : {0, 1, 2, 3}) {
    int64_t pieces = 0;
    const auto produce = [&](const ByteSink& sink) {
      for (int i = 0; i < 2; ++i) {
        if (pieces++ == fails_at) return Status(Code::kNoSpace, "full");
        SKIPCAST_TRY_OK(sink("piece"));
      }
      return Status();
    };
    CHECK(write_envelope(path, kHeader, produce).code() == Code::kNoSpace);
    CHECK(read_envelope(path, 1 << 20)->payload() == "second");
    CHECK(read_envelope(previous_envelope(path), 1 << 20)->payload() == "first");
    CHECK(names_in(folder.path()) == std::vector<std::string>{"index", "index.previous"});
  }
}

TEST_CASE("Envelope: what a killed writer left goes with the next write, a live one's stays") {
  const tests::TempDir folder;
  const std::string path = folder.file("index");
  for (const char* name : {"index.2147483646.tmp", "index.1.tmp", "index.x.tmp", "other.9.tmp"}) {
    std::ofstream(folder.file(name)) << "half";
  }
  REQUIRE(write_envelope(path, kHeader, "first").ok());
  CHECK(names_in(folder.path()) ==
        std::vector<std::string>{"index", "index.1.tmp", "index.x.tmp", "other.9.tmp"});
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
