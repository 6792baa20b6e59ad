#include "tools/barid/trace_api.h"

#include <fmt/format.h>

#include "shard/queue/store.h"
#include "tools/barid/admin_queue_text.h"
#include "tools/barid/shard_gather.h"

namespace barid::tools {
namespace {

constexpr Duration kReadPatience = std::chrono::seconds(30);
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

}  // namespace

void TraceApi::add_routes(http::Router& router) {
  router.add(http::Method::kGet, "/admin/v1/queue/{id}/events",
             http::handler<&TraceApi::events>(*this));
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
