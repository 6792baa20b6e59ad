// Strict UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF; and the
// sanitiser through which peers' text goes before it reaches a log or a header.
// Layer:  core/text, pure.
#pragma once

#include <string>
#include <string_view>

namespace barid::text {

/// Length (1–4) of the well-formed sequence at the start of `value`; 0 if there is none.
[[nodiscard]] size_t utf8_sequence_bytes(std::string_view value) noexcept;

/// True if all of `value` is well-formed. NUL counts as a character.
[[nodiscard]] bool is_valid_utf8(std::string_view value) noexcept;

/// Appends `value` for a log line or header: printable ASCII and well-formed UTF-8 stay, every
/// other byte (controls, DEL, C1 controls, malformed ones) becomes '?'. Same length or shorter.
void append_printable(std::string& out, std::string_view value);

/// The same with every non-ASCII byte replaced as well.
void append_printable_ascii(std::string& out, std::string_view value);

}  // namespace barid::text
