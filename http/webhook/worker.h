// Carries events to endpoints, on a thread of its own: what a receiver does or does not do costs
// the shards nothing. It reads the stores, sends, and hands what must last back to the shards.
//
// A lane (lane.h) is one partition's events for one endpoint. Its state is on disk with a delay of
// kSavePause: after a crash some events are sent twice, none is missed.
// Layer: http. run() on its own thread; the rest as said.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/base/rng.h"
#include "http/submit/email_api.h"
#include "http/submit/event_floors.h"
#include "http/webhook/client.h"
#include "http/webhook/endpoint.h"
#include "http/webhook/lane.h"
#include "shard/runtime/clock.h"

namespace barid::http {

/// What it asks of the shards; called on its thread, and returns at once.
class WebhookHost {
 public:
  virtual ~WebhookHost() = default;
  /// An entry of Family::kWebhooks in a partition; empty = erased.
  virtual void save(uint16_t partition, std::string key, std::string value) = 0;
  virtual void note(std::string text) = 0;
};

struct WebhookSettings {
  std::vector<Duration> retries;                      ///< webhook_retry_schedule
  Duration event_retention = std::chrono::hours(72);  ///< for dead ones too
  WebhookClientSettings client;
};

class WebhookWorker final : public EventListener {
 public:
  static constexpr size_t kCallsMax = 256;
  static constexpr size_t kEventsReadMax = 500;  // of a lane at once
  static constexpr Duration kSavePause = std::chrono::milliseconds(200);
  static constexpr Duration kCursorPause = std::chrono::seconds(30);
  static constexpr Duration kFeedPause = std::chrono::milliseconds(20);
  static constexpr Duration kGiveUp = std::chrono::hours(24 * 5);

  struct Env {
    rt::Clock& clock;
    const StoreDirectory& stores;
    EndpointList& endpoints;
    EventFloors& floors;
    const queue::IdHorizon& horizon;
    WebhookHost& host;
    uint64_t seed = 1;
  };
  explicit WebhookWorker(const Env& env);

  /// Before run(): the endpoints that the stores hold. Empty, or what is wrong.
  [[nodiscard]] std::string load();
  void run();

  // --- any thread
  void set_settings(WebhookSettings settings);
  void on_events() noexcept override;
  /// The list of endpoints has changed.
  void wake() noexcept { client_.wake(); }
  void stop() noexcept;

  struct Totals {
    std::atomic<uint64_t> taken{0};
    std::atomic<uint64_t> failed{0};   ///< attempts
    std::atomic<uint64_t> dead{0};     ///< events given up
    std::atomic<uint64_t> waiting{0};  ///< events in windows
    std::atomic<uint64_t> endpoints{0};
  };
  [[nodiscard]] const Totals& totals() const noexcept { return totals_; }
  /// Of one endpoint, over all partitions, as it was a moment ago.
  struct Tally {
    uint64_t waiting = 0;
    uint64_t dead = 0;  ///< given up, and kept for a replay
  };
  [[nodiscard]] Tally tally(QueueId endpoint) const;

 private:
  using Name = std::pair<QueueId, uint16_t>;  // endpoint, partition
  struct Slot {
    Endpoint endpoint;
    const queue::Store* store = nullptr;
    Lane lane;
    MonoTime saved_at{};
    QueueId saved_cursor;
    bool dirty = false;
    bool drained = false;  ///< no event waits in the store, unless there is news
  };
  struct Call {
    Name lane;
    QueueId event;
  };

  void refresh();
  void sync();
  void drop_orphans();
  void open_slot(const Endpoint& endpoint, uint16_t partition, const queue::Store* store);
  void feed(uint16_t partition, Slot& slot);
  void launch_all();
  void launch(const Name& name, Slot& slot);
  void on_answer(const WebhookAnswer& answer);
  void on_failure(Slot& slot, QueueId event, const WebhookAnswer& answer);
  void disable(const Endpoint& endpoint, std::string_view reason, const std::string& why);
  void save(const Name& name, Slot& slot, bool now_at_once);
  void publish();
  [[nodiscard]] std::chrono::milliseconds patience() const;

  Env env_;
  Rng rng_;
  WebhookClient client_;
  std::map<Name, Slot> slots_;
  absl::flat_hash_map<uint64_t, Call> calls_;
  std::map<QueueId, WallTime> successes_;  // of endpoints, the last
  std::vector<const queue::Store*> stores_;
  Name last_launched_{};
  uint64_t next_token_ = 0;
  std::optional<uint64_t> version_;
  MonoTime fed_at_{};
  WebhookSettings settings_;

  mutable std::mutex mutex_;
  std::map<QueueId, Tally> tallies_;  // under the mutex
  std::optional<WebhookSettings> next_settings_;
  std::atomic<bool> news_{true};
  std::atomic<bool> active_{false};
  std::atomic<bool> stopping_{false};
  Totals totals_;
};

}  // namespace barid::http
