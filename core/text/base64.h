// Base64.
// Source: RFC 4648 4 (alphabet, padding), RFC 2045 6.8 (lines of 76).
// Layer:  core/text, pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace barid::text {

/// Appends the encoded form without line breaks.
void append_base64(std::string& out, std::string_view bytes);

/// The decoded bytes. Line breaks and blanks may stand between characters; anything else outside
/// the alphabet, wrong padding and a length that no bytes have are nullopt. Missing padding at the
/// very end is accepted.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);

/// The same in the place of the text. False: it is none, and what it holds now is of no use.
[[nodiscard]] bool decode_base64_in_place(std::string& text);

/// Appends lower-case hexadecimal digits.
void append_hex(std::string& out, std::string_view bytes);

}  // namespace barid::text
