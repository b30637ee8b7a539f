// HEAD. The input: one byte of flags, then the slots. Flag 1: lay 48 bytes a slot at the slots'
// offsets (else the rest is the whole file); 2 and 4: give slot 0 and 1 magic, store id and a
// matching checksum, so that what lies behind those checks is reached too.
#include <cstring>
#include <optional>

#include "storage/blocks/head_receipt.h"
#include "storage/files/bytes.h"
#include "storage/files/checksum.h"
#include "tests/fuzz/target.h"

namespace skipcast::fuzz {
namespace {

using storage::Receipt;

constexpr size_t kSlotBytes = 4096, kUsedBytes = 48, kSumAt = 44;
constexpr const char* kStoreId = "00112233445566778899aabbccddeeff";

void seal(std::string& slot) {
  std::string front = "SKIPHEAD";
  for (int byte = 0; byte < 16; ++byte) front.push_back(static_cast<char>(byte * 0x11));
  slot.resize(kUsedBytes);
  slot.replace(0, front.size(), front);
  const uint32_t sum = storage::crc32c(std::string_view(slot).substr(0, kSumAt));
  std::memcpy(slot.data() + kSumAt, &sum, sizeof sum);
}

// What a sealed slot says, read independently of the parser.
std::optional<Receipt> sealed_receipt(const std::string& slot, size_t number) {
  storage::ByteReader reader(std::string_view(slot).substr(24));
  Receipt receipt;
  reader.take(receipt.block), reader.take(receipt.states), reader.take(receipt.chain);
  if (receipt.block < 0 || receipt.states < 0) return std::nullopt;
  if (receipt.block % 2 != static_cast<int64_t>(number)) return std::nullopt;
  return receipt;
}

void check_file() {
  const Result<Receipt> receipt = storage::read_head(scratch_folder(), kStoreId);
  if (!receipt.ok()) return check_refusal(receipt.status(), "/HEAD'");
  SKIPCAST_CHECK(receipt->block >= 0 && receipt->states >= 0);
}

}  // namespace

void check_input(std::string_view input) {
  Pieces pieces(input);
  const auto flags = pieces.number<uint8_t>();
  if ((flags & 1) == 0) {
    scratch_file("HEAD", pieces.rest());
    return check_file();
  }
  std::string file(kSlotBytes + kUsedBytes, '\0');
  std::optional<Receipt> newest;
  for (const size_t number : {size_t{0}, size_t{1}}) {
    std::string slot(pieces.text(kUsedBytes));
    const bool sealed = (flags & (2 << number)) != 0;
    if (sealed) seal(slot);
    file.replace(number * kSlotBytes, slot.size(), slot);
    const auto receipt = sealed ? sealed_receipt(slot, number) : std::nullopt;
    if (receipt && (!newest || receipt->block > newest->block)) newest = receipt;
  }
  scratch_file("HEAD", file);
  check_file();
  if ((flags & 6) != 6) return;
  const Result<Receipt> receipt = storage::read_head(scratch_folder(), kStoreId);
  SKIPCAST_CHECK(receipt.ok() == newest.has_value());
  SKIPCAST_CHECK(!newest || *receipt == *newest);
}

std::vector<std::string> seed_inputs() {
  std::string slots;
  for (const int64_t block : {6, 7}) {
    std::string slot(24, '\0');
    storage::put(slot, block), storage::put(slot, block * 64), storage::put(slot, uint32_t{9});
    seal(slot);
    slots += slot;
  }
  std::string file(2 * kSlotBytes, '\0');
  file.replace(0, kUsedBytes, slots.substr(0, kUsedBytes));
  file.replace(kSlotBytes, kUsedBytes, slots.substr(kUsedBytes));
  return {"\x07" + slots, "\x01" + slots, "\x03" + slots, std::string(1, '\0') + file};
}

}  // namespace skipcast::fuzz
