// Handlers of the admin API about the queue: listings, single messages, what operators do with
// many, and destinations. Listings and actions are streams of JSON lines: they stay small in memory
// and a client that goes away ends them.
//
//   GET  /admin/v1/queue?FILTERS            one object a line, fields of `postqueue -j` first;
//                                           progress=true: now and then {"examined": N} as well
//   GET  /admin/v1/queue/{id}               one object: all that is known
//   GET  /admin/v1/queue/{id}/content       the message as it will be sent
//   POST /admin/v1/queue/{action}?…         hold, release, requeue, delete, expire, expire-release,
//                                           flush; id=… (repeated), FILTERS or all=true;
//                                           dry_run=true
//   GET  /admin/v1/destinations             one object a line
//
// FILTERS: shard/queue/message_filter.h. An action answers with progress lines; the last line has a
// `result`: ok, cancelled, unavailable, timeout or failed.
// Layer: tools. Lives on one shard and asks the others by message.
#pragma once

#include <absl/container/flat_hash_set.h>

#include <memory>
#include <string>
#include <vector>

#include "http/exchange.h"
#include "http/router.h"
#include "shard/queue/message_filter.h"
#include "shard/schedule/queue_operation.h"
#include "tools/barid/shard_gather.h"

namespace barid::tools {

class AdminQueue {
 public:
  explicit AdminQueue(Shard::Inside& inside) : inside_(inside) {}

  void add_routes(http::Router& router);

 private:
  using Active = std::shared_ptr<const absl::flat_hash_set<QueueId>>;  // read on offload threads
  struct Listing;
  struct Found;

  rt::Task<void> list(http::Exchange& exchange);
  rt::Task<void> list_holds(http::Exchange& exchange);
  rt::Task<void> list_queue(http::Exchange& exchange, std::string_view state);
  rt::Task<void> hold(http::Exchange& exchange);
  rt::Task<void> release(http::Exchange& exchange);
  rt::Task<bool> list_store(http::Exchange& exchange, const queue::Store* store, Listing* listing);
  rt::Task<void> show(http::Exchange& exchange);
  rt::Task<void> show_content(http::Exchange& exchange);
  rt::Task<Result<Found>> find(QueueId id);
  rt::Task<void> act(http::Exchange& exchange);
  rt::Task<void> act_on(http::Exchange& exchange, schedule::QueueAction action);
  rt::Task<bool> run(http::Exchange& exchange, const schedule::OperationRequest& request);
  rt::Task<void> destinations(http::Exchange& exchange);
  rt::Task<void> count(http::Exchange& exchange);
  [[nodiscard]] rt::Task<Active> active_ids();

  Shard::Inside& inside_;
};

}  // namespace barid::tools
