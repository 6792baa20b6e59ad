// Personal copies of a message: {{name}} is replaced, HTML-escaped in html and as it is elsewhere,
// {{{name}}} as it is everywhere.
// Source: mustache(5), variables only.
// Layer:  http, pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http/submit/email_request.h"

namespace barid::http {

/// Variables of `recipient`; `email` and `name` are there unless it has its own. On a tag without a
/// value, or one without an end, nullopt, and `*tag` names it.
enum class MergeStyle : uint8_t { kPlain, kHtml };
[[nodiscard]] std::optional<std::string> merge_text(std::string_view text,
                                                    const MergeRecipient& recipient,
                                                    MergeStyle style, std::string* tag);

/// `composition` for one recipient: To is that one. An error is 422 and names tag and recipient.
[[nodiscard]] std::optional<ApiError> merge(const Composition& composition,
                                            const MergeRecipient& recipient, size_t index,
                                            Composition* merged);

}  // namespace barid::http
