// Links of an HTML text, found as a browser's tokenizer finds them, and put others in their place.
// Everything else stays as it is, byte for byte.
// Source: HTML Living Standard 13.2.5 (tokenization), as far as start tags, comments and raw text.
// Layer:  http, pure.
#pragma once

#include <absl/functional/function_ref.h>

#include <string>
#include <string_view>

namespace barid::http {

inline constexpr size_t kTrackedUrlBytesMax = 1500;

/// `replace` gets the URL of each `<a href>` and `<area href>` that is http or https, with
/// character references undone, and gives what stands there instead; what it gives needs no
/// quoting. Links that are longer than kTrackedUrlBytesMax, or are written with other references
/// than `&amp;`, stay.
[[nodiscard]] std::string replace_links(std::string_view html,
                                        absl::FunctionRef<std::string(const std::string&)> replace);

/// Puts `snippet` before the last `</body>`, or at the end.
void insert_at_end_of_body(std::string& html, std::string_view snippet);

}  // namespace barid::http
