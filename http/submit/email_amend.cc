// PATCH /emails/{id} and POST /emails/{id}/cancel: emails that are scheduled, moved or withdrawn.
#include <fmt/format.h>

#include "http/submit/email_api.h"
#include "http/submit/email_id.h"
#include "http/submit/moment.h"
#include "http/submit/views.h"

namespace barid::http {
namespace {

constexpr Duration kReadPatience = std::chrono::seconds(30);
// In the unit of WallTime: nanoseconds of far dates do not fit.
constexpr std::chrono::microseconds kScheduleMax = std::chrono::hours(24 * 30);

ApiError not_scheduled() {
  return {
      .status = 422,
      .name = "validation_error",
      .message = "The email is not scheduled any more: it is being sent, was sent or canceled."};
}
ApiError bad_moment(std::string_view what) {
  return {.status = 422,
          .name = "validation_error",
          .message = fmt::format("Invalid `scheduled_at`: {}", what),
          .param = "scheduled_at"};
}

}  // namespace

rt::Task<void> EmailApi::update(Exchange& exchange) {
  Principal principal;
  const bool admitted = co_await env_.admission.admit(exchange, kScopeSend, &principal);
  if (!admitted) co_return;
  JsonValue body;
  if (auto error = parse_body(exchange.request(), &body)) {
    co_await exchange.refuse(*std::move(error));
    co_return;
  }
  const JsonValue* text = body.find("scheduled_at");
  if (text == nullptr) text = body.find("scheduledAt");
  if (text == nullptr) {
    co_await exchange.refuse({.status = 422,
                              .name = "missing_required_field",
                              .message = "Missing `scheduled_at` field.",
                              .param = "scheduled_at"});
    co_return;
  }
  const WallTime now = env_.reactor.wall_now();
  const auto moment = text->is_string() ? parse_moment(text->text, now) : std::nullopt;
  if (!moment) {
    co_await exchange.refuse(bad_moment("must be an ISO 8601 date or words like `in 1 min`"));
  } else if (*moment <= now || *moment > now + kScheduleMax) {
    co_await exchange.refuse(bad_moment("must be in the future, within 30 days"));
  } else {
    co_await amend(exchange, principal, *moment);
  }
}

rt::Task<void> EmailApi::cancel(Exchange& exchange) {
  Principal principal;
  const bool admitted = co_await env_.admission.admit(exchange, kScopeSend, &principal);
  if (!admitted) co_return;
  co_await amend(exchange, principal, WallTime{});
}

/// `due`: epoch = withdrawn.
rt::Task<void> EmailApi::amend(Exchange& exchange, const Principal& principal, WallTime due) {
  const auto id = parse_email_id(exchange.request().path_parameter("id"));
  const queue::Store* store = id ? env_.stores.find(id->partition) : nullptr;
  Result<AmendableEmail> email = AmendableEmail{};
  if (store != nullptr) {
    EmailName name{.tenant = principal.tenant,
                   .id = std::string(exchange.request().path_parameter("id")),
                   .first = *id};
    auto call = [store, name = std::move(name), due, now = env_.reactor.wall_now()] {
      return read_amendable(*store, name, due, now);
    };
    email = co_await env_.offload.run(std::move(call), env_.reactor.now() + kReadPatience);
  }
  if (!email.ok()) {
    co_await exchange.refuse(busy("The queue cannot be changed now."));
    co_return;
  }
  if (!email->found) {
    co_await exchange.refuse({.status = 404, .name = "not_found", .message = "Email not found"});
    co_return;
  }
  if (email->amendment.ids.empty()) {
    co_await exchange.refuse(not_scheduled());
    co_return;
  }
  if (due != WallTime{} && email->expires_at != WallTime{} && due >= email->expires_at) {
    co_await exchange.refuse(bad_moment(
        fmt::format("must be before the email's `expires_at`, {}", iso_time(email->expires_at))));
    co_return;
  }
  const Code code = co_await env_.host.amend(email->amendment);
  if (code == Code::kNotFound) {
    co_await exchange.refuse(not_scheduled());
  } else if (code != Code::kOk) {
    co_await exchange.refuse(busy("The queue cannot be changed now."));
  } else {
    co_await exchange.answer({.body = fmt::format("{{\"object\":\"email\",\"id\":\"{}\"}}\n",
                                                  exchange.request().path_parameter("id"))});
  }
}

}  // namespace barid::http
