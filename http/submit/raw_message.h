// A whole message that was submitted as bytes, made fit to be sent.
// Source: RFC 5322 2.1, 2.1.1 (lines), 3.6.3 (Bcc).
// Layer:  http, pure.
#pragma once

#include <string>
#include <string_view>

namespace barid::http {

struct RawMessage {
  std::string problem;  ///< why it cannot be sent; empty = it can
  std::string text;     ///< CR LF lines, without Bcc
  std::string subject;
  std::string from_domain;  ///< of the first address in From, lower case; empty = there is none
  std::string message_id;   ///< without brackets; empty = it has none
};

[[nodiscard]] RawMessage prepare_raw(std::string_view bytes);

}  // namespace barid::http
