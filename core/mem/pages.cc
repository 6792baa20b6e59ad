#include "core/mem/pages.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>

namespace barid {
namespace {

constexpr uintptr_t kPageBytes = 4096;  // larger ones: the call fails, and nothing is lost
constexpr size_t kPieceBytes = 256 * 1024;

}  // namespace

void release_pages(std::string_view bytes) noexcept {
  const auto address = reinterpret_cast<uintptr_t>(bytes.data());
  const uintptr_t begin = (address + kPageBytes - 1) / kPageBytes * kPageBytes;
  const uintptr_t end = (address + bytes.size()) / kPageBytes * kPageBytes;
  if (begin >= end) return;
  char* const first = const_cast<char*>(bytes.data()) + (begin - address);
  static_cast<void>(madvise(first, end - begin, MADV_DONTNEED));
}

void move_bytes(std::string& out, std::string_view bytes) {
  out.reserve(out.size() + bytes.size());
  if (bytes.size() < kReleaseBytesMin) {
    out += bytes;
    return;
  }
  out += bytes.substr(0, kPageBytes);
  bytes.remove_prefix(kPageBytes);
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, kPieceBytes);
    out += piece;
    release_pages(piece);
    bytes.remove_prefix(piece.size());
  }
}

}  // namespace barid
