#include "tools/barid/trace_api.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/config/values.h"
#include "shard/queue/store.h"
#include "tools/barid/admin_queue_text.h"
#include "tools/barid/shard_gather.h"

namespace barid::tools {
namespace {

constexpr Duration kReadPatience = std::chrono::seconds(30);
constexpr Duration kWatchDefault = std::chrono::minutes(10);
constexpr Duration kWatchMax = std::chrono::hours(1);
constexpr Duration kCollectInterval = std::chrono::milliseconds(200);
constexpr Duration kHeartbeat = std::chrono::seconds(2);
constexpr size_t kExaminedMax = 200'000;  // of a store; events are in order of time
constexpr size_t kEventsMax = 100;

/// Events of one message, one a line as they are stored.
class EventsOf final : public queue::Store::Visitor {
 public:
  explicit EventsOf(QueueId id) : needle_(fmt::format("\"queue_id\":\"{}\"", id.text())) {}
  bool on_entry(std::string_view, std::string_view value) override {
    if (value.find(needle_) != std::string_view::npos) {
      lines += value;
      lines += '\n';
      ++found_;
    }
    return ++examined_ < kExaminedMax && found_ < kEventsMax;
  }
  std::string lines;

 private:
  const std::string needle_;
  size_t examined_ = 0;
  size_t found_ = 0;
};

/// An event's key is the id of the moment it was made at: none is older than its message.
Result<std::string> read_events(const queue::Store& store, QueueId id) {
  const auto key = QueueId{.micros = id.micros, .partition = 0}.key();
  EventsOf events(id);
  BARID_TRY_VOID(store.scan(queue::Family::kEvents, {key.data(), key.size()}, events));
  return std::move(events.lines);
}

/// Empty, or what is wrong with the question.
std::string read_watch(const http::Target& target, DialogueWatch::Request* request,
                       std::string* destination, Duration* duration) {
  for (const auto& [name, value] : target.query) {
    if (name == "for") {
      const auto time = config::parse_time(value, 's');
      if (!time || *time <= Duration::zero() || *time > kWatchMax) {
        return fmt::format("for \"{}\": a time up to 1h, such as 30s", value);
      }
      *duration = *time;
    } else if (name == "client" && !value.empty()) {
      request->of_clients = true;
      request->names.push_back(value);
    } else if (name == "destination" && !value.empty()) {
      *destination = value;
    } else {
      return fmt::format("there is no \"{}\": client or destination, and for", name);
    }
  }
  if (request->of_clients == !destination->empty()) {
    return "say client=ADDRESS or destination=DOMAIN, one of them";
  }
  return {};
}

/// The hosts of a site's key: "mx1.example,mx2.example#rule", "[192.0.2.1]:2525".
void add_hosts(std::string_view site, std::vector<std::string>* names) {
  site = site.substr(0, site.find('#'));
  while (!site.empty()) {
    const size_t end = std::min(site.find_first_of(", "), site.size());
    std::string_view host = site.substr(0, end);
    if (host.starts_with('[')) {
      host = host.substr(1, host.find(']') - 1);
    } else if (host.find(':') == host.rfind(':')) {
      host = host.substr(0, host.find(':'));
    }
    if (!host.empty()) names->emplace_back(host);
    site.remove_prefix(std::min(end + 1, site.size()));
  }
}

}  // namespace

void TraceApi::add_routes(http::Router& router) {
  router.add(http::Method::kGet, "/admin/v1/dialogue", http::handler<&TraceApi::watch>(*this));
  router.add(http::Method::kGet, "/admin/v1/queue/{id}/events",
             http::handler<&TraceApi::events>(*this));
}

/// Streams until the time is over or the client is gone; the shards then forget the watch.
rt::Task<void> TraceApi::watch(http::Exchange& exchange) {
  DialogueWatch::Request request;
  Duration duration = kWatchDefault;
  std::string destination;
  const std::string problem =
      read_watch(exchange.request().target, &request, &destination, &duration);
  if (!problem.empty()) {
    co_await exchange.refuse({.status = 400, .name = "validation_error", .message = problem});
    co_return;
  }
  if (!destination.empty()) {
    const schedule::Route route =
        shard_router(inside_).route({}, Recipient{.address = "postmaster@" + destination});
    request.names.push_back(destination);
    if (shard_queue(inside_).dispatcher().has_transport(route.transport)) {
      const auto placement = co_await shard_queue(inside_).dispatcher().placement_of(route);
      add_hosts(placement.site, &request.names);
    }
  }
  request.id = shard_reactor(inside_).rng().next();
  bool reading = co_await exchange.begin({.content_type = "application/x-ndjson"});
  const MonoTime end = exchange.reactor().now() + duration;
  MonoTime spoken = exchange.reactor().now();
  const auto collect = [&request](Shard::Inside& shard, size_t) {
    return shard_dialogues(shard).collect(request);
  };
  while (reading && !shard_stopping(inside_) && exchange.reactor().now() < end) {
    std::string lines;
    const std::vector<std::string> said = co_await gather_each<std::string>(inside_, collect);
    for (const std::string& one : said) lines += one;
    const MonoTime now = exchange.reactor().now();
    if (lines.empty() && now - spoken > kHeartbeat) lines = "\n";  // shows who is gone
    if (!lines.empty()) {
      spoken = now;
      reading = co_await exchange.write(lines);
    }
    if (reading) co_await rt::Sleep(exchange.reactor(), now + kCollectInterval);
  }
}

rt::Task<void> TraceApi::events(http::Exchange& exchange) {
  const std::string text(exchange.request().path_parameter("id"));
  const std::optional<QueueId> id = QueueId::parse(text);
  if (!id) {
    co_await exchange.refuse(
        {.status = 400, .name = "validation_error", .message = not_an_id(text)});
    co_return;
  }
  std::string body;
  const auto stores = co_await gather(inside_, shard_stores);
  for (const std::vector<const queue::Store*>& shard_list : stores) {
    for (const queue::Store* store : shard_list) {
      auto call = [store, id = *id] { return read_events(*store, id); };
      const Result<std::string> lines = co_await shard_offload(inside_).run(
          std::move(call), exchange.reactor().now() + kReadPatience);
      if (!lines.ok()) {
        co_await exchange.refuse(missing_message(text, lines.error()));
        co_return;
      }
      body += *lines;
    }
  }
  co_await exchange.answer({.content_type = "application/x-ndjson", .body = std::move(body)});
}

}  // namespace barid::tools
