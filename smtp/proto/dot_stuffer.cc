#include "smtp/proto/dot_stuffer.h"

#include <algorithm>
#include <cstring>

#include "core/base/assert.h"

namespace barid::smtp {
namespace {

constexpr std::string_view kBreak = "\r\n ";
constexpr std::string_view kEndAfterLine = ".\r\n";
constexpr std::string_view kEndInsideLine = "\r\n.\r\n";

iovec piece_of(std::string_view bytes) noexcept {
  return {.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
}

/// Reads a content as one sequence of bytes, for the few places that a scan has to look at closely.
class ContentReader {
 public:
  ContentReader(std::span<const std::string_view> content, size_t span_index,
                size_t offset) noexcept
      : content_(content), span_index_(span_index), offset_(offset) {}

  /// The byte `distance` before the current one, or -1 before the start.
  [[nodiscard]] int before(size_t distance) const noexcept {
    size_t index = span_index_;
    size_t offset = offset_;
    for (;;) {
      if (distance <= offset) return static_cast<unsigned char>(content_[index][offset - distance]);
      distance -= offset;
      do {
        if (index == 0) return -1;
        --index;
      } while (content_[index].empty());
      offset = content_[index].size();
    }
  }
  /// The byte behind the current one, or -1 at the end.
  [[nodiscard]] int after() const noexcept {
    if (offset_ + 1 < content_[span_index_].size()) {
      return static_cast<unsigned char>(content_[span_index_][offset_ + 1]);
    }
    for (size_t index = span_index_ + 1; index < content_.size(); ++index) {
      if (!content_[index].empty()) return static_cast<unsigned char>(content_[index][0]);
    }
    return -1;
  }

 private:
  std::span<const std::string_view> content_;
  size_t span_index_;
  size_t offset_;
};

/// What a scan finds on its way.
struct Findings {
  ContentScan scan;
  bool bare_dot = false;  ///< a dot behind a bare CR or LF
};

/// Looks at the dot at the given place.
void judge_dot(std::span<const std::string_view> content, size_t span_index, size_t offset,
               Findings& findings) noexcept {
  const ContentReader reader(content, span_index, offset);
  const int previous = reader.before(1);
  if (previous == -1 || (previous == '\n' && reader.before(2) == '\r')) {
    findings.scan.dot_lines = true;
    return;
  }
  if (previous != '\n' && previous != '\r') return;
  findings.bare_dot = true;
  const int next = reader.after();
  // The end counts: CRLF.CRLF is put behind it.
  if (next == '\n' || next == '\r' || next == -1) findings.scan.lenient_end = true;
}

/// Finds dots behind a CR or LF. Whole blocks are tested at once, since nearly all hold none.
void scan_dots(std::span<const std::string_view> content, size_t span_index,
               Findings& findings) noexcept {
  const std::string_view bytes = content[span_index];
  constexpr size_t kBlock = 64;
  size_t i = 1;
  const char* const p = bytes.data();
  const auto judge = [&](size_t at) {
    if (p[at] == '.' && (p[at - 1] == '\n' || p[at - 1] == '\r')) {
      judge_dot(content, span_index, at, findings);
    }
  };
  for (; i + kBlock <= bytes.size(); i += kBlock) {
    unsigned char hit = 0;
    for (size_t k = 0; k < kBlock; ++k) {
      const char before = p[i + k - 1];
      const bool line_end = (before == '\n') | (before == '\r');
      hit = static_cast<unsigned char>(hit | (line_end & (p[i + k] == '.')));
    }
    if (hit == 0) continue;
    for (size_t k = 0; k < kBlock; ++k) judge(i + k);
  }
  for (; i < bytes.size(); ++i) judge(i);
}

/// Measures lines across spans: from a line's start, the last CRLF within reach is looked for from
/// the far end, so that most bytes are never touched.
class LineMeter {
 public:
  explicit LineMeter(uint32_t length_max) noexcept : length_max_(length_max) {}

  void take(std::string_view bytes) noexcept {
    while (!bytes.empty() && !too_long_) {
      const uint64_t reach = length_max_ + 2 - column_;  // the longest line and its CRLF
      const std::string_view window = bytes.substr(0, std::min<uint64_t>(bytes.size(), reach));
      const size_t line_end = last_line_end(window);
      after_cr_ = window.back() == '\r';
      if (line_end == std::string_view::npos) {
        column_ += window.size();
        bytes.remove_prefix(window.size());
      } else {
        column_ = window.size() - line_end;
        bytes.remove_prefix(window.size());
      }
      // A CR may still be followed by its LF, which does not count.
      if (column_ > length_max_ + (after_cr_ ? 1 : 0)) too_long_ = true;
    }
  }
  [[nodiscard]] bool too_long() const noexcept { return too_long_ || column_ > length_max_; }

 private:
  /// Offset just behind the last CRLF of which at least the LF lies in the window.
  [[nodiscard]] size_t last_line_end(std::string_view window) const noexcept {
    size_t from = window.size();
    while (from > 0) {
      const void* const found = memrchr(window.data(), '\n', from);
      if (found == nullptr) return std::string_view::npos;
      const auto at = static_cast<size_t>(static_cast<const char*>(found) - window.data());
      if (at > 0 ? window[at - 1] == '\r' : after_cr_) return at + 1;
      from = at;
    }
    return std::string_view::npos;
  }

  uint64_t length_max_;
  uint64_t column_ = 0;  ///< bytes since the last CRLF; at most length_max_ + 1 between calls
  bool after_cr_ = false;
  bool too_long_ = false;
};

}  // namespace

ContentScan scan_content(std::span<const std::string_view> content,
                         uint32_t line_length_max) noexcept {
  Findings findings;
  LineMeter meter(line_length_max);
  for (size_t i = 0; i < content.size(); ++i) {
    if (content[i].empty()) continue;
    if (content[i].front() == '.') judge_dot(content, i, 0, findings);
    scan_dots(content, i, findings);
    if (line_length_max != 0) meter.take(content[i]);
  }
  ContentScan scan = findings.scan;
  scan.long_lines = line_length_max != 0 && meter.too_long();
  // A break might fall right behind such a dot and leave it alone between two line ends.
  if (scan.long_lines && findings.bare_dot) scan.lenient_end = true;
  return scan;
}

DotStuffer::DotStuffer(std::span<const std::string_view> content, ContentScan scan,
                       uint32_t line_length_max) noexcept
    : content_(content),
      line_length_max_(line_length_max == 1 ? 2 : line_length_max),  // a blank and one byte
      plain_(!scan.dot_lines && !scan.long_lines),
      phase_(Phase::kContent) {}

size_t DotStuffer::next(std::span<iovec> out) noexcept {
  size_t count = 0;
  while (count < out.size() && next_piece(out[count])) ++count;
  return count;
}

bool DotStuffer::next_piece(iovec& piece) noexcept {
  while (phase_ == Phase::kContent) {
    if (span_index_ == content_.size()) {
      phase_ = Phase::kEnd;
      break;
    }
    const std::string_view rest = content_[span_index_].substr(offset_);
    if (rest.empty()) {
      ++span_index_;
      offset_ = 0;
      continue;
    }
    const size_t length = plain_ ? plain_length(rest) : run_length(rest);
    if (length == 0) {
      piece = piece_of(kBreak);
      column_ = 1;
      return true;
    }
    piece = piece_of(rest.substr(0, length));
    // A doubled dot ends one piece and, not consumed, starts the next.
    offset_ += dot_doubled_ ? length - 1 : length;
    return true;
  }
  if (phase_ == Phase::kDone) return false;
  piece = piece_of(at_line_start_ ? kEndAfterLine : kEndInsideLine);
  phase_ = Phase::kDone;
  return true;
}

size_t DotStuffer::plain_length(std::string_view rest) noexcept {
  const bool cr_before = rest.size() > 1 ? rest[rest.size() - 2] == '\r' : after_cr_;
  at_line_start_ = rest.back() == '\n' && cr_before;
  after_cr_ = rest.back() == '\r';
  return rest.size();
}

/// How much of `rest` goes out in one piece; 0 = a break is due before it. Keeps the line's state.
size_t DotStuffer::run_length(std::string_view rest) noexcept {
  size_t i = 0;
  while (i < rest.size()) {
    if (at_line_start_ && rest[i] == '.' && !dot_doubled_) {
      dot_doubled_ = true;
      return i + 1;
    }
    dot_doubled_ = false;
    const bool at_limit = line_length_max_ != 0 && column_ >= line_length_max_;
    if (at_limit && !at_line_end(rest, i)) return i;
    std::string_view line = rest.substr(i);
    if (at_limit) {
      line = line.substr(0, 1);  // CR or LF, which the limit does not count
    } else if (line_length_max_ != 0) {
      line = line.substr(0, line_length_max_ - column_);
    }
    const void* const found = std::memchr(line.data(), '\n', line.size());
    if (found != nullptr) {
      line = line.substr(0, static_cast<size_t>(static_cast<const char*>(found) - line.data()) + 1);
    }
    const bool cr_before = line.size() > 1 ? line[line.size() - 2] == '\r' : after_cr_;
    at_line_start_ = found != nullptr && cr_before;
    after_cr_ = line.back() == '\r';
    column_ = at_line_start_ ? 0 : column_ + line.size();
    i += line.size();
  }
  return i;
}

/// True when the byte at rest[i] is the CR of a CRLF, or its LF.
bool DotStuffer::at_line_end(std::string_view rest, size_t i) const noexcept {
  if (rest[i] == '\n') return after_cr_;
  return rest[i] == '\r' && ContentReader(content_, span_index_, offset_ + i).after() == '\n';
}

}  // namespace barid::smtp
