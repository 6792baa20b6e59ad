// A file of queue_directory/maildrop: what would be said to the server. The commands of the
// envelope, a line DATA, then the content as it is.
// Source: docs/formats/queue.md.
// Layer:  tools, pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace barid::tools {

struct MaildropMessage {
  std::vector<std::string> commands;  ///< MAIL and RCPTs, without CRLF
  std::string content;                ///< with CRLF

  bool operator==(const MaildropMessage&) const = default;
};

[[nodiscard]] std::string format_maildrop(const MaildropMessage& message);
/// Nullopt: no MAIL with at least one RCPT, or no DATA (a file that was not written to its end).
[[nodiscard]] std::optional<MaildropMessage> parse_maildrop(std::string_view text);

}  // namespace barid::tools
