#include "tools/barid/admin_queue.h"

#include <absl/container/flat_hash_map.h>
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "core/mail/queue_entry.h"
#include "shard/queue/message_scan.h"
#include "shard/queue/partition.h"
#include "shard/schedule/queue_manager.h"
#include "shard/schedule/views.h"
#include "tools/barid/admin_queue_text.h"
#include "tools/barid/operation_run.h"
#include "tools/barid/queue_list.h"
#include "tools/barid/site_members.h"

namespace barid::tools {

using schedule::OperationRequest;
using schedule::QueueAction;

namespace {

constexpr Duration kReadPatience = std::chrono::seconds(30);
constexpr uint32_t kCountedAtOnce = 5000;
constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();
constexpr Duration kFirstPoll = std::chrono::milliseconds(2);
constexpr Duration kPollMax = std::chrono::milliseconds(100);

struct Lines {
  std::string text;
  uint64_t examined = 0;
  QueueId next{};
  bool done = false;
  bool held_seen = false;
  uint64_t written = 0;
  bool has_more = false;  ///< there was one that had no room
};

http::ApiError bad_request(std::string message) {
  return {.status = 400, .name = "validation_error", .message = std::move(message)};
}

}  // namespace

/// What a listing wants, in one piece that outlives its reads.
struct AdminQueue::Listing {
  queue::MessageFilter filter;
  Active active;
  WallTime now{};
  bool tells_progress = false;
  uint64_t limit = kNoLimit;  ///< of messages; a last line then tells has_more
  bool has_more = false;
  uint64_t examined = 0;
  MonoTime told{};
};

struct AdminQueue::Found {
  std::shared_ptr<const queue::Message> message;
  const queue::Store* store = nullptr;
  bool active = false;
};

void AdminQueue::add_routes(http::Router& router) {
  using http::Method;
  router.add(Method::kGet, "/admin/v1/queue", http::handler<&AdminQueue::list>(*this));
  router.add(Method::kGet, "/admin/v1/queue/{id}", http::handler<&AdminQueue::show>(*this));
  router.add(Method::kGet, "/admin/v1/queue/{id}/content",
             http::handler<&AdminQueue::show_content>(*this));
  router.add(Method::kPost, "/admin/v1/queue/{action}", http::handler<&AdminQueue::act>(*this));
  router.add(Method::kGet, "/admin/v1/destinations",
             http::handler<&AdminQueue::destinations>(*this));
  router.add(Method::kGet, "/admin/v1/holds", http::handler<&AdminQueue::list_holds>(*this));
  router.add(Method::kPost, "/admin/v1/holds", http::handler<&AdminQueue::hold>(*this));
  router.add(Method::kDelete, "/admin/v1/holds", http::handler<&AdminQueue::release>(*this));
  router.add(Method::kGet, "/admin/v1/queue_counts", http::handler<&AdminQueue::count>(*this));
}

rt::Task<AdminQueue::Active> AdminQueue::active_ids() {
  absl::flat_hash_set<QueueId> active;
  const std::vector<std::vector<QueueId>> ids = co_await gather(inside_, shard_active_ids);
  for (const std::vector<QueueId>& shard_ids : ids)
    active.insert(shard_ids.begin(), shard_ids.end());
  co_return std::make_shared<const absl::flat_hash_set<QueueId>>(std::move(active));
}

// --- listing

rt::Task<void> AdminQueue::list(http::Exchange& exchange) { return list_queue(exchange, {}); }

rt::Task<void> AdminQueue::list_holds(http::Exchange& exchange) {
  return list_queue(exchange, "hold");
}

/// `state`: of those in that one only; empty = whatever the query says.
rt::Task<void> AdminQueue::list_queue(http::Exchange& exchange, std::string_view state) {
  Listing listing{.now = shard_reactor(inside_).wall_now()};
  if (!state.empty()) static_cast<void>(listing.filter.add("state", state));
  for (const auto& [name, value] : exchange.request().target.query) {
    if (name == "progress" && value == "true") {
      listing.tells_progress = true;
      continue;
    }
    if (name == "limit") {
      if (read_limit(value, &listing.limit)) continue;
      co_await exchange.refuse(bad_request(fmt::format("limit \"{}\": a number", value)));
      co_return;
    }
    std::string problem = !state.empty() && name == "state"
                              ? fmt::format("state: it is \"{}\" here", state)
                              : listing.filter.add(name, value);
    if (!problem.empty()) {
      co_await exchange.refuse(bad_request(std::move(problem)));
      co_return;
    }
  }
  co_await add_site_members(inside_, &listing.filter);
  listing.active = co_await active_ids();
  const auto stores = co_await gather(inside_, shard_stores);
  const bool begun = co_await exchange.begin({.content_type = "application/x-ndjson"});
  if (!begun) co_return;
  for (const std::vector<const queue::Store*>& shard_list : stores) {
    for (const queue::Store* store : shard_list) {
      if (listing.has_more) break;
      const bool ok = co_await list_store(exchange, store, &listing);
      if (!ok) {
        exchange.cut_short();
        co_return;
      }
    }
  }
  if (listing.limit == kNoLimit) co_return;
  static_cast<void>(
      co_await exchange.write(fmt::format("{{\"has_more\": {}}}\n", listing.has_more)));
}

namespace {

enum class Pass : uint8_t { kFresh, kActive, kWaiting, kHeld };

/// One piece of one pass, on an offload thread: decoded, chosen and written as JSON there.
Result<Lines> read_lines(const queue::Store& store, Pass pass, QueueId from,
                         const queue::MessageFilter& filter,
                         const absl::flat_hash_set<QueueId>& active, WallTime now, uint64_t room) {
  queue::ScanBatch batch;
  if (pass == Pass::kActive) {
    std::vector<QueueId> ids(active.begin(), active.end());
    std::sort(ids.begin(), ids.end());
    BARID_TRY(batch, queue::load_messages(store, ids));
  } else {
    queue::ScanRange range{.from = from};
    if (pass == Pass::kFresh) range.family = queue::Family::kFresh;
    // Which queue it is in is decided below: the scan does not know what is in memory.
    BARID_TRY(batch, queue::scan_messages(store, range, {}, now));
  }
  Lines lines{.text = {}, .examined = batch.examined, .next = batch.next, .done = batch.done};
  for (const std::unique_ptr<queue::Message>& message : batch.messages) {
    const bool in_memory = pass == Pass::kFresh || active.contains(message->id);
    if (in_memory && (pass == Pass::kWaiting || pass == Pass::kHeld)) continue;
    if (!in_memory && message->hold) lines.held_seen = true;
    if (pass != Pass::kActive && pass != Pass::kFresh && message->hold != (pass == Pass::kHeld)) {
      continue;
    }
    if (!filter.matches(*message, queue::queue_of(*message, in_memory), now)) continue;
    lines.has_more = lines.written == room;
    if (lines.has_more) break;
    ++lines.written;
    write_json_line(lines.text, entry_of(*message, in_memory));
  }
  return lines;
}

}  // namespace

/// In Postfix's order: active, then what waits, then what is on hold (another look, if there is
/// any). False if the client is gone or the store cannot be read.
rt::Task<bool> AdminQueue::list_store(http::Exchange& exchange, const queue::Store* store,
                                      Listing* listing) {
  bool held = false;
  for (const Pass pass : {Pass::kFresh, Pass::kActive, Pass::kWaiting, Pass::kHeld}) {
    if (pass == Pass::kHeld && !held) break;
    QueueId from{};
    for (bool done = false; !done;) {
      auto call = [store, pass, from, filter = listing->filter, active = listing->active,
                   now = listing->now, room = listing->limit] {
        return read_lines(*store, pass, from, filter, *active, now, room);
      };
      const Result<Lines> lines = co_await shard_offload(inside_).run(
          std::move(call), exchange.reactor().now() + kReadPatience);
      if (!lines.ok()) co_return false;
      const bool reading = co_await exchange.write(lines->text);
      if (!reading) co_return false;
      listing->examined += lines->examined;
      if (listing->limit != kNoLimit) listing->limit -= lines->written;
      listing->has_more = lines->has_more;
      if (listing->has_more) co_return true;
      const MonoTime now = exchange.reactor().now();
      if (listing->tells_progress && now - listing->told >= kPollMax) {
        listing->told = now;
        const bool still =
            co_await exchange.write(fmt::format("{{\"examined\": {}}}\n", listing->examined));
        if (!still) co_return false;
      }
      held = held || lines->held_seen;
      from = lines->next;
      done = lines->done;
    }
  }
  co_return true;
}

// --- one message

rt::Task<Result<AdminQueue::Found>> AdminQueue::find(QueueId id) {
  const std::vector<std::vector<QueueId>> ids = co_await gather(inside_, shard_active_ids);
  const auto stores = co_await gather(inside_, shard_stores);
  bool active = false;
  for (const std::vector<QueueId>& shard_ids : ids) {
    active = active || std::binary_search(shard_ids.begin(), shard_ids.end(), id);
  }
  for (const std::vector<const queue::Store*>& shard_list : stores) {
    for (const queue::Store* store : shard_list) {
      for (const queue::Family family : {queue::Family::kFresh, queue::Family::kQueued}) {
        const queue::ScanRange range{
            .family = family, .from = id, .end = {.micros = id.micros + 1}, .examined_max = 1};
        const WallTime now = shard_reactor(inside_).wall_now();
        auto call = [store, range, now] { return queue::scan_messages(*store, range, {}, now); };
        Result<queue::ScanBatch> batch =
            co_await shard_offload(inside_).run(call, shard_reactor(inside_).now() + kReadPatience);
        if (!batch.ok()) co_return batch.error();
        if (batch->messages.empty() || batch->messages.front()->id != id) continue;
        co_return Found{.message = std::move(batch->messages.front()),
                        .store = store,
                        .active = active || family == queue::Family::kFresh};
      }
    }
  }
  co_return Error{.code = Code::kNotFound};
}

rt::Task<void> AdminQueue::show(http::Exchange& exchange) {
  const std::string text(exchange.request().path_parameter("id"));
  const std::optional<QueueId> id = QueueId::parse(text);
  if (!id) {
    co_await exchange.refuse(bad_request(not_an_id(text)));
    co_return;
  }
  const Result<Found> found = co_await find(*id);
  if (!found.ok()) {
    co_await exchange.refuse(missing_message(text, found.error()));
    co_return;
  }
  co_await exchange.answer(
      {.body = message_json(*found->message, entry_of(*found->message, found->active))});
}

rt::Task<void> AdminQueue::show_content(http::Exchange& exchange) {
  const std::string text(exchange.request().path_parameter("id"));
  const std::optional<QueueId> id = QueueId::parse(text);
  if (!id) {
    co_await exchange.refuse(bad_request(not_an_id(text)));
    co_return;
  }
  const Result<Found> found = co_await find(*id);
  if (!found.ok()) {
    co_await exchange.refuse(missing_message(text, found.error()));
    co_return;
  }
  auto call = [store = found->store, id = *id, size = found->message->size] {
    return queue::Partition::load_content(*store, id, size);
  };
  Result<std::string> content =
      co_await shard_offload(inside_).run(call, exchange.reactor().now() + kReadPatience);
  if (!content.ok()) {
    co_await exchange.refuse(missing_message(text, content.error()));
    co_return;
  }
  co_await exchange.answer({.content_type = "message/rfc822", .body = *std::move(content)});
}

// --- many messages

rt::Task<void> AdminQueue::act(http::Exchange& exchange) {
  const std::string name(exchange.request().path_parameter("action"));
  const std::optional<QueueAction> action = schedule::find_queue_action(name);
  if (!action) {
    co_await exchange.refuse({.status = 404, .name = "not_found", .message = "no such action"});
    co_return;
  }
  co_await act_on(exchange, *action);
}

rt::Task<void> AdminQueue::hold(http::Exchange& exchange) {
  return act_on(exchange, QueueAction::kHold);
}

rt::Task<void> AdminQueue::release(http::Exchange& exchange) {
  return act_on(exchange, QueueAction::kRelease);
}

rt::Task<void> AdminQueue::act_on(http::Exchange& exchange, QueueAction action) {
  OperationRequest request{.action = action};
  if (std::string problem = read_action_query(exchange.request().target, &request);
      !problem.empty()) {
    co_await exchange.refuse(bad_request(std::move(problem)));
    co_return;
  }
  co_await add_site_members(inside_, &request.filter);
  const bool done = co_await run(exchange, request);
  if (!done) exchange.cut_short();
}

/// Runs it on every shard at once and tells how far they are. False if the client is gone; the
/// shards then end after the piece they are at.
rt::Task<bool> AdminQueue::run(http::Exchange& exchange, const OperationRequest& request) {
  bool reading = co_await exchange.begin({.content_type = "application/x-ndjson"});
  OperationRun operation(inside_, request);
  co_await operation.start();
  bool cancelled = false;
  for (Duration pause = kFirstPoll; !operation.total().finished;
       pause = std::min(pause * 2, kPollMax)) {
    co_await rt::Sleep(shard_reactor(inside_), shard_reactor(inside_).now() + pause);
    co_await operation.look();
    if (reading && !operation.total().finished && pause == kPollMax) {
      reading = co_await exchange.write(progress_json(operation.total()));
    }
    if (!reading && !std::exchange(cancelled, true)) co_await operation.cancel();
  }
  co_await operation.end();
  if (!request.dry_run) {
    for (const std::string& line : summary_lines(request.action, operation.total())) {
      shard_log_note(inside_, LogNote{.program = LogProgram::kPostsuper, .text = line});
    }
  }
  if (!reading) co_return false;
  co_return co_await exchange.write(result_json(request, operation.total()));
}

// --- destinations

rt::Task<void> AdminQueue::destinations(http::Exchange& exchange) {
  uint64_t rest = kNoLimit;
  if (std::string problem = read_limit_query(exchange.request().target, &rest); !problem.empty()) {
    co_await exchange.refuse(bad_request(std::move(problem)));
    co_return;
  }
  auto views = co_await gather(inside_, shard_destinations);
  absl::flat_hash_map<std::string, uint32_t> windows;
  for (const std::vector<SiteWindow>& shard : co_await gather(inside_, shard_site_windows)) {
    for (const SiteWindow& site : shard) windows[site.site] = site.window;
  }
  for (std::vector<schedule::DestinationView>& shard : views) {
    for (schedule::DestinationView& view : shard) {
      const auto found = windows.find(view.site_name);
      if (found != windows.end()) view.window = found->second;
    }
  }
  const bool begun = co_await exchange.begin({.content_type = "application/x-ndjson"});
  if (!begun) co_return;
  for (const schedule::DestinationView& view : merge_views(views)) {
    if (rest-- == 0) break;
    const bool reading = co_await exchange.write(view_json(view));
    if (!reading) co_return;
  }
}

// --- counts

namespace {

struct CountedPiece {
  StateCounts counts{};
  QueueId next{};
  bool done = false;
};

Result<CountedPiece> count_piece(const queue::Store& store, queue::Family family, QueueId from,
                                 const absl::flat_hash_set<QueueId>& active, WallTime now) {
  const queue::ScanRange range{.family = family, .from = from, .found_max = kCountedAtOnce};
  BARID_TRY(const queue::ScanBatch batch, queue::scan_messages(store, range, {}, now));
  CountedPiece piece{.next = batch.next, .done = batch.done};
  for (const std::unique_ptr<queue::Message>& message : batch.messages) {
    const bool in_memory = family == queue::Family::kFresh || active.contains(message->id);
    ++piece.counts[static_cast<size_t>(queue::queue_of(*message, in_memory))];
  }
  return piece;
}

}  // namespace

/// Exact, so it reads every record: a line after each piece, the last one says that it is complete.
rt::Task<void> AdminQueue::count(http::Exchange& exchange) {
  const Active active = co_await active_ids();
  const auto stores = co_await gather(inside_, shard_stores);
  const bool begun = co_await exchange.begin({.content_type = "application/x-ndjson"});
  if (!begun) co_return;
  StateCounts total{};
  for (const std::vector<const queue::Store*>& shard_list : stores) {
    for (const queue::Store* store : shard_list) {
      for (const queue::Family family : {queue::Family::kFresh, queue::Family::kQueued}) {
        QueueId from{};
        for (bool done = false; !done;) {
          auto call = [store, family, from, active, now = shard_reactor(inside_).wall_now()] {
            return count_piece(*store, family, from, *active, now);
          };
          const Result<CountedPiece> piece = co_await shard_offload(inside_).run(
              std::move(call), exchange.reactor().now() + kReadPatience);
          if (!piece.ok()) {
            exchange.cut_short();
            co_return;
          }
          for (size_t i = 0; i < total.size(); ++i) total[i] += piece->counts[i];
          const bool reading = co_await exchange.write(counts_json(total, false));
          if (!reading) co_return;
          from = piece->next;
          done = piece->done;
        }
      }
    }
  }
  static_cast<void>(co_await exchange.write(counts_json(total, true)));
}

}  // namespace barid::tools
