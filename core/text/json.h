// Strings in JSON: the one place that writes them, and what reading them shares with that.
// Source: RFC 8259 7. Layer: core/text, pure.
#pragma once

#include <string>
#include <string_view>

namespace barid::text {

/// Length of the beginning of `value` that stands for itself inside a JSON string: up to the first
/// quote, backslash or control below 0x20. Bytes above 0x7f are not judged.
[[nodiscard]] size_t plain_json_bytes(std::string_view value) noexcept;

/// Appends `value` as a JSON string with its quotes. What is no UTF-8 becomes U+FFFD.
void append_json_string(std::string& out, std::string_view value);
[[nodiscard]] std::string json_string(std::string_view value);

}  // namespace barid::text
