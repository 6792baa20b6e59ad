// One line of an SMTP or LMTP reply, and the enhanced status code inside it, read on the client
// side. Source: RFC 5321 4.2 (syntax), RFC 2034 4 and RFC 3463 2 (enhanced codes). Layer:
// smtp/proto, pure. No allocation; callable from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/base/result.h"
#include "core/mail/envelope.h"

namespace barid::smtp {

/// RFC 5321 4.5.3.1.5 allows 512 with CRLF; longer lines are seen in the wild and harmless.
inline constexpr size_t kReplyLineBytesMax = 2048;

/// Borrows the caller's buffer.
struct ReplyLine {
  uint16_t code = 0;      ///< three digits: 000..999; which are sensible is the caller's decision
  bool last = false;      ///< "250 x" or bare "250"; false for "250-x"
  std::string_view text;  ///< behind the separator; may be empty
};

/// Parses one line without its line end. O(1), copies nothing.
/// Errors: kTooLong (over kReplyLineBytesMax), kMalformed (not three digits and then ' ', '-' or
/// end).
[[nodiscard]] Result<ReplyLine> parse_reply_line(std::string_view line) noexcept;

/// The enhanced status code that opens `text`, e.g. "5.1.1 no such user", when its class agrees
/// with the reply code (RFC 2034 4); else 0.0.0.
[[nodiscard]] DsnCode parse_enhanced_code(std::string_view text, uint16_t reply_code) noexcept;

/// Copies `in` to `out`, which has room for it, for logs and notices: valid UTF-8 and printable
/// ASCII stay, every other byte becomes '?', a tab becomes a blank.
void copy_printable(std::string_view in, char* out) noexcept;

/// A whole reply. Borrows the reader's buffer: dead at the reader's next call.
struct Reply {
  uint16_t code = 0;  ///< of the last line
  DsnCode dsn;        ///< as sent, 0.0.0 if none was
  uint32_t line_count = 0;
  bool mixed_codes = false;  ///< lines of one class with different codes
  std::string_view lines;    ///< with codes, printable, separated by LF; cut when overlong

  [[nodiscard]] int klass() const noexcept { return code / 100; }
  /// The code as sent, or X.0.0 from the first digit where that is 2, 4 or 5; else 5.5.0, because a
  /// reply outside those classes is a protocol error wherever a status is needed.
  [[nodiscard]] DsnCode status() const noexcept;
};

}  // namespace barid::smtp
