// smtpd_reject_footer: what an operator adds to every refusal.
// Source: Postfix's smtpd_reject_footer (line breaks, "\c", macros).
// Layer:  smtp/server, pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace barid::smtp {

struct FooterFacts {
  std::string_view client_address;
  uint16_t client_port = 0;
  std::string_view local_time;  ///< "Nov  5 19:58:35"
  std::string_view server_name;
};

/// Adds `footer` to the reply that stands in `output` from `start` on, one line without CRLF. "\n"
/// in the footer begins a new line of the reply, with the code and enhanced code of the first; a
/// footer that begins with "\c" begins on the first line. $client_address, $client_port, $localtime
/// and $server_name are replaced, other names by nothing. Text is cut where lines would be too
/// long.
void append_footer(std::string& output, size_t start, std::string_view footer,
                   const FooterFacts& facts);

}  // namespace barid::smtp
