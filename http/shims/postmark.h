// `POST /email` and `POST /email/batch` as the npm package postmark calls them. What cannot be had
// here is refused by name, never dropped; an email of a batch is taken or refused for itself.
// Source: postmarkapp.com/developer, Email API and API error codes.
// Layer:  http, pure.
#pragma once

#include "http/submit/foreign.h"

namespace barid::http {

[[nodiscard]] const Dialect& postmark_dialect() noexcept;
[[nodiscard]] const Dialect& postmark_batch_dialect() noexcept;
/// {"ErrorCode","Message"}
[[nodiscard]] Response postmark_error(const ApiError& error, std::string_view request_id);

}  // namespace barid::http
