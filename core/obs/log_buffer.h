// A shard's log bytes on their way to the writer: a bounded queue of chunks with one producer (the
// shard) and one consumer (the writer's thread), without locks. Lines are formatted straight into a
// chunk; a full buffer loses lines and counts them, it never makes mail wait.
// Layer:  core/obs. Producer and consumer parts each belong to one thread, see below.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>

#include "core/obs/log_line.h"

namespace barid {

inline constexpr size_t kLogChunkBytes = 128 * 1024;
inline constexpr size_t kLogBufferBytesMax = 8 * 1024 * 1024;  ///< per shard
inline constexpr size_t kLogChunkCountMax = kLogBufferBytesMax / kLogChunkBytes;
static_assert(kLogChunkBytes >= 2 * kLogLineBytesMax);

/// Wakes a sleeping writer. Implemented by LogWriter.
class LogWaker {
 public:
  virtual ~LogWaker() = default;
  /// Any thread. Cheap unless the writer sleeps.
  virtual void wake() noexcept = 0;
};

class LogBuffer {
 public:
  /// `waker` may be null (nobody to wake: tests, simulation) and must outlive the buffer.
  /// `chunk_count_max` (2..kLogChunkCountMax) bounds the memory.
  explicit LogBuffer(LogWaker* waker = nullptr, size_t chunk_count_max = kLogChunkCountMax);
  LogBuffer(const LogBuffer&) = delete;
  LogBuffer& operator=(const LogBuffer&) = delete;

  // Producer.

  /// Memory for one line of up to kLogLineBytesMax bytes, or null if the buffer is full. Stays
  /// valid until the next call; what commit() did not take is forgotten.
  [[nodiscard]] char* reserve() noexcept;
  /// The first `bytes` of the last reserve() are a line (or several).
  void commit(size_t bytes) noexcept;
  /// Shows the committed lines to the consumer. Once per turn of the reactor.
  void publish() noexcept;
  [[nodiscard]] bool has_unpublished() const noexcept { return unpublished_; }

  // Consumer.

  /// The next published bytes that lie together; whole lines. Empty = nothing there.
  [[nodiscard]] std::string_view peek() noexcept;
  /// The first `bytes` of peek() are done with.
  void consume(size_t bytes) noexcept;

 private:
  struct Chunk {
    std::atomic<size_t> published{0};
    std::array<char, kLogChunkBytes> bytes;
  };

  [[nodiscard]] bool advance() noexcept;
  [[nodiscard]] std::unique_ptr<Chunk>& slot(uint64_t index) noexcept {
    return chunks_[index % chunk_count_max_];
  }

  LogWaker* const waker_;
  const size_t chunk_count_max_;
  // Slots [consumer index, producer index] are in use; the producer alone changes others.
  std::array<std::unique_ptr<Chunk>, kLogChunkCountMax> chunks_;

  // The producer's: the chunk being filled, and the first consumed one not yet used again.
  alignas(64) uint64_t fill_index_ = 0;
  uint64_t reuse_index_ = 0;
  size_t filled_bytes_ = 0;
  bool unpublished_ = false;
  std::atomic<uint64_t> sealed_count_{0};  ///< chunks before this index get no more bytes

  // The consumer's.
  alignas(64) std::atomic<uint64_t> consumed_count_{0};  ///< chunks handed back
  uint64_t read_index_ = 0;
  size_t read_bytes_ = 0;
};

}  // namespace barid
