// Bodies of parts in 7-bit lines: as they are, quoted-printable, or base64, whichever is right.
// Source: RFC 2045 6.7 (quoted-printable), 6.8 (base64), RFC 5322 2.1.1 (line length).
// Layer:  core/mail, pure.
#pragma once

#include <string_view>

#include "core/mem/content.h"

namespace barid {

enum class TransferEncoding : uint8_t { k7Bit, kQuotedPrintable, kBase64 };
/// "7bit", "quoted-printable", "base64".
[[nodiscard]] std::string_view transfer_encoding_name(TransferEncoding encoding) noexcept;

/// The encoding for text: 7bit if every line is short, plain ASCII and no line looks like a
/// delimiter or a mailbox's "From ", else the shorter of the other two.
[[nodiscard]] TransferEncoding choose_text_encoding(std::string_view text) noexcept;

/// Appends text; LF and CR LF both end lines, which are CR LF in the output. `encoding` is what
/// choose_text_encoding() says of it, or a wider one: 7bit takes short lines only.
void append_text_body(Content& out, std::string_view text, TransferEncoding encoding);
/// Appends any bytes as base64 lines. `bytes` end with the last call's; each ends its own group.
void append_base64_body(Content& out, std::string_view bytes);

}  // namespace barid
