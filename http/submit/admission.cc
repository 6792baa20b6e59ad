#include "http/submit/admission.h"

#include <fmt/format.h>

#include "core/text/ascii.h"

namespace barid::http {

rt::Task<bool> Admission::admit(Exchange& exchange, Scope scope, Principal* principal) {
  ApiKeys::Answer answer =
      keys_->authorize(exchange.request(), scope, exchange.reactor().wall_now());
  if (!answer.principal) {
    co_await exchange.refuse(std::move(answer.error));
    co_return false;
  }
  *principal = *std::move(answer.principal);
  if (principal->rate == 0) co_return true;
  co_return co_await take(exchange, principal->key_digest, principal->rate, "requests", 1);
}

rt::Task<bool> Admission::admit_messages(Exchange& exchange, const Principal& principal,
                                         size_t count) {
  if (principal.message_rate == 0) co_return true;
  co_return co_await take(exchange, "messages " + principal.tenant, principal.message_rate,
                          "messages", static_cast<uint32_t>(count));
}

rt::Task<bool> Admission::take(Exchange& exchange, std::string budget, uint32_t limit,
                               std::string_view what, uint32_t amount) {
  const RequestLedger::Rate rate = ledger_.take(budget, limit, exchange.reactor().now(), amount);
  exchange.set_field("ratelimit-limit", fmt::to_string(rate.limit));
  exchange.set_field("ratelimit-remaining", fmt::to_string(rate.remaining));
  exchange.set_field("ratelimit-reset", fmt::to_string(rate.reset_seconds));
  if (rate.allowed) co_return true;
  co_await exchange.refuse({.status = 429,
                            .name = "rate_limit_exceeded",
                            .message = fmt::format("Too many requests. You can only make {} "
                                                   "{} per second.",
                                                   rate.limit, what),
                            .retry_after_seconds = rate.reset_seconds});
  co_return false;
}

ApiError malformed_body(const JsonProblem& problem, std::string_view where) {
  std::string message = "The request body is no valid JSON: ";
  message += where;
  if (!problem.param.empty()) message += fmt::format("`{}`: ", problem.param);
  message += problem.text;
  return {.status = 400,
          .name = "validation_error",
          .message = std::move(message),
          .param = problem.param};
}

bool is_media_type(std::string_view field, std::string_view wanted) noexcept {
  return text::equals_ignore_case(text::trim(field.substr(0, field.find(';'))), wanted);
}

std::optional<ApiError> parse_body(Request& request, JsonValue* value) {
  const std::string_view type = request.field("content-type");
  if (!type.empty() && !is_media_type(type, "application/json")) {
    return ApiError{.status = 415,
                    .name = "unsupported_media_type",
                    .message = "The body must be application/json."};
  }
  JsonReader reader;
  reader.expect(request.body->size());
  request.body->drain([&reader](std::string_view span) { reader.add(span); });
  if (!reader.finish()) return malformed_body(reader.problem());
  *value = reader.take();
  return std::nullopt;
}

ApiError busy(std::string message, uint32_t retry_after_seconds) {
  return {.status = 503,
          .name = "service_unavailable",
          .message = std::move(message),
          .retry_after_seconds = retry_after_seconds};
}

}  // namespace barid::http
