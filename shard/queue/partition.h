// One queue partition: ids, durable acceptance, outcomes, and reading back. It turns messages into
// store operations and store completions into events; what to deliver next is the schedule's
// affair.
//
// State of a message's record (docs/formats/queue.md):
//   stage()  -> fresh + content        admitted into memory
//            -> queued + schedule + content   when memory is full, or the message is held
//   rewrite() fresh -> queued + schedule      first deferral; later ones move its schedule entries
//   remove() -> nothing                all recipients settled
// Every change is in one group, so that a crash leaves a record in exactly one of these states.
//
// Layer: shard/queue. Shard-owned.
#pragma once

#include <coroutine>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "shard/queue/id_horizon.h"
#include "shard/queue/message.h"
#include "shard/queue/store.h"
#include "shard/runtime/reactor.h"

namespace barid::queue {

/// Where the id mark is in Family::kMeta: decimal microseconds.
inline constexpr std::string_view kIdMarkKey = "id_high_water";

/// What becomes of an entry whose commit failed, once the store is back: in the group with which
/// the lost changes of messages are made again or undone.
enum class IfLost : uint8_t {
  kLeft,       ///< nothing: on disk or not, it is its owner's to repeat
  kErased,     ///< as accepted messages: who made it was told that it failed
  kMadeAgain,  ///< as outcomes
};

class Partition final : private Store::Listener {
 public:
  class Events {
   public:
    virtual ~Events() = default;
    /// The message is on disk; the partition gives it up to the schedule.
    virtual void on_accepted(std::unique_ptr<Message> message) = 0;
    /// A record filed under these destinations is on disk: one stage() past memory, or one
    /// rewrite().
    virtual void on_filed(QueueId id, const std::vector<std::string>& destinations,
                          WallTime due) = 0;
    /// A remove() is on disk.
    virtual void on_removed(QueueId id) = 0;
    /// A staged message was not stored; the waiter on its group is told too. `message` is null if
    /// it was not meant for memory.
    virtual void on_refused(QueueId id, std::unique_ptr<Message> message) = 0;
    /// What on_refused() was told about is not on disk for certain, in case it had got there.
    virtual void on_undone(QueueId id) = 0;
    /// A group is on disk, so long after its first change.
    virtual void on_synced(Duration took) = 0;
    /// A commit failed (told once per failure): nothing more is acknowledged or attempted until
    /// on_store_recovered().
    virtual void on_store_failed(const Error& error) = 0;
    virtual void on_store_recovered() = 0;
  };

  /// `store` must be opened, and is attached by the caller after this. All outlive the partition.
  Partition(rt::Reactor& reactor, Store& store, Events& events, uint16_t number);
  ~Partition() override;

  [[nodiscard]] uint16_t number() const noexcept { return number_; }
  [[nodiscard]] Store& store() noexcept { return store_; }
  [[nodiscard]] const Store& store() const noexcept { return store_; }

  /// The id high-water mark found at start (meta), or 0: ids never go below it again.
  void start_ids_after(uint64_t micros) noexcept;
  /// Its events are listed together with those of other partitions, by their ids. Each is to be put
  /// as soon as its id was given. Outlives the partition.
  void join(IdHorizon& horizon) noexcept;
  /// Strictly increasing within the partition, also across restarts and clock steps.
  [[nodiscard]] QueueId allocate_id();

  /// False while the store is failed: answer 452, do not stage.
  [[nodiscard]] bool writable() const noexcept { return store_.writable(); }
  /// Messages that came since the start less those that went, as committed.
  [[nodiscard]] int64_t gained_count() const noexcept { return gained_count_; }

  /// Puts a new message into the open group. `to_memory`: it goes to the schedule when durable;
  /// else it is stored as due at `message->due` under `filed_under`, and dropped from memory.
  /// Returns the group to wait for with committed(). Everything staged, removed and rewritten until
  /// the next turn's end shares one group: a bounce and the record it settles live or die together.
  uint64_t stage(std::unique_ptr<Message> message, bool to_memory);

  struct CommitAwaiter {
    Partition& partition;
    uint64_t group;
    bool await_ready() const noexcept { return partition.is_decided(group); }
    void await_suspend(std::coroutine_handle<> waiter) const;
    /// Ok: on disk. Else the error of the store; nothing of it will be delivered.
    Status await_resume() const noexcept { return partition.result_of(group); }
  };
  /// Waits without a deadline of its own: the store always answers, at the latest by failing.
  [[nodiscard]] CommitAwaiter committed(uint64_t group) noexcept {
    return CommitAwaiter{*this, group};
  }

  /// What failed commits took is not all made again, or undone, on disk.
  [[nodiscard]] bool undoing() const noexcept {
    return !writable() || !lost_.empty() || !lost_entries_.empty() || !is_decided(redo_group_);
  }

  /// An entry of another owner, in the open group: it commits or fails with what is staged there.
  /// Returns the group. writable() must be true.
  uint64_t put_entry(Family family, std::string_view key, std::string_view value,
                     IfLost if_lost = IfLost::kLeft);
  uint64_t erase_entry(Family family, std::string_view key);

  /// All recipients are settled: erases record, schedule entries and content.
  void remove(Message& message);
  /// Stores the present state under `filed_under` and `due`, replacing its former schedule entries:
  /// a deferral, or progress within an attempt that goes on (due = now).
  void rewrite(Message& message, std::vector<std::string> filed_under, WallTime due);
  // --- what is on its way at this instant
  /// Null: nothing is marked. Outlives the partition.
  void set_flight_marks(FlightMarks* marks) noexcept { flight_marks_ = marks; }
  /// From now on the message may be delivered though nothing on disk says so. Returns the mark, for
  /// Message::flight_mark once the attempt ended: the change that settles it clears it.
  [[nodiscard]] uint32_t begin_flight(QueueId id) noexcept {
    return flight_marks_ != nullptr ? flight_marks_->set(id) : FlightMarks::kNone;
  }
  /// The mark is not needed: nothing went out, or another one says the same.
  void drop_flight(uint32_t mark) noexcept {
    if (flight_marks_ != nullptr) flight_marks_->clear(mark);
  }
  /// Whether the process before ended while the message was on its way. True once: the mark is the
  /// message's then.
  [[nodiscard]] bool adopt_flight(Message& message) noexcept;

  /// Erases a schedule entry that no record stands behind.
  void drop_entry(std::string_view destination, WallTime due, QueueId id);
  /// Moves a record that does not decode out of the way.
  void quarantine(Family from, std::string_view key, std::string_view record);

  // --- blocking reads, for offload threads
  /// Errors: kNotFound, kIo, kCorrupt (size differs from the record's).
  [[nodiscard]] static Result<std::string> load_content(const Store& store, QueueId id,
                                                        uint64_t size);

 private:
  /// One change of one record, kept until its group is decided.
  struct Change {
    /// kUndo: a refused kAccept, erased in case it reached the disk all the same.
    enum class Kind : uint8_t { kAccept, kRemove, kRewrite, kUndo };
    Kind kind;
    QueueId id;
    uint64_t size = 0;                     // content bytes
    std::unique_ptr<Message> message;      // kAccept into memory: who goes to the schedule
    std::vector<std::string> filed_under;  // kAccept: its entries; kRewrite: the new ones
    WallTime due{};
    std::vector<std::string> old_filed_under;  // kRemove, kRewrite
    WallTime old_due{};
    std::string record;                         // kRewrite
    uint32_t flight_mark = FlightMarks::kNone;  // kRemove, kRewrite: cleared with it
  };
  /// An entry that is not left to its owner.
  struct Entry {
    Family family;
    bool erased = false;  ///< else made again
    std::string key;
    std::string value;
  };
  /// What a group in the making or under way will cause.
  struct Group {
    uint64_t number = 0;
    uint64_t first_event_micros = 0;  // the id of its first event; 0 = none
    MonoTime begun{};
    std::vector<Change> changes;
    std::vector<Entry> entries;
    std::vector<std::coroutine_handle<>> waiters;
  };

  void on_commit(uint64_t group, Status status) override;
  void on_recovered() override;

  Group& open_group();
  [[nodiscard]] bool is_decided(uint64_t group) const noexcept { return group <= decided_group_; }
  [[nodiscard]] Status result_of(uint64_t group) const noexcept;
  void put_one(Family family, std::string_view key, std::string_view value);
  void put_content(const Message& message);
  void put_schedule(const std::vector<std::string>& filed_under, WallTime due, QueueId id);
  void erase_schedule(const std::vector<std::string>& filed_under, WallTime due, QueueId id);
  void erase_content(QueueId id, uint64_t size);
  void redo(Change& change);
  void redo(Entry& entry);
  void reserve_ids();
  void tell_horizon() noexcept;

  rt::Reactor& reactor_;
  Store& store_;
  Events& events_;
  const uint16_t number_;

  FlightMarks* flight_marks_ = nullptr;
  uint64_t last_id_micros_ = 0;
  uint64_t reserved_micros_ = 0;  // ids up to here are covered by the mark on disk
  uint64_t decided_group_ = 0;
  uint64_t failed_from_group_ = 0;  // the latest run of failed groups
  uint64_t failed_to_group_ = 0;
  uint64_t redo_group_ = 0;         // the last one in which lost changes were made again
  uint64_t lost_event_micros_ = 0;  // the first event that failed and may be on disk; 0 = none
  Error failure_{};
  bool failure_told_ = false;
  int64_t gained_count_ = 0;

  std::deque<Group> groups_;  // undecided, in order; the last one may be open
  std::vector<Group> spare_;  // emptied, for reuse
  std::vector<Change> lost_;  // changes of failed groups: made again, or undone, on recovery
  std::vector<Entry> lost_entries_;
  IdHorizon* horizon_ = nullptr;
  IdHorizon::Place* horizon_place_ = nullptr;
  std::string record_scratch_;
};

}  // namespace barid::queue
