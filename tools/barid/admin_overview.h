// What the console's first page asks: the queue as a whole, and how it went lately.
//   GET /admin/v1/queue_summary?rows=N&FILTERS   lines of progress, then the summary
//   GET /admin/v1/history?seconds=N              counters over time
// Layer: tools. Lives on one shard and asks the others by message.
#pragma once

#include "http/exchange.h"
#include "http/router.h"
#include "tools/barid/shard_gather.h"

namespace barid::tools {

class AdminOverview {
 public:
  explicit AdminOverview(Shard::Inside& inside) : inside_(inside) {}
  void add_routes(http::Router& router);

 private:
  rt::Task<void> summarize(http::Exchange& exchange);
  rt::Task<void> show_history(http::Exchange& exchange);

  Shard::Inside& inside_;
};

}  // namespace barid::tools
