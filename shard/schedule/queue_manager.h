// The queue manager of one shard: takes durable messages into the schedule, hands recipients to
// destinations, collects outcomes, and settles each message: removed, deferred with its next due
// time, or bounced. It is the only place that changes a message after acceptance.
//
// Life of a message here (ARCHITECTURE.md has the whole):
//   stage() → on disk → activate() → jobs in the dispatcher → outcomes → settle()
//   settle(): nothing pending → remove; pending → rewrite with due time, out of memory, into the
//   deferred index; failed recipients → a notice staged in the same group as the change it settles.
// Layer: shard/schedule. Shard-owned.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/obs/counters.h"
#include "core/obs/log.h"
#include "core/obs/timings.h"
#include "shard/queue/message.h"
#include "shard/queue/partition.h"
#include "shard/queue/queue_key.h"
#include "shard/queue/reader.h"
#include "shard/runtime/scope.h"
#include "shard/schedule/backlog.h"
#include "shard/schedule/change_watch.h"
#include "shard/schedule/dispatcher.h"
#include "shard/schedule/notice_composer.h"
#include "shard/schedule/policy.h"

namespace barid::schedule {

/// Where each recipient goes. Implemented by policy.
class Router {
 public:
  virtual ~Router() = default;
  /// Pure and quick: in-memory tables only. A recipient that cannot be routed gets the transport
  /// `error` (permanent) or `retry` (temporary) with the reason as next hop.
  [[nodiscard]] virtual Route route(const Envelope& envelope, const Recipient& recipient) const = 0;
};

/// Told what became of each recipient. A crash must leave both the message's changed record and
/// what its observer writes, or neither: else the recipient is tried again and meets another fate.
class FateObserver {
 public:
  virtual ~FateObserver() = default;
  enum class Fate : uint8_t { kDelivered, kDeferred, kFailed, kExpired, kSuppressed };
  /// To be written at the message's next on_change(); if the process ends before, it never
  /// happened. `outcome` is null for kExpired and kSuppressed.
  virtual void on_fate(const queue::Message& message, uint32_t recipient, Fate fate,
                       const Outcome* outcome) = 0;
  /// A change of the message's record that has these fates in it joins the open group, or, while
  /// the store is down, the group that is open when on_store_recovered() is told.
  virtual void on_change(const queue::Message& message) = 0;
  /// `next` takes the place of `next.former`, in the open group; `next.partition` is set.
  virtual void on_requeued(const queue::Message& next) = 0;
  virtual void on_store_recovered() = 0;
};

inline constexpr std::string_view kSuppressedReason = "on the suppression list";

/// Knows recipients who are to get no mail, though a message for them was accepted.
class RecipientGate {
 public:
  virtual ~RecipientGate() = default;
  /// False: all pending recipients may be tried. Quick. `just_accepted`: with its first attempt
  /// right behind its acceptance.
  [[nodiscard]] virtual bool may_refuse(const queue::Message& message,
                                        bool just_accepted) const = 0;
  /// Those of the pending recipients who are not to be tried. The message stays as it is meanwhile.
  virtual rt::Task<Result<std::vector<uint32_t>>> find_refused(const queue::Message& message) = 0;
};

/// What the queue manager needs from its shard. All outlive it.
struct QueueManagerEnv {
  rt::Reactor& reactor;
  rt::Offload& offload;
  Log& log;
  Counters& counters;
  const Router& router;
  const NoticeComposer& notices;
  GovernorLink* governors = nullptr;  ///< null: this shard is alone
  Timings* timings = nullptr;         ///< null: nobody asks how long commits take
};

class QueueManager final : public queue::Partition::Events, private OutcomeSink {
 public:
  explicit QueueManager(const QueueManagerEnv& env);
  ~QueueManager() override;

  /// Null: nobody is told. It outlives the manager, or is taken back.
  void set_fate_observer(FateObserver* observer) noexcept { fates_ = observer; }
  /// Null: everybody may be tried. It outlives the manager.
  void set_recipient_gate(RecipientGate* gate) noexcept { gate_ = gate; }
  void set_policy(const RetryPolicy& retry, const QueueLimits& limits);
  /// What the operator keeps back; replaces what was set before.
  void set_suspensions(Suspensions suspensions) {
    dispatcher_.set_suspensions(std::move(suspensions));
  }
  [[nodiscard]] Dispatcher& dispatcher() noexcept { return dispatcher_; }

  /// Partitions in the order of their numbers; new mail goes to the first. They outlive this.
  /// `id_mark`: of queue::read_id_mark(); ids above it are new, ids up to it are to be adopted.
  void add_partition(queue::Partition& partition, uint64_t id_mark);
  /// Adopts what the partitions hold: starts delivering while it still reads.
  void start();

  /// Why new mail must be turned away now, as a whole SMTP reply; empty = come in.
  /// `announced_bytes`: what the client says it will send, 0 if unknown.
  [[nodiscard]] std::string_view refuse_mail(uint64_t announced_bytes) const;

  [[nodiscard]] queue::Partition& home() noexcept { return *partitions_.front()->partition; }

  struct Submission {
    QueueId id;  ///< from home().allocate_id()
    Envelope envelope;
    ContentRef content;
    WallTime arrival;
    bool is_notice = false;  ///< kept and stored later, not refused, if the store fails
    bool hold = false;       ///< stored on hold, not tried until it is released
    WallTime due{};          ///< stored until then, and its life begins then; epoch = at once
    queue::Partition* partition = nullptr;  ///< that `id` is of; null = home()
  };
  /// Stages a new message in home(); wait with home().committed(group). refuse_mail() must have
  /// been empty in this turn.
  uint64_t stage(Submission submission);

  /// Changes messages that wait, untried, until a time of their sender's choice: all or none.
  struct Amendment {
    struct Entry {
      queue::Family family;
      std::string key;
      std::string value;
    };
    uint16_t partition = 0;
    std::vector<QueueId> ids;
    WallTime due{};              ///< when they are due now; epoch = they are removed
    std::vector<Entry> entries;  ///< at least one: put in the same group
    // The result, once `done`: kOk, kNotFound (not waiting any more), kUnavailable.
    bool done = false;
    Code code = Code::kOk;
  };
  /// `amendment` is the caller's and stays until it is done.
  void start_amendment(Amendment& amendment);

  /// The content of a message in the schedule: from memory, or read back.
  /// Errors: as Reader::load_content().
  rt::Task<Result<ContentRef>> content_of(queue::Message& message);

  [[nodiscard]] size_t active_count() const noexcept { return active_.size(); }
  [[nodiscard]] uint64_t content_memory_bytes() const noexcept { return content_memory_bytes_; }
  /// Ids in memory: for listings, which show them as active.
  [[nodiscard]] std::vector<QueueId> active_ids() const;
  /// Keys of the destinations that have mail on disk, sorted: for questions about mail that is not
  /// in memory.
  [[nodiscard]] std::vector<std::string> stored_destinations() const;
  [[nodiscard]] bool recovering() const noexcept { return recovering_count_ > 0; }
  /// Messages on disk, in whatever state; nullopt until those of an earlier process are counted.
  [[nodiscard]] std::optional<uint64_t> queued_count() const noexcept;

  /// Lets running deliveries end and stops all background work; kTimeout if that takes too long.
  rt::Task<Code> shut_down(MonoTime deadline);

 private:
  friend class QueueOperation;
  /// How many messages an earlier process left in a partition.
  struct Census {
    std::atomic<bool> begun{false};  ///< what is removed from now on is counted all the same
    std::atomic<bool> stopped{false};
    uint64_t found_count = 0;
    bool known = false;
  };
  /// One partition with what waits in it.
  struct Source final : rt::Timer {
    Source(QueueManager& owner, queue::Partition& p, rt::Offload& offload)
        : manager(owner), partition(&p), reader(offload, p.store()) {}
    void on_timer() override { manager.load_due(*this); }
    QueueManager& manager;
    queue::Partition* partition;
    queue::Reader reader;
    Backlog backlog;
    uint64_t id_mark = 0;
    bool loading = false;
    Census census;
  };

  // queue_manager.cc
  void on_accepted(std::unique_ptr<queue::Message> message) override;
  void on_refused(QueueId id, std::unique_ptr<queue::Message> message) override;
  void on_filed(QueueId id, const std::vector<std::string>& destinations, WallTime due) override;
  void on_undone(QueueId id) override;
  void on_removed(QueueId id) override;
  void on_synced(Duration took) override;
  void on_store_failed(const Error& error) override;
  void on_store_recovered() override;
  void activate(std::unique_ptr<queue::Message> message, bool just_accepted = false);
  void dispatch(queue::Message& message);
  [[nodiscard]] std::string user_of(std::string_view address) const;
  [[nodiscard]] std::string queue_for(const queue::Message& message,
                                      std::string_view destination) const;
  [[nodiscard]] bool fits_in_memory(const queue::Message& message) const;
  /// Keys of the queues that the message belongs to on disk, in order.
  [[nodiscard]] std::vector<std::string> queues_of(const queue::Message& message) const;
  [[nodiscard]] Route safe_route(const Envelope& envelope, const Recipient& recipient) const;
  void hold_content(queue::Message& message, ContentRef content);
  void drop_content(queue::Message& message);
  void forget(queue::Message& message);
  void stage_kept_notices();
  uint64_t stage_in(queue::Partition& partition, std::unique_ptr<queue::Message> message);
  /// Changes of records, counted until they are on disk.
  void rewrite(queue::Message& message, std::vector<std::string> filed_under, WallTime due);
  void remove(queue::Message& message);
  void on_changed(QueueId id);
  /// In memory, or with a change under way: what the store says about it is old.
  [[nodiscard]] bool is_ours(QueueId id) const {
    return active_.contains(id) || changing_.contains(id);
  }

  // queue_manager_settle.cc
  void on_outcome(const Job& job, uint32_t recipient, const Outcome& outcome) override;
  void on_job_done(Job job) override;
  void on_destination_low(const std::string& destination) override;
  void on_job_suspended(Job job, const SiteTrouble& trouble, WallTime until) override;
  void settle(queue::Message& message);
  [[nodiscard]] bool is_too_late(const queue::Message& message) const;
  [[nodiscard]] WallTime end_of(const queue::Message& message) const;
  void expire(queue::Message& message);
  void tell_fate(const queue::Message& message, uint32_t recipient, FateObserver::Fate fate,
                 const Outcome* outcome) {
    if (fates_ != nullptr) fates_->on_fate(message, recipient, fate, outcome);
  }
  void finish(queue::Message& message);
  void defer(queue::Message& message);
  /// Where it is filed: its pending destinations, or a key for what only owes a notice.
  [[nodiscard]] std::vector<std::string> filing_of(const queue::Message& message) const;

  // queue_manager_gate.cc
  rt::Task<void> pass_gate(queue::Message* message);
  void refuse_recipient(queue::Message& message, uint32_t recipient);

  // queue_manager_notices.cc
  uint64_t stage_notice(queue::Message& about, Notice notice);
  rt::Task<void> settle_with_notices(queue::Message* message);

  // queue_manager_amend.cc
  rt::Task<void> amend(Amendment* amendment);
  rt::Task<Result<uint64_t>> stage_amendment(const Amendment& amendment);
  [[nodiscard]] Source* source_of(uint16_t partition) noexcept {
    for (const std::unique_ptr<Source>& source : partitions_) {
      if (source->partition->number() == partition) return source.get();
    }
    return nullptr;
  }

  // queue_operation.cc: what operators ordered
  void file_on_hold(queue::Message& message);
  void release(queue::Message& message);
  rt::Task<void> requeue(queue::Message* message);
  void replace(queue::Message& message, ContentRef content);

  // queue_manager_census.cc
  rt::Task<void> count_queued(Source* source);

  // queue_manager_load.cc
  rt::Task<void> recover(Source* source);
  void load_due(Source& source);
  rt::Task<void> load_due_queues(Source* source);
  rt::Task<bool> load_queue(Source* source, std::string queue);
  bool put_off(Source& source, const std::string& queue, const queue::QueueKey& key);
  [[nodiscard]] Backlog::Choice choice() const noexcept;
  void adopt(Source& source, queue::Family from, const queue::RawRecord& raw);
  void adopt_due(Source& source, const std::string& queue, const queue::DueEntry& entry,
                 const queue::RawRecord& raw);
  void arm(Source& source);
  [[nodiscard]] size_t room(Stream lane) const noexcept;
  [[nodiscard]] size_t allowance(Stream lane) const noexcept;
  [[nodiscard]] Source& source_of(const queue::Partition& partition);

  void warn(std::string_view text, QueueId id = {});

  rt::Reactor& reactor_;
  rt::Offload& offload_;
  Log& log_;
  Counters& counters_;
  Timings* timings_;
  const Router& router_;
  const NoticeComposer& notices_;
  FateObserver* fates_ = nullptr;
  RecipientGate* gate_ = nullptr;
  RetryPolicy retry_;
  QueueLimits limits_;
  rt::Scope scope_;
  rt::StopSource stop_;
  Dispatcher dispatcher_;
  std::vector<std::unique_ptr<Source>> partitions_;
  absl::flat_hash_map<QueueId, std::unique_ptr<queue::Message>> active_;
  absl::flat_hash_map<QueueId, uint32_t> changing_;  // changes of this record not yet on disk
  ChangeWatch change_watch_;                         // completed ones, for those who read
  absl::flat_hash_map<QueueId, queue::Order> ordered_removals_;  // of changing_: an operator's
  std::vector<std::unique_ptr<queue::Message>> kept_notices_;    // for when the store is back
  uint64_t content_memory_bytes_ = 0;
  uint32_t staged_count_ = 0;
  size_t active_recipients_ = 0;  // pending ones, of active_
  uint32_t forgotten_count_ = 0;
  bool memory_was_full_ = false;
  uint32_t recovering_count_ = 0;
  uint32_t failed_stores_count_ = 0;
  bool stopping_ = false;
};

}  // namespace barid::schedule
