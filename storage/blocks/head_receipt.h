// HEAD: the receipt outside RocksDB that says which block was acknowledged last.
//
// RocksDB cannot tell a torn tail of its log from a damaged one, and silently drops both; the
// receipt is how open() notices. File of 8,192 bytes, format version 1: two slots at offsets 0
// and 4,096 (so that no single sector write can spoil both). Block n goes to slot n % 2. A slot:
//   8 bytes magic "SKIPHEAD", 16 bytes store id, i64 block, i64 states (of the whole series),
//   u32 chain (checksum of the block's footer), u32 CRC32C of all bytes before it.
// All numbers little-endian; the rest of the file is zero and not looked at. The newest valid
// slot counts. Not thread-safe: the one writer calls it.
#pragma once

#include <cstdint>
#include <string>

#include "storage/files/file_io.h"
#include "storage/schema/states.h"
#include "storage/status.h"

namespace skipcast::storage {

inline constexpr const char* kHeadFile = "HEAD";

// Makes archive/HEAD with the receipt of an empty series, durably.
Status create_head(const std::string& archive, const std::string& store_id, uint32_t chain);

// The newest valid receipt. kDataLoss when no slot is valid or the file is missing.
Result<Receipt> read_head(const std::string& archive, const std::string& store_id);

class HeadFile {
 public:
  static Result<HeadFile> open(const std::string& archive, const std::string& store_id);
  // Returns once the receipt survives power loss (pwrite of one slot, fdatasync).
  Status write(const Receipt& receipt);

 private:
  HeadFile(FileHandle file, std::string path, std::string store_id);

  FileHandle file_;
  std::string path_;
  std::string store_id_;
};

}  // namespace skipcast::storage
