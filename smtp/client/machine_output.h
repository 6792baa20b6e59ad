// What a client connection still has to write: commands, which are copied into a ring, and message
// contents, which are borrowed; in stream order, handed out as iovecs.
// Layer:  smtp/client, pure. Allocates at construction only.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "smtp/proto/dot_stuffer.h"

namespace barid::smtp {

inline constexpr uint64_t kOffsetUnknown = UINT64_MAX;

class OutputPlan {
 public:
  /// Room for `contents_max` contents and as many runs of commands.
  explicit OutputPlan(uint32_t contents_max);

  [[nodiscard]] bool has_room(size_t command_bytes) const noexcept {
    return ring_used_ + command_bytes <= ring_.size();
  }
  /// Copies a whole command line. Needs has_room().
  void add_command(std::string_view line) noexcept;
  /// A content as it is. Its spans, and *end_offset, live until it is written or abandoned.
  /// *end_offset becomes the stream offset behind its last byte once that was staged.
  void add_content(std::span<const std::string_view> content, uint64_t* end_offset) noexcept;
  /// A content encoded for DATA; at most one may be unstaged at a time.
  void add_stuffed(const DotStuffer& stuffer, uint64_t* end_offset) noexcept;

  /// What to write next. Refilled only when all that was staged has been written, so that the array
  /// and its bytes stay as they are during a write.
  [[nodiscard]] std::span<const iovec> stage() noexcept;
  /// The first `bytes` of what is staged were written.
  void on_written(size_t bytes) noexcept;
  /// Forgets what was not staged.
  void drop_unstaged() noexcept;
  /// Forgets everything: nothing will be written any more.
  void abandon() noexcept;

  /// Whether these staged bytes are of commands; else of a content.
  [[nodiscard]] bool is_command(const void* data) const noexcept { return in_ring(data); }
  [[nodiscard]] uint64_t staged_bytes() const noexcept { return staged_bytes_; }
  [[nodiscard]] uint64_t written_bytes() const noexcept { return written_bytes_; }
  /// Everything that was staged has been written.
  [[nodiscard]] bool idle() const noexcept { return first_ == count_; }
  [[nodiscard]] bool empty() const noexcept { return idle() && segments_count_ == 0; }

 private:
  enum class Kind : uint8_t { kCommand, kContent, kStuffed };
  struct Segment {
    Kind kind = Kind::kCommand;
    size_t command_bytes = 0;
    std::span<const std::string_view> content;
    uint64_t* end_offset = nullptr;
  };

  static constexpr size_t kRingBytes = 8192;
  static constexpr size_t kPiecesMax = 64;

  Segment& push_segment() noexcept;
  void pop_segment() noexcept;
  bool stage_segment(Segment& segment) noexcept;
  void stage_piece(iovec piece) noexcept;
  [[nodiscard]] bool in_ring(const void* data) const noexcept;

  std::vector<char> ring_;
  size_t ring_write_ = 0;  ///< where the next command byte goes
  size_t ring_stage_ = 0;  ///< the first command byte not staged
  size_t ring_used_ = 0;   ///< from the first byte not written to ring_write_

  std::vector<Segment> segments_;  ///< a ring
  size_t segments_first_ = 0;
  size_t segments_count_ = 0;
  DotStuffer stuffer_;

  std::array<iovec, kPiecesMax> pieces_{};
  size_t first_ = 0;  ///< pieces_[first_, count_) are staged and not written
  size_t count_ = 0;
  uint64_t staged_bytes_ = 0;
  uint64_t written_bytes_ = 0;
};

}  // namespace barid::smtp
