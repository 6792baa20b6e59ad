// A site on one shard: the jobs of its destinations, and the leases that this shard has from the
// site's home. Decides when more leases would help, and hands what waits to those there are.
// Layer: shard/schedule, internal to the dispatcher. Shard-owned.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "shard/runtime/timer_queue.h"
#include "shard/schedule/destination.h"
#include "shard/schedule/fair_queue.h"
#include "shard/schedule/governor_link.h"
#include "shard/schedule/lease.h"

namespace barid::schedule {

struct Transport;

class Site final : private SiteShare, private rt::Timer {
 public:
  [[nodiscard]] const std::string& key() const noexcept { return key_; }
  /// What its home knows it by, and the dispatcher: limits are per transport.
  [[nodiscard]] std::string name() const { return name_of(transport_, key_); }
  [[nodiscard]] const SitePolicy& policy() const noexcept { return policy_; }
  /// Jobs that no lease has taken.
  [[nodiscard]] size_t waiting_count() const noexcept { return waiting_count_; }
  /// Connections of this shard, idle ones included.
  [[nodiscard]] uint32_t leases_count() const noexcept {
    return static_cast<uint32_t>(leases_.size());
  }
  /// In the past: alive.
  [[nodiscard]] MonoTime dead_until() const noexcept { return dead_until_; }
  [[nodiscard]] const SiteTrouble& trouble() const noexcept { return trouble_; }

 private:
  friend class Dispatcher;
  friend class Lease;
  friend struct std::default_delete<Site>;

  Site(Dispatcher& dispatcher, Transport& transport, Route first_route, std::string hosts_key,
       std::string key, const SitePolicy& policy);
  ~Site();

  struct Waiting {
    Destination* destination = nullptr;
    JobQueue* queue = nullptr;
  };

  /// Jobs wait in `queue`, which had none before.
  void add(Destination& destination, JobQueue& queue);
  /// `destination` has joined the site, or leaves it, with all its waiting jobs.
  void join(Destination& destination);
  void leave(Destination& destination);
  [[nodiscard]] Job take_job();

  /// After any change: asks for leases, gives them back, or gets in line for a turn.
  void consider();
  [[nodiscard]] bool runnable() const noexcept;
  [[nodiscard]] bool dead() const noexcept;
  /// How many more leases than there are would help now; arms the timer if that is to be seen.
  [[nodiscard]] uint32_t useful_leases();
  void want(uint32_t leases, uint32_t messages);
  [[nodiscard]] uint32_t total_leases() const noexcept { return leases_count() + unused_; }
  void give_back_unused();
  void end_parked(uint32_t count);
  /// Leases that have not been told to end.
  [[nodiscard]] uint32_t staying_count() const noexcept;
  [[nodiscard]] static std::string name_of(const Transport& transport, std::string_view key);
  void count_success();
  void count_failure(SiteTrouble trouble);
  [[nodiscard]] bool idle() const noexcept;

  void on_grant(uint32_t leases, uint32_t messages) override;
  void on_recall(uint32_t leases) override;
  void on_health(MonoTime until, const SiteTrouble& trouble) override;
  ShareUpdate take_update() override;
  void on_timer() override { consider(); }

  Dispatcher& dispatcher_;
  Transport& transport_;
  const Route first_route_;      // by which its policy is found
  const std::string hosts_key_;  // the agent's answer
  const std::string key_;        // with what rules and pools tell apart
  SitePolicy policy_;
  FairQueue<Waiting> queue_;
  size_t waiting_count_ = 0;
  uint32_t destinations_count_ = 0;

  std::vector<Lease*> leases_;  // open ones
  std::vector<Lease*> parked_;  // of them: waiting in next(), the warmest last
  uint32_t unused_ = 0;         // granted and not opened
  uint32_t messages_ = 0;       // paced: deliveries that may be started
  uint32_t recalled_ = 0;       // to be given back as leases end their turn
  uint32_t claimed_ = 0;        // leases that were told to start and have not looked for a job yet
  uint32_t leases_wanted_ = 0;  // told to the home
  uint32_t messages_wanted_ = 0;
  ShareUpdate update_;
  MonoTime told_at_{};
  MonoTime dead_until_{};
  SiteTrouble trouble_;
  MonoTime waiting_since_{};                 // a job was taken, or the first one came
  std::array<bool, kLanesCount> in_line_{};  // for a turn of the transport
};

}  // namespace barid::schedule
