// The addresses in a field such as To, or on a command line: names, comments and groups fall away.
// Source: RFC 5322 3.4, 4.4 (lists, groups, obsolete routes).
// Layer:  core/mail, pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace barid {

/// Each address as written, without blanks outside quotes: "a@b" of `A <a@b>`, of `a@b (A)`, and of
/// `friends: a@b, …;`. An address without domain stays so; `<>` is an empty one. Text that is no
/// address comes back as it is, without its comments: whoever uses it finds out. Cost: O(text).
[[nodiscard]] std::vector<std::string> list_addresses(std::string_view text);

}  // namespace barid
