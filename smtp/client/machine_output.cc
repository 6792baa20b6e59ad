#include "smtp/client/machine_output.h"

#include <algorithm>
#include <cstring>
#include <functional>

#include "core/base/assert.h"

namespace barid::smtp {

OutputPlan::OutputPlan(uint32_t contents_max)
    : ring_(kRingBytes), segments_(2 * (static_cast<size_t>(contents_max) + 1)) {}

OutputPlan::Segment& OutputPlan::push_segment() noexcept {
  BARID_ASSERT(segments_count_ < segments_.size());
  Segment& segment = segments_[(segments_first_ + segments_count_++) % segments_.size()];
  segment = {};
  return segment;
}

void OutputPlan::pop_segment() noexcept {
  segments_first_ = (segments_first_ + 1) % segments_.size();
  --segments_count_;
}

void OutputPlan::add_command(std::string_view line) noexcept {
  BARID_ASSERT(has_room(line.size()));
  const size_t head = std::min(line.size(), ring_.size() - ring_write_);
  std::memcpy(ring_.data() + ring_write_, line.data(), head);
  std::memcpy(ring_.data(), line.data() + head, line.size() - head);
  ring_write_ = (ring_write_ + line.size()) % ring_.size();
  ring_used_ += line.size();

  if (segments_count_ > 0) {
    Segment& last = segments_[(segments_first_ + segments_count_ - 1) % segments_.size()];
    if (last.kind == Kind::kCommand) {
      last.command_bytes += line.size();
      return;
    }
  }
  push_segment().command_bytes = line.size();
}

void OutputPlan::add_content(std::span<const std::string_view> content,
                             uint64_t* end_offset) noexcept {
  Segment& segment = push_segment();
  segment.kind = Kind::kContent;
  segment.content = content;
  segment.end_offset = end_offset;
}

void OutputPlan::add_stuffed(const DotStuffer& stuffer, uint64_t* end_offset) noexcept {
  BARID_ASSERT(stuffer_.done());
  stuffer_ = stuffer;
  Segment& segment = push_segment();
  segment.kind = Kind::kStuffed;
  segment.end_offset = end_offset;
}

void OutputPlan::stage_piece(iovec piece) noexcept {
  pieces_[count_++] = piece;
  staged_bytes_ += piece.iov_len;
}

/// Stages as much of a segment as there is room for pieces; true when it is all staged.
bool OutputPlan::stage_segment(Segment& segment) noexcept {
  switch (segment.kind) {
    case Kind::kCommand:
      while (segment.command_bytes > 0) {
        if (count_ == kPiecesMax) return false;
        const size_t length = std::min(segment.command_bytes, ring_.size() - ring_stage_);
        stage_piece({.iov_base = ring_.data() + ring_stage_, .iov_len = length});
        ring_stage_ = (ring_stage_ + length) % ring_.size();
        segment.command_bytes -= length;
      }
      return true;
    case Kind::kContent:
      while (!segment.content.empty()) {
        const std::string_view bytes = segment.content.front();
        if (!bytes.empty()) {
          if (count_ == kPiecesMax) return false;
          stage_piece({.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()});
        }
        segment.content = segment.content.subspan(1);
      }
      break;
    case Kind::kStuffed: {
      const size_t count = stuffer_.next(std::span(pieces_).subspan(count_));
      for (size_t i = 0; i < count; ++i) staged_bytes_ += pieces_[count_ + i].iov_len;
      count_ += count;
      if (!stuffer_.done()) return false;
      break;
    }
  }
  *segment.end_offset = staged_bytes_;
  return true;
}

std::span<const iovec> OutputPlan::stage() noexcept {
  if (idle()) {
    first_ = count_ = 0;
    while (segments_count_ > 0 && count_ < kPiecesMax) {
      if (!stage_segment(segments_[segments_first_])) break;
      pop_segment();
    }
  }
  return std::span(pieces_).subspan(first_, count_ - first_);
}

bool OutputPlan::in_ring(const void* data) const noexcept {
  const char* const byte = static_cast<const char*>(data);
  const std::less_equal<const char*> le;
  return le(ring_.data(), byte) && le(byte + 1, ring_.data() + ring_.size());
}

void OutputPlan::on_written(size_t bytes) noexcept {
  written_bytes_ += bytes;
  BARID_ASSERT(written_bytes_ <= staged_bytes_);
  while (bytes > 0) {
    BARID_ASSERT(first_ < count_);
    iovec& piece = pieces_[first_];
    const size_t length = std::min(bytes, piece.iov_len);
    if (in_ring(piece.iov_base)) ring_used_ -= length;
    bytes -= length;
    if (length == piece.iov_len) {
      ++first_;
    } else {
      piece.iov_base = static_cast<char*>(piece.iov_base) + length;
      piece.iov_len -= length;
    }
  }
}

void OutputPlan::drop_unstaged() noexcept {
  while (segments_count_ > 0) {
    const Segment& segment = segments_[segments_first_];
    ring_used_ -= segment.command_bytes;
    pop_segment();
  }
  ring_write_ = ring_stage_;
  stuffer_ = DotStuffer();
}

void OutputPlan::abandon() noexcept {
  drop_unstaged();
  first_ = count_ = 0;
  ring_used_ = 0;
  ring_write_ = ring_stage_ = 0;
}

}  // namespace barid::smtp
