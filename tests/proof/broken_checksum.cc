// storage's CRC32C with a switch: the test binaries that link this file can let it go blind, and so
// show that they would notice. The linker takes it instead of the library's.
#define crc32c real_crc32c
#include "storage/files/checksum.cc"
#undef crc32c

#include "tests/proof/broken_checksum.h"

namespace skipcast::tests {
bool checksums_are_blind = false;
}

namespace skipcast::storage {

uint32_t crc32c(uint32_t crc, const void* data, size_t size) {
  return tests::checksums_are_blind ? 0 : real_crc32c(crc, data, size);
}

}  // namespace skipcast::storage
