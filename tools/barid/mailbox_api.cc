#include "tools/barid/mailbox_api.h"

#include <fmt/format.h>

#include <charconv>

#include "http/submit/admission.h"
#include "tools/barid/mailbox_files.h"

namespace barid::tools {
namespace {

constexpr Duration kPatience = std::chrono::seconds(30);
constexpr size_t kTextBytesMax = 200;

/// Foreign HTML: no scripts, no forms, nothing fetched, shown in a frame of our own page only.
constexpr std::string_view kMailPolicy =
    "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'self'";

/// Empty, or what is wrong with the question.
std::string read_query(const http::Target& target, MailboxQuery* query) {
  for (const auto& [name, value] : target.query) {
    if (name == "limit") {
      const char* const last = value.data() + value.size();
      const auto [end, error] = std::from_chars(value.data(), last, query->limit);
      if (error != std::errc{} || end != last || query->limit < 1 ||
          query->limit > kMailboxPageMax) {
        return fmt::format("limit: a number from 1 to {}", kMailboxPageMax);
      }
    } else if (name == "before") {
      if (!is_mailbox_id(value)) return "before: the id of a message";
      query->before = value;
    } else if (name == "text") {
      if (value.size() > kTextBytesMax) return fmt::format("text: up to {} bytes", kTextBytesMax);
      query->text = value;
    } else {
      return fmt::format("there is no \"{}\": limit, before and text", name);
    }
  }
  return {};
}

}  // namespace

void MailboxApi::add_routes(http::Router& router) {
  using http::Method;
  if (shard_process(inside_).mailbox_directory.empty()) return;
  constexpr std::string_view kAll = "/admin/v1/mailbox";
  constexpr std::string_view kOne = "/admin/v1/mailbox/{id}";
  router.add(Method::kGet, kAll, http::handler<&MailboxApi::list>(*this));
  router.add(Method::kDelete, kAll, http::handler<&MailboxApi::empty>(*this));
  router.add(Method::kGet, kOne, http::handler<&MailboxApi::show>(*this));
  router.add(Method::kDelete, kOne, http::handler<&MailboxApi::remove>(*this));
  router.add(Method::kGet, "/admin/v1/mailbox/{id}/content",
             http::handler<&MailboxApi::show_content>(*this));
  router.add(Method::kGet, "/admin/v1/mailbox/{id}/html",
             http::handler<&MailboxApi::show_html>(*this));
}

rt::Task<void> MailboxApi::refuse(http::Exchange& exchange, Error error) {
  if (error.code == Code::kNotFound) {
    co_await exchange.refuse(
        {.status = 404, .name = "not_found", .message = "there is no such message in the mailbox"});
  } else {
    co_await exchange.refuse(
        http::busy(fmt::format("The mailbox cannot be read now: {}.", code_name(error.code))));
  }
}

rt::Task<void> MailboxApi::list(http::Exchange& exchange) {
  MailboxQuery query;
  if (std::string problem = read_query(exchange.request().target, &query); !problem.empty()) {
    co_await exchange.refuse(
        {.status = 400, .name = "validation_error", .message = std::move(problem)});
    co_return;
  }
  auto call = [directory = shard_process(inside_).mailbox_directory, query] {
    return list_mailbox(directory, query);
  };
  Result<std::string> body =
      co_await shard_offload(inside_).run(std::move(call), exchange.reactor().now() + kPatience);
  if (body.ok()) {
    co_await exchange.answer({.body = *std::move(body)});
  } else {
    co_await refuse(exchange, body.error());
  }
}

rt::Task<Result<std::string>> MailboxApi::load(http::Exchange& exchange) {
  auto call = [directory = shard_process(inside_).mailbox_directory,
               id = std::string(exchange.request().path_parameter("id"))] {
    return load_mailbox_message(directory, id);
  };
  co_return co_await shard_offload(inside_).run(std::move(call),
                                                exchange.reactor().now() + kPatience);
}

rt::Task<void> MailboxApi::show(http::Exchange& exchange) {
  const Result<std::string> message = co_await load(exchange);
  if (message.ok()) {
    co_await exchange.answer(
        {.body = mailbox_message_json(exchange.request().path_parameter("id"), *message)});
  } else {
    co_await refuse(exchange, message.error());
  }
}

rt::Task<void> MailboxApi::show_content(http::Exchange& exchange) {
  Result<std::string> message = co_await load(exchange);
  if (!message.ok()) {
    co_await refuse(exchange, message.error());
    co_return;
  }
  http::Response response{.content_type = "message/rfc822", .body = *std::move(message)};
  response.fields.push_back({.name = "content-disposition",
                             .value = fmt::format("attachment; filename=\"{}.eml\"",
                                                  exchange.request().path_parameter("id"))});
  co_await exchange.answer(std::move(response));
}

rt::Task<void> MailboxApi::show_html(http::Exchange& exchange) {
  const Result<std::string> message = co_await load(exchange);
  if (!message.ok()) {
    co_await refuse(exchange, message.error());
    co_return;
  }
  http::Response response{.content_type = "text/html; charset=utf-8",
                          .body = mailbox_message_html(*message)};
  response.fields = {{"content-security-policy", std::string(kMailPolicy)},
                     {"referrer-policy", "no-referrer"}};
  co_await exchange.answer(std::move(response));
}

rt::Task<void> MailboxApi::remove(http::Exchange& exchange) {
  auto call = [directory = shard_process(inside_).mailbox_directory,
               id = std::string(exchange.request().path_parameter("id"))]() -> Result<uint64_t> {
    const Status status = remove_mailbox_message(directory, id);
    if (!status.ok()) return status.error();
    return uint64_t{1};
  };
  const Result<uint64_t> removed =
      co_await shard_offload(inside_).run(std::move(call), exchange.reactor().now() + kPatience);
  if (removed.ok()) {
    co_await exchange.answer({.body = "{\"removed\":1}\n"});
  } else {
    co_await refuse(exchange, removed.error());
  }
}

rt::Task<void> MailboxApi::empty(http::Exchange& exchange) {
  auto call = [directory = shard_process(inside_).mailbox_directory] {
    return empty_mailbox(directory);
  };
  const Result<uint64_t> removed =
      co_await shard_offload(inside_).run(std::move(call), exchange.reactor().now() + kPatience);
  if (removed.ok()) {
    co_await exchange.answer({.body = fmt::format("{{\"removed\":{}}}\n", *removed)});
  } else {
    co_await refuse(exchange, removed.error());
  }
}

}  // namespace barid::tools
