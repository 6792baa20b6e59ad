// Finds one header field in a message without parsing the rest.
// Source: RFC 5322 2.2 (fields, folding).
// Layer:  core/mail, pure.
#pragma once

#include <string>
#include <string_view>

namespace barid {

/// The unfolded body of the first field called `name` (any case) in `content`, trimmed; empty if
/// there is none before the header's end. Looks at what `content` holds only: pass the first span.
/// Folds become single blanks. Cost: O(header).
[[nodiscard]] std::string find_header(std::string_view content, std::string_view name);

}  // namespace barid
