#include "tools/barid/admin_emails.h"

#include "http/submit/admission.h"
#include "http/submit/email_search.h"
#include "tools/barid/shard_gather.h"

namespace barid::tools {
namespace {

constexpr Duration kReadPatience = std::chrono::seconds(30);

}  // namespace

void AdminEmails::add_routes(http::Router& router) {
  using http::Method;
  router.add(Method::kGet, "/admin/v1/emails", http::handler<&AdminEmails::search>(*this));
  router.add(Method::kGet, "/admin/v1/emails/{id}", http::handler<&AdminEmails::show>(*this));
  router.add(Method::kGet, "/admin/v1/emails/{id}/events",
             http::handler<&AdminEmails::events>(*this));
}

rt::Task<std::vector<const queue::Store*>> AdminEmails::stores() {
  std::vector<const queue::Store*> all;
  for (const std::vector<const queue::Store*>& some : co_await gather(inside_, shard_stores)) {
    all.insert(all.end(), some.begin(), some.end());
  }
  co_return all;
}

rt::Task<void> AdminEmails::search(http::Exchange& exchange) {
  http::EmailSearch search;
  if (std::string problem = http::read_email_search(exchange.request().target, &search);
      !problem.empty()) {
    co_await exchange.refuse(
        {.status = 400, .name = "validation_error", .message = std::move(problem)});
    co_return;
  }
  auto call = [all = co_await stores(), search] { return http::search_emails(all, search); };
  Result<std::string> list = co_await shard_offload(inside_).run(
      std::move(call), exchange.reactor().now() + kReadPatience);
  if (list.ok()) {
    co_await exchange.answer({.body = *std::move(list)});
  } else {
    co_await exchange.refuse(http::busy("The stores cannot be read now."));
  }
}

rt::Task<void> AdminEmails::show(http::Exchange& exchange) {
  auto call = [all = co_await stores(), id = std::string(exchange.request().path_parameter("id"))] {
    return http::find_email(all, id);
  };
  Result<std::string> view = co_await shard_offload(inside_).run(
      std::move(call), exchange.reactor().now() + kReadPatience);
  if (!view.ok()) {
    co_await exchange.refuse(http::busy("The stores cannot be read now."));
  } else if (view->empty()) {
    co_await exchange.refuse({.status = 404, .name = "not_found", .message = "Email not found"});
  } else {
    co_await exchange.answer({.body = *std::move(view) + "\n"});
  }
}

rt::Task<void> AdminEmails::events(http::Exchange& exchange) {
  auto call = [all = co_await stores(), id = std::string(exchange.request().path_parameter("id"))] {
    return http::find_email_events(all, id);
  };
  Result<std::string> lines = co_await shard_offload(inside_).run(
      std::move(call), exchange.reactor().now() + kReadPatience);
  if (lines.ok()) {
    co_await exchange.answer({.content_type = "application/x-ndjson", .body = *std::move(lines)});
  } else {
    co_await exchange.refuse(http::busy("The stores cannot be read now."));
  }
}

}  // namespace barid::tools
