// The checksum of RocksDB's logs, tables and blob files (CRC-32C, RFC 3720 appendix B.4) with the
// processor's instruction for it. Distributions build RocksDB for the oldest processor they
// support, with a table of bytes instead: about a tenth of all that a message costs. The definition
// of rocksdb::crc32c::Extend in fast_crc32c.cc takes the place of the library's own when the
// dynamic linker resolves it (docs/adr/0006-checksum.md). Layer: shard/queue.
#pragma once

#include <cstddef>
#include <cstdint>

namespace barid::queue {

/// CRC-32C of what `crc` stands for (0: nothing) followed by `bytes`. Linking with it is what makes
/// RocksDB use it.
[[nodiscard]] uint32_t extend_crc32c(uint32_t crc, const char* bytes, size_t size) noexcept;

}  // namespace barid::queue
