// The file system that RocksDB gets: the machine's own, with a look at each table before RocksDB
// opens it.
#pragma once

namespace rocksdb {
class Env;
}

namespace skipcast::storage {

// An environment whose *.sst files are refused with Corruption, and their name, when the block of
// table properties does not fit its checksum. RocksDB 7.8 takes that block apart before it verifies
// it (meta_blocks.cc, ReadTablePropertiesHelper), and one wrong byte in it ends the process by an
// assertion; every other block it verifies first. Lives as long as the process. Thread-safe.
rocksdb::Env* guarded_env();

}  // namespace skipcast::storage
