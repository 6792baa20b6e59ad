#include "http/submit/tracking_api.h"

#include <fmt/format.h>

#include "core/text/json.h"
#include "core/text/utf8.h"
#include "http/submit/email_id.h"
#include "http/submit/engagement.h"
#include "http/submit/event_record.h"

namespace barid::http {
namespace {

constexpr Duration kReadPatience = std::chrono::seconds(5);
/// Events a second of one copy and kind: who reloads a page all day fills no disk.
constexpr uint32_t kEventsPerSecond = 2;
constexpr size_t kAgentBytesMax = 256;
/// A transparent image of one pixel (GIF89a).
constexpr std::string_view kPixel(
    "GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00"
    "\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02"
    "D\x01\x00;",
    43);

/// What a hit is about.
struct Hit {
  std::string tenant;
  std::string key;  ///< of the entry that remembers it; empty: a hit before did that
};

/// Runs on an offload thread. Errors: kNotFound (the email was let go), or of the store.
Result<Hit> find_hit(const queue::Store& store, const TrackedLink& link, QueueId first) {
  const auto record = load_email({&store}, link.email_id);
  const JsonValue* recipients = record ? record->find("recipients") : nullptr;
  if (recipients == nullptr) return Error{.code = Code::kNotFound};
  Hit hit{.tenant = std::string(json_text(*record, "tenant"))};
  std::string key;
  if (link.recipient.empty()) key = engagement_key(first, kSomeRecipient, link.act);
  for (const JsonValue& recipient : recipients->items) {
    if (!key.empty()) break;
    if (json_text(recipient, "email") != link.recipient) continue;
    const auto queue_id = QueueId::parse(json_text(recipient, "queue_id"));
    if (!queue_id) return Error{.code = Code::kCorrupt};
    key =
        engagement_key(*queue_id, static_cast<uint32_t>(json_number(recipient, "index")), link.act);
  }
  if (key.empty()) return hit;
  const Result<std::string> known = store.get(queue::Family::kFates, key);
  if (!known.ok() && known.error().code == Code::kNotFound) hit.key = std::move(key);
  return hit;
}

ApiError not_found() {
  return {.status = 404, .name = "not_found", .message = "There is no such link."};
}

}  // namespace

void TrackingApi::add_routes(Router& router) {
  router.add(Method::kGet, "/t/o/{token}", handler<&TrackingApi::open>(*this));
  router.add(Method::kGet, "/t/c/{token}", handler<&TrackingApi::click>(*this));
}

std::optional<TrackedLink> TrackingApi::link_of(Exchange& exchange, TrackedAct act) const {
  return links_.read(act, exchange.request().path_parameter("token"));
}

rt::Task<void> TrackingApi::open(Exchange& exchange) {
  const auto link = link_of(exchange, TrackedAct::kOpen);
  if (!link) {
    co_await exchange.refuse(not_found());
    co_return;
  }
  co_await record(exchange, *link);
  Response response{.content_type = "image/gif", .body = std::string(kPixel)};
  response.fields.push_back({.name = "cache-control", .value = "no-store, private"});
  co_await exchange.answer(std::move(response));
}

rt::Task<void> TrackingApi::click(Exchange& exchange) {
  const auto link = link_of(exchange, TrackedAct::kClick);
  if (!link) {
    co_await exchange.refuse(not_found());
    co_return;
  }
  co_await record(exchange, *link);
  Response response{.status = 302, .content_type = "text/plain; charset=utf-8"};
  response.fields.push_back({.name = "location", .value = location_of(link->url)});
  response.fields.push_back({.name = "cache-control", .value = "no-store, private"});
  response.fields.push_back({.name = "referrer-policy", .value = "no-referrer"});
  co_await exchange.answer(std::move(response));
}

/// HEAD is a program that looks whether the link is good: nobody has read anything.
rt::Task<void> TrackingApi::record(Exchange& exchange, const TrackedLink& link) {
  if (exchange.request().method == Method::kHead) co_return;
  const auto id = parse_email_id(link.email_id);
  const queue::Store* store = id ? env_.stores.find(id->partition) : nullptr;
  if (store == nullptr) co_return;
  const std::string budget =
      fmt::format("track {} {} {}", static_cast<char>(link.act), link.email_id, link.recipient);
  if (!env_.ledger.take(budget, kEventsPerSecond, env_.reactor.now()).allowed) co_return;
  auto call = [store, link, first = *id] { return find_hit(*store, link, first); };
  Result<Hit> hit = co_await env_.offload.run(std::move(call), env_.reactor.now() + kReadPatience);
  if (!hit.ok()) co_return;  // it was let go, or cannot be read now
  const int64_t at = unix_micros(env_.reactor.wall_now());
  const bool opened = link.act == TrackedAct::kOpen;
  std::string event =
      fmt::format("{{\"v\":1,\"type\":\"{}\",\"email_id\":\"{}\",\"at\":{},\"tenant\":",
                  opened ? "email.opened" : "email.clicked", link.email_id, at);
  text::append_json_string(event, hit->tenant);
  if (!link.recipient.empty()) {
    event += ",\"recipient\":";
    text::append_json_string(event, link.recipient);
  }
  std::string agent;
  text::append_printable(agent, exchange.request().field("user-agent").substr(0, kAgentBytesMax));
  event += fmt::format(",\"{}\":{{\"ipAddress\":", opened ? "open" : "click");
  text::append_json_string(event, exchange.peer().is_ip() ? exchange.peer().ip_text() : "local");
  event += ",\"userAgent\":";
  text::append_json_string(event, agent);
  if (!opened) {
    event += ",\"link\":";
    text::append_json_string(event, link.url);
  }
  event += "}}";
  FateRecorder::Order order{.partition = id->partition};
  if (!hit->key.empty()) {
    order.changes.push_back({.family = queue::Family::kFates,
                             .key = std::move(hit->key),
                             .value = engagement_entry(at)});
  }
  order.changes.push_back({.family = queue::Family::kEvents, .key = {}, .value = std::move(event)});
  if (co_await env_.host.carry_out(order) == Code::kOk) env_.fates.tell_events();
}

}  // namespace barid::http
