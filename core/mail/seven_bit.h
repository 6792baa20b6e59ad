// Converts a message with 8-bit bytes to one of 7-bit bytes only, for servers without 8BITMIME.
// Source: RFC 6152 3, RFC 2045 6 (encodings), RFC 2046 5 (multipart, message), RFC 6532 3.7.
// Layer:  core/mail, pure.
#pragma once

#include "core/mem/content.h"

namespace barid {

/// Multipart and message/rfc822 entities inside one another that are walked; deeper ones refused.
inline constexpr size_t kMimeDepthMax = 100;

/// A message equal to `content` once decoded, in bytes below 128 only. Null if there is none: a
/// header has 8-bit bytes, an entity that cannot be encoded again has (base64, quoted-printable,
/// unknown encodings, multipart without delimiters, message/* but rfc822 and global), or the
/// nesting is too deep. Lines end with CRLF only.
/// Leaf parts with 8-bit bytes, or labelled 8bit or binary, become quoted-printable; labels of
/// multipart and message entities become 7bit; 8-bit bytes in the text before and after the parts
/// of a multipart, which readers ignore, become '?'. All else is kept byte for byte, so converting
/// the result again changes nothing. Cost: two passes, O(size).
[[nodiscard]] ContentRef to_seven_bit(const Content& content);

}  // namespace barid
