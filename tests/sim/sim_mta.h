// One simulated MTA: the real SMTP server, queue manager, dispatcher and SMTP client of one shard,
// on a shard of the world and a disk that outlives it.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "core/obs/log.h"
#include "deliver/queue_notices.h"
#include "dns/scripted_resolver.h"
#include "shard/queue/partition.h"
#include "shard/schedule/queue_manager.h"
#include "shard/sim/sim_store.h"
#include "shard/sim/world.h"
#include "smtp/client/agent.h"
#include "smtp/server/service.h"

namespace barid::sim {

struct MtaOptions {
  net::SocketAddress address;
  std::string relayhost;  ///< where everything goes
  schedule::RetryPolicy retry;
  schedule::QueueLimits limits{.active_messages_max = 1000};
  StoreFaults store;
};

class SimMta final : private rt::TurnHook,
                     private smtp::ContentSource,
                     private smtp::ContentConverter,
                     private schedule::Router {
 public:
  SimMta(World& world, SimDisk& disk, const MtaOptions& options);
  ~SimMta() override;

  [[nodiscard]] World::Shard& shard() noexcept { return shard_; }
  [[nodiscard]] SimStore& store() noexcept { return store_; }
  [[nodiscard]] schedule::QueueManager& queue() noexcept { return queue_; }
  [[nodiscard]] const Counters& counters() const noexcept { return counters_; }
  /// Log lines so far, for failure messages.
  [[nodiscard]] std::string take_log();

 private:
  void on_turn_begin() override { log_.set_time(shard_.reactor.wall_now()); }
  void on_turn_end() override {
    store_.seal();
    log_.publish();
  }
  rt::Task<Result<ContentRef>> content_of(queue::Message& message) override {
    return queue_.content_of(message);
  }
  ContentRef to_7bit(const Content&) const override { return {}; }
  schedule::Route route(const Envelope& envelope, const Recipient& recipient) const override;

  const MtaOptions options_;
  World::Shard& shard_;
  LogBuffer log_buffer_;
  Log log_;
  Counters counters_;
  QueueNotices notices_;
  rt::StopSource stop_;
  SimStore store_;
  schedule::QueueManager queue_;
  queue::Partition partition_;
  dns::ScriptedResolver resolver_;
  uint32_t log_pid_ = 0;
  policy::WarmupCounts warmup_;
  smtp::SmtpAgent agent_;
  smtp::ClientTable clients_;
  std::atomic<uint32_t> log_pids_{0};
  smtp::SmtpService service_;
};

}  // namespace barid::sim
