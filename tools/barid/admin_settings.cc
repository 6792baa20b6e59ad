#include "tools/barid/admin_settings.h"

#include <fmt/format.h>

#include "core/crypto/digest.h"
#include "core/text/json.h"
#include "http/submit/admission.h"
#include "http/submit/api_key_new.h"
#include "tools/barid/admin_facts.h"

namespace barid::tools {
namespace {

http::ApiError invalid(std::string param, std::string message) {
  return {.status = 422,
          .name = "validation_error",
          .message = std::move(message),
          .param = std::move(param)};
}

std::string shard_json(const ShardStatus& status, size_t index) {
  std::string out = fmt::format(
      "{{\"index\":{},\"io_backend\":\"{}\",\"sessions\":{},\"deliveries\":{},"
      "\"active_messages\":{},\"content_memory_bytes\":{},\"cpu_micros\":{},\"recovering\":{},"
      "\"accepted\":{},\"delivered\":{},\"deferred\":{},\"bounced\":{},\"refusal\":",
      index, status.io_backend, status.sessions, status.deliveries, status.active_messages,
      status.content_memory_bytes, status.cpu_micros, status.recovering,
      status.counters.get(Counter::kMessagesAccepted), status.counters.get(Counter::kDelivered),
      status.counters.get(Counter::kDeferred), status.counters.get(Counter::kBounced));
  if (status.refusal.empty()) return out + "null}";
  text::append_json_string(out, status.refusal);
  return out + '}';
}

/// The members of a request for a key; one that there is not is refused, for it may have been meant
/// as a limit.
std::optional<http::ApiError> read_wish(const http::JsonValue& body, http::ApiKeyWish* wish) {
  if (!body.is_object()) return invalid("body", "must be a JSON object");
  for (size_t i = 0; i < body.names.size(); ++i) {
    const std::string& name = body.names[i];
    std::string* member = name == "tenant"     ? &wish->tenant
                          : name == "scopes"   ? &wish->scopes
                          : name == "rate"     ? &wish->rate
                          : name == "messages" ? &wish->message_rate
                          : name == "from"     ? &wish->from_domains
                                               : nullptr;
    if (member == nullptr) {
      return invalid(name, "there are tenant, scopes, rate, messages and from");
    }
    if (!body.items[i].is_string()) return invalid(name, "must be a string");
    *member = body.items[i].text;
  }
  return std::nullopt;
}

}  // namespace

void AdminSettings::add_routes(http::Router& router) {
  using http::Method;
  router.add(Method::kGet, "/admin/v1/shards", http::handler<&AdminSettings::list_shards>(*this));
  router.add(Method::kGet, "/admin/v1/keys", http::handler<&AdminSettings::list_keys>(*this));
  router.add(Method::kPost, "/admin/v1/keys", http::handler<&AdminSettings::make_key>(*this));
  router.add(Method::kGet, "/admin/v1/configuration",
             http::handler<&AdminSettings::list_configuration>(*this));
  router.add(Method::kGet, "/admin/v1/configuration/{name}",
             http::handler<&AdminSettings::show_parameter>(*this));
}

rt::Task<void> AdminSettings::list_shards(http::Exchange& exchange) {
  const std::vector<ShardStatus> statuses = co_await gather(inside_, shard_status);
  std::string body = "{\"object\":\"list\",\"data\":[";
  for (size_t i = 0; i < statuses.size(); ++i) {
    if (i > 0) body += ',';
    body += shard_json(statuses[i], i);
  }
  co_await exchange.answer({.body = body + "]}\n"});
}

rt::Task<void> AdminSettings::list_keys(http::Exchange& exchange) {
  co_await exchange.answer({.body = keys_json(shard_admin_facts(inside_))});
}

/// Nothing is stored: the line belongs into a table of http_api_key_maps.
rt::Task<void> AdminSettings::make_key(http::Exchange& exchange) {
  http::JsonValue body;
  http::ApiKeyWish wish;
  std::optional<http::ApiError> error = http::parse_body(exchange.request(), &body);
  if (!error) error = read_wish(body, &wish);
  http::NewApiKey made;
  if (!error) {
    made = http::make_api_key(wish, crypto::random_bytes(http::kApiKeyRandomBytes));
    if (!made.problem.empty()) error = invalid({}, made.problem);
  }
  if (error) {
    co_await exchange.refuse(*std::move(error));
    co_return;
  }
  std::string answer = "{\"object\":\"key\",\"key\":";
  text::append_json_string(answer, made.key);
  answer += ",\"line\":";
  text::append_json_string(answer, made.line);
  co_await exchange.answer({.body = answer + "}\n"});
}

rt::Task<void> AdminSettings::list_configuration(http::Exchange& exchange) {
  bool all = false;
  for (const auto& [name, value] : exchange.request().target.query) {
    if (name != "all" || (value != "true" && value != "false")) {
      co_await exchange.refuse(invalid(name, "there is all=true and all=false"));
      co_return;
    }
    all = value == "true";
  }
  co_await exchange.answer({.body = settings_json(shard_admin_facts(inside_), all)});
}

rt::Task<void> AdminSettings::show_parameter(http::Exchange& exchange) {
  std::string body =
      setting_json(shard_admin_facts(inside_), exchange.request().path_parameter("name"));
  if (body.empty()) {
    co_await exchange.refuse(
        {.status = 404, .name = "not_found", .message = "there is no such parameter"});
    co_return;
  }
  co_await exchange.answer({.body = std::move(body)});
}

}  // namespace barid::tools
