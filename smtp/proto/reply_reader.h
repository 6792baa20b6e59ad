// Reads replies out of a byte stream, however the stream is cut. Bounded against a server that
// never ends a line or a list. Source: RFC 5321 4.2.1 (multi-line replies), 4.5.3.1.5 (line
// length). Layer:  smtp/proto, pure. One buffer, allocated at the first reply and kept.
//
// What is tolerated and why: a line that ends in a bare LF (seen in the wild, and a server that
// wants to mislead us needs no trick); lines of one list with different codes of the same class,
// where the last one counts. What is not: a line that is no reply line, or a list whose lines
// disagree on the first digit. There the stream is out of step, and with pipelining a QUIT's 2xx
// could be taken for a message's: the reader stays failed and the session must end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "smtp/proto/reply.h"

namespace barid::smtp {

inline constexpr size_t kReplyTextBytesMax = 4096;   ///< kept of one reply; the rest is dropped
inline constexpr size_t kReplyBytesMax = 64u << 10;  ///< of one reply, over all its lines
inline constexpr uint32_t kReplyLinesMax = 512;

/// smtp_reply_filter: what is to be read instead of a line.
class ReplyFilter {
 public:
  virtual ~ReplyFilter() = default;
  /// True if `out` is what is read instead of `line`.
  [[nodiscard]] virtual bool rewrite(std::string_view line, std::string& out) const = 0;
};

class ReplyReader {
 public:
  ReplyReader() = default;
  /// `filter` may be null, else it outlives the reader.
  explicit ReplyReader(const ReplyFilter* filter) noexcept : filter_(filter) {}

  enum class Status : uint8_t { kNeedMore, kReply, kFailed };

  /// Takes bytes up to the end of one reply and moves `bytes` past them.
  /// kReply: reply() is valid until the next call. kNeedMore: all bytes were taken.
  /// kFailed: error() says why (kMalformed, kTooLong) and every further call fails the same way.
  Status read(std::string_view& bytes);

  [[nodiscard]] const Reply& reply() const noexcept { return reply_; }
  /// The reply's lines as one line, for logs. Replaces the LFs of reply().lines in place.
  [[nodiscard]] std::string_view one_line() noexcept;
  [[nodiscard]] Error error() const noexcept { return error_; }
  /// Part of a reply was taken and its end is still missing.
  [[nodiscard]] bool in_reply() const noexcept { return !partial_.empty() || open_; }
  /// Forgets everything, for a new connection.
  void reset() noexcept;

 private:
  Status fail(Code code) noexcept;
  Status take_line(std::string_view line);
  void keep_text(std::string_view line);

  const ReplyFilter* filter_ = nullptr;
  std::string rewritten_;
  std::string partial_;  ///< the start of a line whose end has not come
  std::string text_;     ///< what reply_.lines borrows
  Reply reply_;
  size_t bytes_count_ = 0;  ///< of the current reply
  bool open_ = false;       ///< inside a list
  Error error_{};
};

}  // namespace barid::smtp
