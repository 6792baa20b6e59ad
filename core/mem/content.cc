#include "core/mem/content.h"

#include <algorithm>
#include <cstring>

namespace barid {

void Content::append(std::string_view bytes) {
  while (!bytes.empty()) {
    size_t room = 0;
    if (!blocks_.empty()) room = blocks_.back().capacity - spans_.back().size();
    if (room == 0) {
      const size_t wanted = blocks_.empty() ? kFirstBlockBytes : blocks_.back().capacity * 2;
      const size_t capacity = std::min(wanted, kBlockBytesMax);
      // Uninitialised on purpose: every byte is written before it is read.
      blocks_.push_back(Block{std::unique_ptr<char[]>(new char[capacity]), capacity});
      spans_.emplace_back(blocks_.back().bytes.get(), 0);
      memory_bytes_ += capacity;
      room = capacity;
    }
    const size_t count = std::min(room, bytes.size());
    std::string_view& span = spans_.back();
    std::memcpy(blocks_.back().bytes.get() + span.size(), bytes.data(), count);
    span = std::string_view(span.data(), span.size() + count);
    size_ += count;
    bytes.remove_prefix(count);
  }
}

}  // namespace barid
