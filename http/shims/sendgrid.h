// `POST /v3/mail/send` as the npm package @sendgrid/mail calls it. Each personalization becomes an
// email of its own. What cannot be had here is refused by name, never dropped.
// Source: docs.sendgrid.com, API v3, Mail Send.
// Layer:  http, pure.
#pragma once

#include "http/submit/foreign.h"

namespace barid::http {

[[nodiscard]] const Dialect& sendgrid_dialect() noexcept;
/// {"errors":[{"message","field","help"}],"id"}
[[nodiscard]] Response sendgrid_error(const ApiError& error, std::string_view request_id);

}  // namespace barid::http
