// What sendmail makes of its input: line ends, the header fields a message must have, recipients
// from the header.
// Source: Postfix's sendmail(1), postconf(5); RFC 5322 3.6 (fields, Resent- blocks).
// Layer:  tools, pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace barid::tools {

enum class FixLineEndings : uint8_t { kAlways, kStrict, kNever };  // sendmail_fix_line_endings

struct MessageRules {
  FixLineEndings line_endings = FixLineEndings::kAlways;
  bool replace_stray_cr = true;  ///< cleanup_replace_stray_cr_lf: a CR within a line is a blank
  bool dot_ends = true;          ///< a line that is a dot ends the message
  bool add_fields = true;        ///< Message-Id, Date, From, if they are missing
  std::string from;              ///< value of a From field to be added
  std::string date;              ///< likewise
  std::string message_id;        ///< likewise, with its brackets
  std::string undisclosed;       ///< undisclosed_recipients_header: a whole field; empty = none
};

struct SendmailMessage {
  std::string content;                  ///< with CRLF
  std::vector<std::string> recipients;  ///< of To, Cc and Bcc, or of Resent-To, -Cc and -Bcc
  bool has_8bit = false;
  bool header_is_8bit = false;
};

/// `input` is what standard input held, whatever it is.
[[nodiscard]] SendmailMessage prepare_message(std::string_view input, const MessageRules& rules);

/// `Name <address>`, the name quoted if it must be; without a name the address alone.
[[nodiscard]] std::string format_from(std::string_view name, std::string_view address);

}  // namespace barid::tools
