#include "tools/barid/admin_api.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include "core/mail/queue_entry.h"
#include "shard/queue/record.h"
#include "tools/barid/queue_list.h"

namespace barid::tools {
namespace {

constexpr Duration kReadPatience = std::chrono::seconds(30);
constexpr uint32_t kListBatch = 500;

/// One piece of a listing, read on an offload thread.
struct ListBatch {
  std::vector<queue::RawRecord> records;
  bool done = false;
};

class BatchVisitor final : public queue::Store::Visitor {
 public:
  explicit BatchVisitor(ListBatch* batch) : batch_(batch) {}
  bool on_entry(std::string_view key, std::string_view value) override {
    if (batch_->records.size() == kListBatch) {
      batch_->done = false;
      return false;
    }
    const auto id = QueueId::from_key(key);
    if (id) batch_->records.push_back({.id = *id, .bytes = std::string(value)});
    return true;
  }

 private:
  ListBatch* batch_;
};

Result<ListBatch> read_batch(const queue::Store& store, queue::Family family, QueueId from) {
  ListBatch batch{.done = true};
  BatchVisitor visitor(&batch);
  const auto key = from.key();
  BARID_TRY_VOID(store.scan(family, {key.data(), key.size()}, visitor));
  return batch;
}

QueueEntry entry_of(const queue::Message& message, bool active) {
  QueueEntry entry{.queue = QueueName::kDeferred,
                   .queue_id = message.id.text(),
                   .arrival_time = message.arrival,
                   .message_size = message.size,
                   .forced_expire = message.force_expired,
                   .sender = message.envelope.sender,
                   .attempts = message.attempts};
  if (message.hold) {
    entry.queue = QueueName::kHold;
  } else if (active) {
    entry.queue = QueueName::kActive;
  } else {
    if (message.attempts == 0) entry.queue = QueueName::kIncoming;
    entry.next_attempt = message.due;
  }
  for (size_t i = 0; i < message.status.size(); ++i) {
    const queue::RecipientStatus& status = message.status[i];
    const bool open = status.state == queue::RecipientState::kPending ||
                      status.state == queue::RecipientState::kFailed;
    if (open) {
      entry.recipients.push_back(
          {.address = message.envelope.recipients[i].address, .delay_reason = status.reason});
    }
  }
  return entry;
}

}  // namespace

void AdminApi::add_routes(http::Router& router) {
  using http::Method;
  router.add(Method::kGet, "/admin/v1/queue", http::handler<&AdminApi::list_queue>(*this));
  router.add(Method::kGet, "/admin/v1/status", http::handler<&AdminApi::show_status>(*this));
  router.add(Method::kPost, "/admin/v1/drain", http::handler<&AdminApi::drain>(*this));
  router.add(Method::kPost, "/admin/v1/reload", http::handler<&AdminApi::reload>(*this));
  router.add(Method::kPost, "/admin/v1/stop", http::handler<&AdminApi::stop>(*this));
}

rt::Task<void> AdminApi::drain(http::Exchange& exchange) {
  for (Shard* shard : shards_)
    shard->post([](Shard::Inside& one) { shard_set_draining(one, true); });
  co_await exchange.answer({.body = "{\"draining\":true}\n"});
}

rt::Task<void> AdminApi::reload(http::Exchange& exchange) {
  co_await exchange.answer({.status = 202, .body = "{}\n"});
  kill(getpid(), SIGHUP);
}

rt::Task<void> AdminApi::stop(http::Exchange& exchange) {
  co_await exchange.answer({.status = 202, .body = "{}\n"});
  kill(getpid(), SIGTERM);
}

rt::Task<void> AdminApi::show_status(http::Exchange& exchange) {
  const std::vector<ShardStatus> statuses = co_await gather(inside_, shard_status);
  std::string body = fmt::format("{{\"pid\":{},\"shards\":[", getpid());
  Counters total;
  for (size_t i = 0; i < statuses.size(); ++i) {
    const ShardStatus& status = statuses[i];
    body += fmt::format(
        "{}{{\"io_backend\":\"{}\",\"sessions\":{},\"deliveries\":{},\"active_messages\":{},"
        "\"content_memory_bytes\":{},\"recovering\":{}}}",
        i == 0 ? "" : ",", status.io_backend, status.sessions, status.deliveries,
        status.active_messages, status.content_memory_bytes, status.recovering);
    total += status.counters;
  }
  body += "],\"counters\":{";
  for (size_t i = 0; i < kCounterCount; ++i) {
    const auto counter = static_cast<Counter>(i);
    body += fmt::format("{}\"{}\":{}", i == 0 ? "" : ",", counter_info(counter).name,
                        total.get(counter));
  }
  body += "}}\n";
  co_await exchange.answer({.body = std::move(body)});
}

rt::Task<void> AdminApi::list_queue(http::Exchange& exchange) {
  absl::flat_hash_set<QueueId> active;
  const std::vector<std::vector<QueueId>> ids = co_await gather(inside_, shard_active_ids);
  for (const std::vector<QueueId>& shard_ids : ids)
    active.insert(shard_ids.begin(), shard_ids.end());
  const auto stores = co_await gather(inside_, shard_stores);
  const bool begun = co_await exchange.begin({.content_type = "application/x-ndjson"});
  if (!begun) co_return;
  for (const std::vector<const queue::Store*>& shard_list : stores) {
    for (const queue::Store* store : shard_list) {
      for (const queue::Family family : {queue::Family::kFresh, queue::Family::kQueued}) {
        const bool ok = co_await list_family(exchange, *store, family, active);
        if (!ok) {
          exchange.cut_short();
          co_return;
        }
      }
    }
  }
}

/// False if the client is gone or the store cannot be read: the answer then ends short.
rt::Task<bool> AdminApi::list_family(http::Exchange& exchange, const queue::Store& store,
                                     queue::Family family,
                                     const absl::flat_hash_set<QueueId>& active) {
  QueueId from{};
  for (;;) {
    const queue::Store* target = &store;
    auto call = [target, family, from] { return read_batch(*target, family, from); };
    const Result<ListBatch> batch =
        co_await shard_offload(inside_).run(call, exchange.reactor().now() + kReadPatience);
    if (!batch.ok()) co_return false;
    std::string lines;
    for (const queue::RawRecord& raw : batch->records) {
      const auto message = queue::decode_message(raw.id, raw.bytes);
      if (!message.ok()) continue;  // quarantined when the queue manager meets it
      const bool is_active = family == queue::Family::kFresh || active.contains(raw.id);
      write_json_line(lines, entry_of(**message, is_active));
    }
    const bool reading = co_await exchange.write(lines);
    if (!reading) co_return false;
    if (batch->done || batch->records.empty()) co_return true;
    from = batch->records.back().id;
    ++from.micros;
  }
}

}  // namespace barid::tools
