// Mailboxes as people write them in a header or a JSON field: `user@example.org`,
// `<user@example.org>`, `Name <user@example.org>`, `"Na, me" <user@example.org>`.
// Source: RFC 5322 3.4 (without groups, comments, routes), RFC 6532 (UTF-8), RFC 5321 4.5.3.1.
// Layer:  core/mail, pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace barid {

struct Mailbox {
  std::string name;    ///< display name, unquoted; empty = none
  std::string local;   ///< external form: a dot-string, or quoted
  std::string domain;  ///< a name, perhaps with UTF-8 labels, or an address literal in brackets

  [[nodiscard]] std::string address() const { return local + '@' + domain; }
};

/// nullopt for anything else: no domain, a bad character, controls, invalid UTF-8, or too long
/// (local part 64 bytes, domain 255, address 254).
[[nodiscard]] std::optional<Mailbox> parse_mailbox(std::string_view text);

}  // namespace barid
