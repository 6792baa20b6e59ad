#include "tools/barid/maildrop_file.h"

namespace barid::tools {

std::string format_maildrop(const MaildropMessage& message) {
  std::string text;
  for (const std::string& command : message.commands) text.append(command).append("\r\n");
  return text.append("DATA\r\n").append(message.content);
}

std::optional<MaildropMessage> parse_maildrop(std::string_view text) {
  MaildropMessage message;
  for (;;) {
    const size_t end = text.find("\r\n");
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 2);
    if (line == "DATA") break;
    const std::string_view wanted = message.commands.empty() ? "MAIL FROM:<" : "RCPT TO:<";
    if (!line.starts_with(wanted)) return std::nullopt;
    message.commands.emplace_back(line);
  }
  if (message.commands.size() < 2) return std::nullopt;
  message.content = text;
  return message;
}

}  // namespace barid::tools
