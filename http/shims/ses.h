// `POST /v2/email/outbound-emails` and `POST /v2/email/outbound-bulk-emails` as the AWS SDKs call
// them. What cannot be had here is refused by name, never dropped; an entry of a bulk is taken or
// refused for itself.
// Source: docs.aws.amazon.com/ses, API v2, SendEmail, SendBulkEmail, common errors.
// Layer:  http, pure.
#pragma once

#include "http/submit/foreign.h"

namespace barid::http {

[[nodiscard]] const Dialect& ses_dialect() noexcept;
[[nodiscard]] const Dialect& ses_bulk_dialect() noexcept;
/// {"message"}, and the name of the exception in x-amzn-errortype: what the SDKs throw.
[[nodiscard]] Response ses_error(const ApiError& error, std::string_view request_id);

}  // namespace barid::http
