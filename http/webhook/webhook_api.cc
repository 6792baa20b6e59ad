#include "http/webhook/webhook_api.h"

#include <fmt/format.h>

#include "core/crypto/digest.h"
#include "core/text/json.h"
#include "http/submit/email_id.h"
#include "http/submit/views.h"
#include "http/webhook/signature.h"

namespace barid::http {
namespace {

std::string brief(const Endpoint& endpoint) {
  return fmt::format("{{\"object\":\"webhook\",\"id\":\"{}\"}}\n", endpoint.name);
}

/// An empty body is an empty object.
std::optional<ApiError> parse_optional_body(Request& request, JsonValue* value) {
  if (request.body->size() > 0) return parse_body(request, value);
  value->kind = JsonValue::Kind::kObject;
  return std::nullopt;
}

}  // namespace

void WebhookApi::add_routes(Router& router) {
  router.add(Method::kPost, "/webhooks", handler<&WebhookApi::create>(*this));
  router.add(Method::kGet, "/webhooks", handler<&WebhookApi::list>(*this));
  router.add(Method::kGet, "/webhooks/{id}", handler<&WebhookApi::show>(*this));
  router.add(Method::kPatch, "/webhooks/{id}", handler<&WebhookApi::update>(*this));
  router.add(Method::kDelete, "/webhooks/{id}", handler<&WebhookApi::remove>(*this));
  router.add(Method::kPost, "/webhooks/{id}/replay", handler<&WebhookApi::replay>(*this));
}

void WebhookApi::add_admin_routes(Router& router) {
  router.add(Method::kGet, "/admin/v1/webhooks", handler<&WebhookApi::list_all>(*this));
  router.add(Method::kPost, "/admin/v1/webhooks/{id}/replay",
             handler<&WebhookApi::replay_any>(*this));
}

rt::Task<void> WebhookApi::list_all(Exchange& exchange) {
  std::vector<std::string> items;
  for (const Endpoint& endpoint : env_.endpoints.all()) {
    std::string item = view_endpoint(endpoint, EndpointView::kListed);
    item.pop_back();
    const WebhookWorker::Tally tally = env_.worker.tally(endpoint.id);
    item += fmt::format(",\"waiting\":{},\"dead\":{},\"tenant\":", tally.waiting, tally.dead);
    text::append_json_string(item, endpoint.tenant);
    items.push_back(item + '}');
  }
  co_await exchange.answer({.body = json_list(items, false)});
}

rt::Task<void> WebhookApi::replay_any(Exchange& exchange) {
  const std::string_view name = exchange.request().path_parameter("id");
  const auto id = parse_email_id(name);
  std::optional<Endpoint> found = id ? env_.endpoints.find(*id) : std::nullopt;
  if (!found || found->name != name) {
    co_await exchange.refuse({.status = 404, .name = "not_found", .message = "Webhook not found"});
    co_return;
  }
  co_await start_replay(exchange, *std::move(found));
}

rt::Task<bool> WebhookApi::find(Exchange& exchange, Endpoint* endpoint) {
  Principal principal;
  const bool admitted = co_await env_.admission.admit(exchange, kScopeAdmin, &principal);
  if (!admitted) co_return false;
  const auto id = parse_email_id(exchange.request().path_parameter("id"));
  std::optional<Endpoint> found = id ? env_.endpoints.find(*id) : std::nullopt;
  const bool mine = found && found->tenant == principal.tenant &&
                    found->name == exchange.request().path_parameter("id");
  if (!mine) {
    co_await exchange.refuse({.status = 404, .name = "not_found", .message = "Webhook not found"});
    co_return false;
  }
  *endpoint = *std::move(found);
  co_return true;
}

rt::Task<bool> WebhookApi::store(Exchange& exchange, const Endpoint& endpoint,
                                 EndpointChange change) {
  FateRecorder::Order order{.partition = endpoint.id.partition};
  order.changes.push_back({.family = queue::Family::kWebhooks,
                           .key = endpoint_key(endpoint.id),
                           .value = endpoint_record(endpoint),
                           .is_new = change == EndpointChange::kCreate});
  const Code code = co_await env_.host.carry_out(order);
  if (code != Code::kOk) {
    co_await exchange.refuse(busy("The webhook cannot be stored now."));
    co_return false;
  }
  env_.endpoints.put(endpoint);
  env_.worker.wake();
  co_return true;
}

rt::Task<void> WebhookApi::create(Exchange& exchange) {
  Principal principal;
  const bool admitted = co_await env_.admission.admit(exchange, kScopeAdmin, &principal);
  if (!admitted) co_return;
  const WallTime now = env_.reactor.wall_now();
  const QueueId id = env_.queue.home().allocate_id();
  Endpoint endpoint{.id = id,
                    .name = make_email_id(id, env_.reactor.rng().next()),
                    .tenant = principal.tenant,
                    .secret = make_webhook_secret(crypto::random_bytes(kSecretRandomBytes)),
                    .created = now,
                    .since = now};
  JsonValue body;
  std::optional<ApiError> error = parse_body(exchange.request(), &body);
  if (!error) error = read_endpoint(body, EndpointChange::kCreate, policy_, now, &endpoint);
  if (!error && (env_.endpoints.size() >= EndpointList::kMax ||
                 env_.endpoints.of(principal.tenant).size() >= EndpointList::kMaxOfTenant)) {
    error = ApiError{.status = 422,
                     .name = "validation_error",
                     .message = "There are as many webhooks as there may be."};
  }
  if (error) {
    co_await exchange.refuse(*std::move(error));
    co_return;
  }
  const bool stored = co_await store(exchange, endpoint, EndpointChange::kCreate);
  if (!stored) co_return;
  co_await exchange.answer({.body = view_endpoint(endpoint, EndpointView::kWhole) + '\n'});
}

rt::Task<void> WebhookApi::list(Exchange& exchange) {
  Principal principal;
  const bool admitted = co_await env_.admission.admit(exchange, kScopeAdmin, &principal);
  if (!admitted) co_return;
  std::vector<std::string> items;
  for (const Endpoint& endpoint : env_.endpoints.of(principal.tenant)) {
    items.push_back(view_endpoint(endpoint, EndpointView::kListed));
  }
  co_await exchange.answer({.body = json_list(items, false)});
}

rt::Task<void> WebhookApi::show(Exchange& exchange) {
  Endpoint endpoint;
  const bool found = co_await find(exchange, &endpoint);
  if (!found) co_return;
  co_await exchange.answer({.body = view_endpoint(endpoint, EndpointView::kWhole) + '\n'});
}

rt::Task<void> WebhookApi::update(Exchange& exchange) {
  Endpoint endpoint;
  const bool found = co_await find(exchange, &endpoint);
  if (!found) co_return;
  JsonValue body;
  std::optional<ApiError> error = parse_body(exchange.request(), &body);
  if (!error) {
    error =
        read_endpoint(body, EndpointChange::kUpdate, policy_, env_.reactor.wall_now(), &endpoint);
  }
  if (error) {
    co_await exchange.refuse(*std::move(error));
    co_return;
  }
  const bool stored = co_await store(exchange, endpoint, EndpointChange::kUpdate);
  if (stored) co_await exchange.answer({.body = brief(endpoint)});
}

rt::Task<void> WebhookApi::remove(Exchange& exchange) {
  Endpoint endpoint;
  const bool found = co_await find(exchange, &endpoint);
  if (!found) co_return;
  FateRecorder::Order order{.partition = endpoint.id.partition};
  order.changes.push_back({.family = queue::Family::kWebhooks,
                           .key = endpoint_key(endpoint.id),
                           .value = {},
                           .erase = true});
  const Code code = co_await env_.host.carry_out(order);
  if (code != Code::kOk) {
    co_await exchange.refuse(busy("The webhook cannot be deleted now."));
    co_return;
  }
  env_.endpoints.erase(endpoint.id);
  env_.worker.wake();
  co_await exchange.answer({.body = fmt::format("{{\"object\":\"webhook\",\"id\":\"{}\","
                                                "\"deleted\":true}}\n",
                                                endpoint.name)});
}

rt::Task<void> WebhookApi::replay(Exchange& exchange) {
  Endpoint endpoint;
  const bool found = co_await find(exchange, &endpoint);
  if (!found) co_return;
  co_await start_replay(exchange, std::move(endpoint));
}

rt::Task<void> WebhookApi::start_replay(Exchange& exchange, Endpoint endpoint) {
  JsonValue body;
  if (auto error = parse_optional_body(exchange.request(), &body)) {
    co_await exchange.refuse(*std::move(error));
    co_return;
  }
  const JsonValue* after = body.find("after");
  const bool given = after != nullptr && !after->is_null();
  const auto id = given ? QueueId::parse(after->text) : QueueId{};
  std::string problem;
  if (!id) problem = "Invalid `after` field: must be the id of an event";
  if (!endpoint.enabled) problem = "The webhook is disabled: enable it first.";
  if (!problem.empty()) {
    co_await exchange.refuse({.status = 422,
                              .name = "validation_error",
                              .message = std::move(problem),
                              .param = id ? "" : "after"});
    co_return;
  }
  ++endpoint.replays;
  endpoint.replay_after = *id;
  const bool stored = co_await store(exchange, endpoint, EndpointChange::kUpdate);
  if (stored) co_await exchange.answer({.body = brief(endpoint)});
}

}  // namespace barid::http
