#include "http/shims/shim_api.h"

#include "core/text/ascii.h"
#include "http/shims/postmark.h"
#include "http/shims/sendgrid.h"
#include "http/shims/ses.h"

namespace barid::http {
namespace {

constexpr std::string_view kPostmarkKeyField = "x-postmark-server-token";

/// The key of that field as our own clients send it; empty = there is none.
std::string key_in(const Request& request, std::string_view name) {
  const std::string* found = request.find_field(name);
  return found == nullptr ? std::string() : "Bearer " + *found;
}

void take_key(Request& request, std::string_view name) {
  std::string key = key_in(request, name);
  std::erase_if(request.fields, [](const Field& field) {
    return text::equals_ignore_case(field.name, "authorization");
  });
  if (!key.empty()) request.fields.push_back({.name = "authorization", .value = std::move(key)});
}

}  // namespace

std::optional<ApiError> ShimApi::PostmarkKeys::head_problem(const Request& request) {
  return admission_.head_problem(key_in(request, kPostmarkKeyField));
}

void ShimApi::add_routes(Router& router) {
  router.set_head_guard(&admission_);
  router.set_error_form(sendgrid_error);
  router.add(Method::kPost, "/v3/mail/send", handler<&ShimApi::sendgrid>(*this));
  router.set_error_form(postmark_error);
  router.set_head_guard(&postmark_keys_);
  router.add(Method::kPost, "/email", handler<&ShimApi::postmark>(*this));
  router.add(Method::kPost, "/email/batch", handler<&ShimApi::postmark_batch>(*this));
  router.set_error_form(ses_error);
  router.set_head_guard(&admission_);
  router.add(Method::kPost, "/v2/email/outbound-emails", handler<&ShimApi::ses>(*this));
  router.add(Method::kPost, "/v2/email/outbound-bulk-emails", handler<&ShimApi::ses_bulk>(*this));
  router.set_error_form(error_response);
  router.set_head_guard(nullptr);
}

rt::Task<void> ShimApi::sendgrid(Exchange& exchange) {
  if (exchange.request().find_field("on-behalf-of") != nullptr) {
    co_await exchange.refuse({.status = 422,
                              .name = "validation_error",
                              .message = "`on-behalf-of`: there are no subusers: each has its key",
                              .param = "on-behalf-of"});
    co_return;
  }
  co_await emails_.create_foreign(exchange, sendgrid_dialect());
}

rt::Task<void> ShimApi::postmark(Exchange& exchange) {
  take_key(exchange.request(), kPostmarkKeyField);
  return emails_.create_foreign(exchange, postmark_dialect());
}

rt::Task<void> ShimApi::ses(Exchange& exchange) {
  exchange.add_field("x-amzn-requestid", exchange.request().request_id);
  return emails_.create_foreign(exchange, ses_dialect());
}

rt::Task<void> ShimApi::ses_bulk(Exchange& exchange) {
  exchange.add_field("x-amzn-requestid", exchange.request().request_id);
  return emails_.create_foreign(exchange, ses_bulk_dialect());
}

rt::Task<void> ShimApi::postmark_batch(Exchange& exchange) {
  take_key(exchange.request(), kPostmarkKeyField);
  return emails_.create_foreign(exchange, postmark_batch_dialect());
}

}  // namespace barid::http
