// Pieces of text work for notices: wrapping, and finding one's way in a header.
// Source: RFC 5322 2.1 (header ends at the first empty line), 2.2.3 (folding), 2.1.1 (line length).
// Layer:  deliver, pure.
#pragma once

#include <string>
#include <string_view>

namespace barid {

/// Appends `line` and CRLF, broken at blanks so that lines stay within 79 bytes where words allow;
/// further lines are indented by four blanks, so that a header field stays one.
void append_wrapped(std::string& out, std::string_view line);

/// Bytes of the header block of `message`: up to and with the line end before the first empty line,
/// or the whole lines there are. Not more than `message` holds.
[[nodiscard]] size_t header_bytes(std::string_view message) noexcept;

/// The unfolded, trimmed value of the first field `name` (lower or upper case alike) in `headers`;
/// empty if there is none.
[[nodiscard]] std::string header_value(std::string_view headers, std::string_view name);

/// `mailbox`, "Name <user>", "user (Name)" or "user", with `@domain` added to an address that has
/// no domain.
[[nodiscard]] std::string complete_mailbox(std::string_view mailbox, std::string_view domain);

}  // namespace barid
