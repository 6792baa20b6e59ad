// The Received header: writing ours, counting those that came with a message.
// Source: RFC 5321 4.4 (trace information), 6.3 (loop detection), RFC 3848 and 6531 3.7.3 ("with").
// Layer:  smtp/proto, pure. Borrows its facts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/text/date.h"

namespace barid::smtp {

struct ReceivedFacts {
  std::string_view helo;            ///< as the client said it; empty = the client's name is used
  std::string_view client_name;     ///< verified, or "unknown"
  std::string_view client_address;  ///< textual, without brackets; IPv6 is recognised by its colon
  std::string_view hostname;        ///< ours
  std::string_view mail_name;       ///< the product name in parentheses
  std::string_view tls = {};        ///< comments about the encryption, folded by "\r\n\t"; or empty
  std::string_view login = {};      ///< "(Authenticated sender: …)"; empty = none
  std::string_view protocol;        ///< "SMTP", "ESMTP", …
  std::string_view queue_id;
  std::string_view recipient;  ///< the only recipient; empty = several, none is named
  int64_t unix_seconds = 0;
  text::ZoneOffset zone = {};
  std::optional<uint32_t> user = {};  ///< made on this host by this user: there is no client
  bool hide_client = false;           ///< smtpd_hide_client_session: starts at "by"
};

/// Appends the header with its line ends (CRLF). Whatever in the facts is not printable becomes
/// '?', and parentheses in the HELO name too, so that a peer cannot shape the header.
void append_received(std::string& out, const ReceivedFacts& facts);

/// Counts Received fields in the header block of a message that arrives in pieces.
class ReceivedCounter {
 public:
  void reset() noexcept { *this = ReceivedCounter(); }
  /// Looks at the next piece. O(bytes) inside the header block, O(1) after it.
  void feed(std::string_view bytes) noexcept;
  [[nodiscard]] uint32_t count() const noexcept { return count_; }
  /// True once the header block has ended.
  [[nodiscard]] bool done() const noexcept { return state_ == State::kDone; }

 private:
  enum class State : uint8_t {
    kLineStart,
    kLabel,       ///< inside a field name
    kLabelBlank,  ///< blanks between the name and its colon
    kRestOfLine,
    kEmptyLineCr,  ///< CR at a line start
    kDone,
  };

  void step(char c) noexcept;
  void end_of_label() noexcept;

  State state_ = State::kLineStart;
  bool first_line_ = true;
  bool after_cr_ = false;
  uint8_t matched_ = 0;  ///< characters of "received" the name begins with; kMismatch = none
  uint32_t count_ = 0;
};

}  // namespace barid::smtp
