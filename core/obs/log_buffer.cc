#include "core/obs/log_buffer.h"

#include <new>

namespace barid {
namespace {

constexpr uint64_t kSpareChunkCount = 8;  // what a burst leaves allocated

}  // namespace

LogBuffer::LogBuffer(LogWaker* waker, size_t chunk_count_max)
    : waker_(waker), chunk_count_max_(chunk_count_max) {
  BARID_ASSERT(chunk_count_max >= 2 && chunk_count_max <= kLogChunkCountMax);
  chunks_[0] = std::make_unique<Chunk>();
}

char* LogBuffer::reserve() noexcept {
  if (filled_bytes_ + kLogLineBytesMax > kLogChunkBytes && !advance()) return nullptr;
  return slot(fill_index_)->bytes.data() + filled_bytes_;
}

void LogBuffer::commit(size_t bytes) noexcept {
  BARID_ASSERT(filled_bytes_ + bytes <= kLogChunkBytes);
  filled_bytes_ += bytes;
  unpublished_ = true;
}

// Seals the current chunk and starts the next one: a consumed chunk if there is one, so that a
// writer that keeps up makes do with two, else a new one.
bool LogBuffer::advance() noexcept {
  const uint64_t consumed = consumed_count_.load(std::memory_order_acquire);
  const uint64_t next = fill_index_ + 1;
  if (next - consumed >= chunk_count_max_) {
    publish();  // what is there can be written meanwhile
    return false;
  }
  std::unique_ptr<Chunk> chunk;
  if (reuse_index_ < consumed) {
    chunk = std::move(slot(reuse_index_));
    ++reuse_index_;
    chunk->published.store(0, std::memory_order_relaxed);
  } else {
    chunk.reset(new (std::nothrow) Chunk);
    if (chunk == nullptr) return false;
  }
  for (; reuse_index_ + kSpareChunkCount < consumed; ++reuse_index_) slot(reuse_index_).reset();
  slot(fill_index_)->published.store(filled_bytes_, std::memory_order_seq_cst);
  slot(next) = std::move(chunk);
  fill_index_ = next;
  filled_bytes_ = 0;
  sealed_count_.store(next, std::memory_order_seq_cst);
  return true;
}

// Sequentially consistent, as are advance(), peek() and the writer's announcement that it sleeps:
// either it sees these bytes before it sleeps, or wake() sees it sleeping.
void LogBuffer::publish() noexcept {
  if (!unpublished_) return;
  unpublished_ = false;
  slot(fill_index_)->published.store(filled_bytes_, std::memory_order_seq_cst);
  if (waker_ != nullptr) waker_->wake();
}

std::string_view LogBuffer::peek() noexcept {
  for (;;) {
    // Read before the size: a chunk seen as sealed here has its final size already.
    const bool sealed = sealed_count_.load(std::memory_order_seq_cst) > read_index_;
    Chunk& chunk = *slot(read_index_);
    const size_t published = chunk.published.load(std::memory_order_seq_cst);
    if (published > read_bytes_) {
      return {chunk.bytes.data() + read_bytes_, published - read_bytes_};
    }
    if (!sealed) return {};
    ++read_index_;
    read_bytes_ = 0;
    consumed_count_.store(read_index_, std::memory_order_release);
  }
}

void LogBuffer::consume(size_t bytes) noexcept { read_bytes_ += bytes; }

}  // namespace barid
