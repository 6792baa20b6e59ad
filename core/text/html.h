// Text inside HTML and its attributes. Layer: core/text, pure.
#pragma once

#include <string>
#include <string_view>

namespace barid::text {

/// Appends `value` so that it is text wherever HTML allows text, and within quotes of either kind:
/// & < > " ' become character references (HTML, 13.1.4).
void append_html(std::string& out, std::string_view value);
[[nodiscard]] std::string html_text(std::string_view value);

}  // namespace barid::text
