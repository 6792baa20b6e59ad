// xtext, the encoding of ENVID and ORCPT.
// Source: RFC 3461 4: xchar is %d33–126 without "+" and "="; "+" and two upper-case hex digits
//         stand for any byte.
// Layer:  core/text, pure.
#pragma once

#include <string>
#include <string_view>

namespace barid::text {

/// True if `value` is well-formed xtext whose decoded bytes are all printable ASCII (33–126, and
/// blanks), as RFC 3461 4.2 and 4.4 demand. With `utf8`, well-formed non-ASCII UTF-8 may stand
/// unencoded (RFC 6533 3). Lower-case hex digits are accepted. The empty value is well-formed.
struct XtextOptions {
  bool utf8 = false;
};
[[nodiscard]] bool is_xtext(std::string_view value, XtextOptions options = {}) noexcept;

/// Appends the decoded form. `value` must satisfy is_xtext().
void append_xtext_decoded(std::string& out, std::string_view value);

/// Appends the encoded form of any bytes. Non-ASCII bytes are encoded as well.
void append_xtext(std::string& out, std::string_view value);

}  // namespace barid::text
