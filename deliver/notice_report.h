// The two parts of a notice that are about recipients: the explanation for people, and the report
// for programs. Everything from peers and senders is made printable first.
// Source: RFC 3464 2 (fields), RFC 6533 3 (utf-8 addresses), RFC 3461 6.3.
// Layer:  deliver, pure.
#pragma once

#include <string>

#include "deliver/notice.h"

namespace barid {

/// True if the notice is of RFC 6533's kind: the original was sent with SMTPUTF8.
[[nodiscard]] bool is_global(const NoticeFacts& facts) noexcept;
/// Text for parts that must be ASCII unless the notice is internationalised.
void append_notice_text(std::string& out, const NoticeFacts& facts, std::string_view value);

/// The template's text (senders only), then each recipient with what was said about it.
[[nodiscard]] std::string notice_explanation(const NoticeFacts& facts);
/// The body of message/delivery-status: a block about the message, and one for each recipient.
[[nodiscard]] std::string notice_report(const NoticeFacts& facts);

}  // namespace barid
