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

class FateRecorder final : public schedule::FateObserver {
 public:
  static constexpr size_t kWaitingMax = 100'000;  // while a store is down; older ones then go

  explicit FateRecorder(rt::Reactor& reactor) : reactor_(reactor), scope_(reactor) {}

  void on_fate(const queue::Message& message, uint32_t recipient, Fate fate,
               const Outcome* outcome) override;
  /// An entry of another part of the API, with the same care.
  void put(queue::Partition& partition, queue::Family family, std::string key, std::string value);

  void erase(queue::Partition& partition, queue::Family family, std::string key);

  [[nodiscard]] uint64_t lost_count() const noexcept { return lost_count_; }
  rt::Task<bool> close(MonoTime deadline);

 private:
  struct Entry {
    queue::Family family;
    std::string key;
    std::string value;
    bool erase = false;
  };
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
  rt::Task<void> watch(Book* book, Batch* batch);

  rt::Reactor& reactor_;
  std::deque<Book> books_;  // stable addresses; one a partition
  rt::Scope scope_;
  uint64_t lost_count_ = 0;
  bool stopping_ = false;
};

}  // namespace barid::http
