// Keeps what became of each recipient of the API's messages, and an event for each such change, in
// the message's own partition: they commit with the change itself. What a failed commit took is
// written again once the store is back, in the group in which the change is made again.
// Layer: http. Shard-owned.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "core/mail/bounce_class.h"
#include "core/obs/counters.h"
#include "core/obs/log.h"
#include "core/obs/timings.h"
#include "http/submit/ledger.h"
#include "http/submit/suppression_filter.h"
#include "policy/bounce_rules.h"
#include "shard/queue/partition.h"
#include "shard/runtime/scope.h"
#include "shard/schedule/queue_manager.h"

namespace barid::http {

/// Key in Family::kFates. The value of the state `requeued` names where the recipient is now, by
/// `queue_id` and `index`.
[[nodiscard]] std::string fate_key(QueueId id, uint32_t recipient);

/// Told that events may have become visible; returns at once.
class EventListener {
 public:
  virtual ~EventListener() = default;
  virtual void on_events() noexcept = 0;
};

class FateRecorder final : public schedule::FateObserver {
 public:
  static constexpr size_t kWaitingMax = 100'000;  // while a store is down; older ones then go

  /// All outlive it.
  struct Env {
    rt::Reactor& reactor;
    Log& log;
    Counters& counters;
    Timings& timings;
    EventListener& listener;
    SuppressionFilter& suppressions;
  };
  explicit FateRecorder(const Env& env) : env_(env), reactor_(env.reactor), scope_(env.reactor) {}
  void set_bounce_rules(std::unique_ptr<const policy::BounceRules> rules) {
    bounce_rules_ = std::move(rules);
  }

  /// One entry of a family: put, or erased.
  struct Change {
    queue::Family family;
    std::string key;
    std::string value;
    bool erase = false;
    bool is_new = false;  ///< of an Order: erased if that fails, as nobody learned of it
  };

  void on_fate(const queue::Message& message, uint32_t recipient, Fate fate,
               const Outcome* outcome) override;
  void on_change(const queue::Message& message) override;
  void on_requeued(const queue::Message& next) override;
  void on_store_recovered() override;
  /// An entry of another part of the API, with the same care.
  void put(queue::Partition& partition, queue::Family family, std::string key, std::string value);

  void erase(queue::Partition& partition, queue::Family family, std::string key);
  [[nodiscard]] BounceClass classify(const DsnCode& dsn, std::string_view text) const {
    return bounce_rules_ ? bounce_rules_->classify(dsn, text) : BounceClass::kOther;
  }
  /// Counts and logs a recipient that failed for good.
  void note_bounce(QueueId id, std::string_view address, BounceClass klass);
  /// An address that gets no more mail of a tenant, unless it is known already.
  struct Unwanted {
    std::string tenant;
    std::string address;
    std::string origin;    ///< bounce, complaint
    std::string email_id;  ///< the cause; empty = none
  };
  void suppress(queue::Partition& partition, const Unwanted& unwanted);
  /// An event gets its id when it is written, so that ids become visible in their order.
  void add_event(queue::Partition& partition, std::string event);

  /// Changes that somebody waits for: all on disk, or an error.
  struct Order {
    uint16_t partition = 0;
    std::vector<Change> changes;
    bool done = false;      ///< set at last
    Code code = Code::kOk;  ///< kOk, or kUnavailable: nothing of it counts
  };
  /// `order` must live until it is done.
  void start(queue::Partition& partition, Order& order);

  /// Ends a request's claim of its key, at the earliest when no failed commit's traces of it can be
  /// found in the partition any more.
  void release(const queue::Partition& partition, RequestLedger& ledger, std::string key);

  /// For events that were put beside it and are on disk.
  void tell_events() noexcept { env_.listener.on_events(); }
  [[nodiscard]] uint64_t lost_count() const noexcept { return lost_count_; }
  rt::Task<bool> close(MonoTime deadline);

 private:
  using Entry = Change;
  struct Batch {
    uint64_t group = 0;
    std::vector<Entry> entries;
  };
  struct Book {
    queue::Partition* partition = nullptr;
    std::deque<std::unique_ptr<Batch>> flying;
    std::deque<Entry> waiting;
  };
  void time_attempt(const queue::Message& message, Fate fate, const Outcome& outcome);
  /// Counts and logs why; an address that is no good gets no more mail of that tenant.
  BounceClass judge(const queue::Message& message, uint32_t recipient, Fate fate,
                    const Outcome* outcome, std::vector<Change>* changes);
  /// Empty: it is known, or no address.
  std::vector<Change> suppression_of(queue::Partition& partition, const Unwanted& unwanted);
  Book& book_of(queue::Partition& partition);
  void add(Book& book, Entry entry);
  void flush(Book& book);
  static uint64_t write(queue::Partition& partition, Entry& entry,
                        queue::IfLost if_lost = queue::IfLost::kLeft);
  rt::Task<void> watch(Book* book, uint64_t group);
  rt::Task<void> release_late(const queue::Partition* partition, RequestLedger* ledger,
                              std::string key);
  static rt::Task<void> carry_out(queue::Partition* partition, Order* order);

  Env env_;
  rt::Reactor& reactor_;
  std::unique_ptr<const policy::BounceRules> bounce_rules_;
  std::deque<Book> books_;                                    // stable addresses; one a partition
  absl::flat_hash_map<QueueId, std::vector<Change>> untold_;  // of messages that are being tried
  rt::Scope scope_;
  uint64_t lost_count_ = 0;
  bool stopping_ = false;
};

}  // namespace barid::http
