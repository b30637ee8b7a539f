#include "storage/blocks/head_receipt.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "storage/files/bytes.h"
#include "storage/files/checksum.h"

namespace skipcast::storage {
namespace {

constexpr std::string_view kMagic = "SKIPHEAD";
constexpr size_t kSlotBytes = 4096;
constexpr size_t kSlots = 2;
constexpr size_t kIdBytes = 16;

std::string head_path(const std::string& archive) { return archive + "/" + kHeadFile; }

// The 16 bytes behind 32 hex digits.
std::string id_bytes(const std::string& store_id) {
  SKIPCAST_CHECK(store_id.size() == 2 * kIdBytes);
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string bytes;
  for (size_t i = 0; i < store_id.size(); i += 2) {
    bytes.push_back(static_cast<char>(digit(store_id[i]) * 16 + digit(store_id[i + 1])));
  }
  return bytes;
}

std::string encode(const Receipt& receipt, const std::string& store_id) {
  std::string bytes(kMagic);
  bytes += id_bytes(store_id);
  put(bytes, receipt.block);
  put(bytes, receipt.states);
  put(bytes, receipt.chain);
  put(bytes, crc32c(bytes));
  return bytes;
}

// Nothing when the bytes are not a sealed slot of this store.
std::optional<Receipt> decode(std::string_view bytes, size_t slot, const std::string& store_id) {
  ByteReader reader(bytes);
  std::string_view magic, id;
  Receipt receipt;
  if (!reader.take(kMagic.size(), magic) || magic != kMagic) return std::nullopt;
  if (!reader.take(kIdBytes, id) || id != id_bytes(store_id)) return std::nullopt;
  if (!reader.take(receipt.block) || !reader.take(receipt.states)) return std::nullopt;
  if (!reader.take(receipt.chain)) return std::nullopt;
  const std::string_view sealed = bytes.substr(0, bytes.size() - reader.remaining());
  uint32_t checksum = 0;
  if (!reader.take(checksum) || checksum != crc32c(sealed)) return std::nullopt;
  if (receipt.block < 0 || receipt.states < 0) return std::nullopt;
  if (static_cast<size_t>(receipt.block % kSlots) != slot) return std::nullopt;
  return receipt;
}

Status damaged(const std::string& archive, std::string_view what) {
  return data_loss(
      fmt::format("'{}' {}: it is not certain that every acknowledged state is still "
                  "there; restore the archive from a copy, or ingest the source files "
                  "into a new one",
                  head_path(archive), what));
}

}  // namespace

Status create_head(const std::string& archive, const std::string& store_id, uint32_t chain) {
  std::string bytes = encode(Receipt{.block = 0, .states = 0, .chain = chain}, store_id);
  bytes.resize(kSlots * kSlotBytes, '\0');
  return write_file_durably(head_path(archive), bytes);
}

Result<Receipt> read_head(const std::string& archive, const std::string& store_id) {
  const Result<std::string> file = read_file(head_path(archive), kSlots * kSlotBytes);
  if (!file.ok() && file.status().code() == Code::kNotFound) return damaged(archive, "is missing");
  if (!file.ok() && file.status().code() == Code::kDataLoss) return damaged(archive, "is too long");
  if (!file.ok()) return file.status();
  std::optional<Receipt> newest;
  for (size_t slot = 0; slot < kSlots && slot * kSlotBytes < file->size(); ++slot) {
    const auto bytes = std::string_view(*file).substr(slot * kSlotBytes, kSlotBytes);
    const std::optional<Receipt> receipt = decode(bytes, slot, store_id);
    if (receipt && (!newest || receipt->block > newest->block)) newest = receipt;
  }
  if (!newest) return damaged(archive, "holds no valid receipt of this archive");
  return *newest;
}

HeadFile::HeadFile(FileHandle file, std::string path, std::string store_id)
    : file_(std::move(file)), path_(std::move(path)), store_id_(std::move(store_id)) {}

Result<HeadFile> HeadFile::open(const std::string& archive, const std::string& store_id) {
  const std::string path = head_path(archive);
  FileHandle file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.is_open()) return system_error("open", path, errno);
  return HeadFile(std::move(file), path, store_id);
}

Status HeadFile::write(const Receipt& receipt) {
  const auto offset = static_cast<int64_t>(receipt.block % kSlots * kSlotBytes);
  SKIPCAST_TRY_OK(write_at(file_, path_, offset, encode(receipt, store_id_)));
  if (sync_file_data(file_.get()) != 0) return system_error("sync", path_, errno);
  return Status();
}

}  // namespace skipcast::storage
