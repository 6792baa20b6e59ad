// Message content as the bytes that follow a 354: dots doubled at line starts, overlong lines
// broken, the end marked by CRLF.CRLF. Produces spans of the original plus static pieces; copies
// nothing. Source: RFC 5321 4.5.2 (transparency), 4.5.3.1.6 (line length), 2.3.8 (CRLF only).
// Layer:  smtp/proto, pure, no allocation. Borrows the content for the encoder's life.
//
// Bare CR and LF. A line ends with CRLF and nothing else, so a dot is doubled after CRLF (and at
// the very start), never after a bare CR or LF: a correct receiver removes only the former, and
// would deliver one dot too many for the latter. Bare CR and LF themselves pass unchanged. That
// leaves receivers which do take a bare CR or LF for a line end. For them a content with
// "\n.\n", "\r.\r\n" or the like would end early and the rest would be read as commands: mail
// smuggled under our name. No encoding for DATA satisfies both kinds of receiver, and RFC
// 5321 2.3.8 forbids to send a bare CR or LF at all. So such content is never given to this
// encoder: scan_content() reports it (`lenient_end`), and it goes by BDAT, whose octet count leaves
// nothing to guess and carries every byte (RFC 3030), or in a transfer encoding that hides it, or
// not at all.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace barid::smtp {

/// What must be known of a content before it is sent with DATA.
struct ContentScan {
  bool dot_lines = false;   ///< some line starts with a dot
  bool long_lines = false;  ///< some line is longer than the limit
  /// A dot alone between line ends of which the first is a bare CR or LF, or one that the breaking
  /// of long lines might leave so.
  bool lenient_end = false;
};

/// One pass, vectorised; some 0.05 ns a byte. Lines are what CRLF separates; line_length_max counts
/// without CRLF, 0 = no limit.
[[nodiscard]] ContentScan scan_content(std::span<const std::string_view> content,
                                       uint32_t line_length_max) noexcept;

class DotStuffer {
 public:
  DotStuffer() = default;  ///< of nothing: done() from the start
  /// `scan` must be scan_content() of the same arguments. Content without dots at line starts and
  /// without long lines goes out as the spans it came in.
  /// A line longer than line_length_max is broken with CRLF and a blank, as header folding does:
  /// the first piece holds line_length_max bytes, each further one a blank and one byte less.
  DotStuffer(std::span<const std::string_view> content, ContentScan scan,
             uint32_t line_length_max) noexcept;

  /// Writes the next pieces to `out` and returns how many; fewer than out.size() only at the end.
  /// The pieces borrow the content or static storage. Ends with CRLF.CRLF in any case; content that
  /// does not end in CRLF gets one.
  [[nodiscard]] size_t next(std::span<iovec> out) noexcept;
  [[nodiscard]] bool done() const noexcept { return phase_ == Phase::kDone; }

 private:
  enum class Phase : uint8_t { kContent, kEnd, kDone };

  bool next_piece(iovec& piece) noexcept;
  size_t plain_length(std::string_view rest) noexcept;
  size_t run_length(std::string_view rest) noexcept;
  bool at_line_end(std::string_view rest, size_t i) const noexcept;

  std::span<const std::string_view> content_;
  size_t span_index_ = 0;
  size_t offset_ = 0;    ///< in content_[span_index_]
  uint64_t column_ = 0;  ///< bytes of the current line given out, an inserted blank counted
  uint32_t line_length_max_ = 0;
  bool plain_ = false;         ///< nothing to insert but the end
  bool after_cr_ = false;      ///< the last content byte given out was a CR
  bool at_line_start_ = true;  ///< the last content bytes were CRLF, or there were none
  bool dot_doubled_ = false;   ///< the dot at offset_ has been given out once
  Phase phase_ = Phase::kDone;
};

}  // namespace barid::smtp
