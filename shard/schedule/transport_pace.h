// *_transport_rate_delay: one delivery at a time of a whole transport, and a pause after each,
// whatever the number of shards. A pace is one shard's end of it: it takes part in a site of its
// own, "<transport> *", whose home grants single deliveries as it does for
// *_destination_rate_delay. Source: Postfix, default_transport_rate_delay. Layer: shard/schedule,
// internal to the dispatcher. Shard-owned.
#pragma once

#include <cstdint>
#include <string>

#include "shard/schedule/governor_link.h"

namespace barid::schedule {

struct Transport;

class TransportPace final : private SiteShare {
 public:
  /// Told that a delivery may be started. May be called from inside ask().
  class Listener {
   public:
    virtual void on_pace(Transport& transport) = 0;

   protected:
    ~Listener() = default;
  };

  TransportPace(GovernorLink& link, Listener& listener, Transport& transport, Duration delay);
  ~TransportPace();
  TransportPace(const TransportPace&) = delete;
  TransportPace& operator=(const TransportPace&) = delete;

  /// 0: no pace, for now. What was started before is still to be finished.
  void set_delay(Duration delay);
  [[nodiscard]] bool active() const noexcept { return delay_ > Duration::zero(); }

  /// Something waits that could be started, or nothing does.
  void ask();
  void rest();
  /// Deliveries that may be started now.
  [[nodiscard]] uint32_t ready_count() const noexcept { return messages_; }
  /// One of them was started; it is over; it was not attempted after all.
  void start() noexcept;
  void finish();
  void cancel();

 private:
  void on_grant(uint32_t leases, uint32_t messages) override;
  void on_recall(uint32_t leases) override;
  /// Only successes are reported: it never dies.
  void on_health(MonoTime, const SiteTrouble&) override {}
  ShareUpdate take_update() override;
  void give_back();

  GovernorLink& link_;
  Listener& listener_;
  Transport& transport_;
  const std::string name_;
  Duration delay_;
  uint32_t leases_ = 0;    // 1: the turn to deliver is this shard's
  uint32_t messages_ = 0;  // deliveries granted and not started
  uint32_t running_ = 0;
  bool recalled_ = false;
  bool wanted_ = false;
  ShareUpdate update_;
};

}  // namespace barid::schedule
