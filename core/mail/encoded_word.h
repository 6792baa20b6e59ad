// Text in header fields: as it is, folded, when ASCII allows; else as encoded words.
// Source: RFC 2047 (encoded words), RFC 5322 2.2.3 (folding), 3.2.4, 3.2.5 (phrases), RFC 2231
//         (parameters).
// Layer:  core/mail, pure. All text in is valid UTF-8 without CR, LF and NUL.
#pragma once

#include <string>
#include <string_view>

namespace barid {

/// Appends `NAME: value CRLF` for an unstructured field. Decoders give back exactly `value`.
void append_text_field(std::string& out, std::string_view name, std::string_view value);

/// Appends a display name as a phrase; `*column` is the present column and moves on.
void append_phrase(std::string& out, std::string_view phrase, size_t* column);

/// Appends `; name=value` of a MIME field on a line of its own: quoted when it is short ASCII, else
/// in RFC 2231's form, in continuations when long.
void append_parameter(std::string& out, std::string_view name, std::string_view value);

}  // namespace barid
