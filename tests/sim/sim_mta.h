// One simulated MTA: the real SMTP server, queue manager, dispatcher, governor and SMTP client on
// each of its shards, over a network and disks that outlive it.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/obs/counters.h"
#include "policy/warmup_counts.h"
#include "shard/runtime/mesh.h"
#include "shard/schedule/dispatcher.h"
#include "shard/schedule/policy.h"
#include "shard/schedule/queue_operation.h"
#include "shard/sim/sim_store.h"
#include "shard/sim/world.h"
#include "smtp/server/client_table.h"

namespace barid::sim {

struct MtaOptions {
  net::SocketAddress address;
  std::string relayhost;      ///< where everything goes; empty = by the MX of `dns`
  std::string dns;            ///< what names there are (dns/scripted_resolver.h)
  uint16_t shards_count = 1;  ///< at most as many as disks
  schedule::RetryPolicy retry;
  schedule::QueueLimits limits{.active_messages_max = 1000};
  schedule::TransportLimits transport{.site = {.window = {.limit = 4}}, .total_concurrency = 8};
  const schedule::SiteRules* rules = nullptr;
  Duration connect_timeout = std::chrono::seconds(30);
  StoreFaults store;
  /// Egress pools; recipients are spread over them and over none. Each is a site of its own.
  uint32_t pools_count = 0;
};

class SimMta final {
 public:
  /// A partition a disk, spread over the shards.
  SimMta(World& world, std::span<SimDisk> disks, const MtaOptions& options);
  ~SimMta();
  SimMta(const SimMta&) = delete;
  SimMta& operator=(const SimMta&) = delete;

  /// The process is killed, all shards at once: the object is then to be buried. Returns the queue
  /// ids that its successor can know to be in doubt: marked as on their way, or stored as such.
  std::set<std::string> crash();

  [[nodiscard]] size_t shards_count() const noexcept { return nodes_.size(); }
  [[nodiscard]] schedule::QueueManager& queue(size_t shard);
  /// The connections that homes have granted, by site.
  [[nodiscard]] std::map<std::string, uint32_t> leased();
  /// Messages in memory, of all shards.
  [[nodiscard]] size_t active_count();
  [[nodiscard]] uint64_t counter(Counter which) const;
  void set_store_faults(const StoreFaults& faults);
  /// One shard reads the rules for sites again.
  void reload(size_t shard);
  /// Does it on all shards; nobody waits for it.
  void operate(const schedule::OperationRequest& request);
  /// What of that is not done.
  [[nodiscard]] std::vector<schedule::OperationRequest> unfinished() const;
  /// Log lines so far, for failure messages.
  [[nodiscard]] std::string take_log();

 private:
  struct Node;
  World& world_;
  const MtaOptions options_;
  rt::Mesh mesh_;
  policy::WarmupCounts warmup_;
  smtp::ClientTable clients_;
  std::atomic<uint32_t> log_pids_{0};
  std::vector<std::unique_ptr<Node>> nodes_;
  struct Operation {
    schedule::OperationRequest request;
    std::unique_ptr<schedule::QueueOperation> run;
  };
  std::vector<Operation> operations_;  // one a shard
};

}  // namespace barid::sim
