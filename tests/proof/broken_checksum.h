// See broken_checksum.cc.
#pragma once

namespace skipcast::tests {
extern bool checksums_are_blind;
}
