#include "shard/queue/fast_crc32c.h"

#include <isa-l/crc.h>

#include <algorithm>
#include <climits>

namespace barid::queue {

uint32_t extend_crc32c(uint32_t crc, const char* bytes, size_t size) noexcept {
  crc = ~crc;
  while (size > 0) {
    const size_t part = std::min<size_t>(size, INT_MAX);
    // The library's interface lacks const; it reads only.
    auto* from = reinterpret_cast<unsigned char*>(const_cast<char*>(bytes));
    crc = crc32_iscsi(from, static_cast<int>(part), crc);
    bytes += part;
    size -= part;
  }
  return ~crc;
}

}  // namespace barid::queue

namespace rocksdb::crc32c {

[[gnu::visibility("default")]] uint32_t Extend(uint32_t crc, const char* bytes, size_t size);

uint32_t Extend(uint32_t crc, const char* bytes, size_t size) {
  return barid::queue::extend_crc32c(crc, bytes, size);
}

}  // namespace rocksdb::crc32c
