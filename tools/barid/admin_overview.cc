#include "tools/barid/admin_overview.h"

#include <absl/container/flat_hash_set.h>
#include <fmt/format.h>

#include <charconv>
#include <memory>

#include "shard/queue/message_scan.h"
#include "tools/barid/history_keeper.h"
#include "tools/barid/http_site.h"
#include "tools/barid/queue_summary.h"
#include "tools/barid/site_members.h"

namespace barid::tools {
namespace {

constexpr Duration kReadPatience = std::chrono::seconds(30);
constexpr Duration kTellInterval = std::chrono::milliseconds(100);
constexpr uint32_t kBatchMessages = 5000;
constexpr int kBatchesOfPiece = 5;
constexpr uint32_t kRowsUsual = 50;
constexpr int64_t kHistorySecondsMax = 86'400;
constexpr int64_t kHistorySecondsUsual = 3'600;

using ActiveIds = absl::flat_hash_set<QueueId>;

/// A number from 1 to `max`; false if it is none.
bool read_number(std::string_view text, int64_t max, int64_t* number) {
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, *number);
  return error == std::errc{} && end == last && *number >= 1 && *number <= max;
}

http::ApiError invalid(std::string_view name, int64_t max) {
  return {.status = 400,
          .name = "validation_error",
          .message = fmt::format("{}: a number from 1 to {}", name, max),
          .param = std::string(name)};
}

/// What pieces on offload threads add up, one after the other.
struct Counting {
  QueueSummary summary;
  queue::MessageFilter filter;
  ActiveIds active;
  WallTime now{};
  uint64_t examined = 0;
};

struct Piece {
  QueueId next{};
  bool done = false;
};

/// Several batches a call: on a busy server it is the calls that wait.
Result<Piece> count_piece(const queue::Store& store, queue::Family family, QueueId from,
                          Counting& counting) {
  Piece piece{.next = from};
  for (int i = 0; i < kBatchesOfPiece && !piece.done; ++i) {
    const queue::ScanRange range{.family = family, .from = piece.next, .found_max = kBatchMessages};
    BARID_TRY(const queue::ScanBatch batch, queue::scan_messages(store, range, {}, counting.now));
    for (const std::unique_ptr<queue::Message>& message : batch.messages) {
      const bool in_memory =
          family == queue::Family::kFresh || counting.active.contains(message->id);
      const QueueName state = queue::queue_of(*message, in_memory);
      if (counting.filter.matches(*message, state, counting.now)) {
        counting.summary.add(*message, state, counting.now);
      }
    }
    counting.examined += batch.examined;
    piece.next = batch.next;
    piece.done = batch.done;
  }
  return piece;
}

}  // namespace

void AdminOverview::add_routes(http::Router& router) {
  using http::Method;
  router.add(Method::kGet, "/admin/v1/queue_summary",
             http::handler<&AdminOverview::summarize>(*this));
  router.add(Method::kGet, "/admin/v1/history", http::handler<&AdminOverview::show_history>(*this));
}

/// Reads every record: a line now and then tells how far it is, the last one is the summary.
rt::Task<void> AdminOverview::summarize(http::Exchange& exchange) {
  // Shared with the offload thread that is at work when the time is over.
  const auto counting = std::make_shared<Counting>();
  counting->now = shard_reactor(inside_).wall_now();
  int64_t rows = kRowsUsual;
  for (const auto& [name, value] : exchange.request().target.query) {
    if (name == "rows") {
      if (read_number(value, QueueSummary::kRowsMax, &rows)) continue;
      co_await exchange.refuse(invalid("rows", QueueSummary::kRowsMax));
      co_return;
    }
    if (std::string problem = counting->filter.add(name, value); !problem.empty()) {
      co_await exchange.refuse(
          {.status = 400, .name = "validation_error", .message = std::move(problem)});
      co_return;
    }
  }
  co_await add_site_members(inside_, &counting->filter);
  for (const std::vector<QueueId>& ids : co_await gather(inside_, shard_active_ids)) {
    counting->active.insert(ids.begin(), ids.end());
  }
  const auto stores = co_await gather(inside_, shard_stores);
  bool reading = co_await exchange.begin({.content_type = "application/x-ndjson"});
  MonoTime told = exchange.reactor().now();
  for (const std::vector<const queue::Store*>& shard_list : stores) {
    for (const queue::Store* store : shard_list) {
      for (const queue::Family family : {queue::Family::kFresh, queue::Family::kQueued}) {
        QueueId from{};
        for (bool done = false; !done && reading;) {
          auto call = [store, family, from, counting] {
            return count_piece(*store, family, from, *counting);
          };
          const Result<Piece> piece = co_await shard_offload(inside_).run(
              std::move(call), exchange.reactor().now() + kReadPatience);
          if (!piece.ok()) {
            exchange.cut_short();
            co_return;
          }
          from = piece->next;
          done = piece->done;
          if (exchange.reactor().now() - told < kTellInterval) continue;
          told = exchange.reactor().now();
          reading = co_await exchange.write(
              fmt::format("{{\"examined\":{},\"complete\":false}}\n", counting->examined));
        }
      }
    }
  }
  if (!reading) co_return;
  counting->summary.set_examined(counting->examined);
  static_cast<void>(co_await exchange.write(counting->summary.json(static_cast<uint32_t>(rows))));
}

rt::Task<void> AdminOverview::show_history(http::Exchange& exchange) {
  int64_t seconds = kHistorySecondsUsual;
  for (const auto& [name, value] : exchange.request().target.query) {
    if (name == "seconds" && read_number(value, kHistorySecondsMax, &seconds)) continue;
    co_await exchange.refuse(invalid("seconds", kHistorySecondsMax));
    co_return;
  }
  const int64_t now = unix_seconds(shard_reactor(inside_).wall_now());
  const auto ask = [now, seconds](Shard::Inside& shard, size_t index) {
    if (index != 0) return std::string();
    return shard_http(shard).history().json(now, std::chrono::seconds(seconds));
  };
  std::vector<std::string> answers = co_await gather_each<std::string>(inside_, ask);
  if (answers.front().empty()) {
    co_await exchange.refuse(http::busy("The first shard does not answer now."));
    co_return;
  }
  co_await exchange.answer({.body = std::move(answers.front())});
}

}  // namespace barid::tools
