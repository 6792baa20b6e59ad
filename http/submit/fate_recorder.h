// Keeps what became of each recipient of the API's messages, and an event for each such change, in
// the message's own partition: they commit with the change itself. What a failed commit took is
// written again once the store is back.
// Layer: http. Shard-owned.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "shard/queue/partition.h"
#include "shard/runtime/scope.h"
#include "shard/schedule/queue_manager.h"

namespace barid::http {

/// Key in Family::kFates.
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

  /// Both outlive it.
  FateRecorder(rt::Reactor& reactor, EventListener& listener)
      : reactor_(reactor), listener_(listener), scope_(reactor) {}

  /// One entry of a family: put, or erased.
  struct Change {
    queue::Family family;
    std::string key;
    std::string value;
    bool erase = false;
  };

  void on_fate(const queue::Message& message, uint32_t recipient, Fate fate,
               const Outcome* outcome) override;
  /// An entry of another part of the API, with the same care.
  void put(queue::Partition& partition, queue::Family family, std::string key, std::string value);

  void erase(queue::Partition& partition, queue::Family family, std::string key);
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

  /// For events that were put beside it and are on disk.
  void tell_events() noexcept { listener_.on_events(); }
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
  Book& book_of(queue::Partition& partition);
  void add(Book& book, Entry entry);
  void flush(Book& book);
  uint64_t write(Book& book, Entry& entry);
  rt::Task<void> watch(Book* book, Batch* batch);
  static rt::Task<void> carry_out(queue::Partition* partition, Order* order);

  rt::Reactor& reactor_;
  EventListener& listener_;
  std::deque<Book> books_;  // stable addresses; one a partition
  rt::Scope scope_;
  uint64_t lost_count_ = 0;
  bool stopping_ = false;
};

}  // namespace barid::http
