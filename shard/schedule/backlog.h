// What waits on disk, in memory: per queue (shard/queue/queue_key.h) only the earliest due time.
// The rest of the order stays in the store's schedule family, so memory grows with queues, not with
// messages. Decides which queue is read from next: new and deferred mail in turn (new mail first
// when memory was full), then lanes, tenants and destinations as fair_queue.h has it.
// Source: Postfix's fairness of incoming and deferred mail. Layer: shard/schedule, pure.
#pragma once

#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/time.h"
#include "shard/schedule/fair_queue.h"

namespace barid::schedule {

class Backlog {
 public:
  /// Something of `queue` is due at `due`.
  void note(std::string_view queue, WallTime due);
  /// Queues that are due by now may be taken.
  void advance(WallTime now);

  struct Choice {
    bool new_first = false;  ///< memory was full: new mail has precedence
    bool without_bulk = false;
  };
  [[nodiscard]] bool ready(const Choice& choice) const noexcept;
  /// The queue whose turn it is, forgotten here; its user notes it again if it holds more.
  /// ready() must be true.
  [[nodiscard]] std::string take(const Choice& choice);
  /// How many messages were read from it: its tenant's share.
  void charge(size_t messages) noexcept;

  /// Nothing of `queue` is to be read until unblock(destination).
  void block(std::string_view queue, std::string_view destination);
  void unblock(std::string_view destination);

  [[nodiscard]] bool empty() const noexcept { return by_name_.empty(); }
  [[nodiscard]] size_t queues_count() const noexcept { return by_name_.size(); }
  /// Their names, in no particular order.
  template <typename F>
  void for_each_queue(F&& visit) const {
    for (const auto& [name, entry] : by_name_) visit(std::string_view(name));
  }
  /// Of those that are not due yet; nothing: none waits for a time.
  [[nodiscard]] std::optional<WallTime> next_due() const {
    if (by_due_.empty()) return std::nullopt;
    return by_due_.begin()->first;
  }

 private:
  enum class State : uint8_t { kWaiting, kReady, kBlocked };
  struct Entry {
    State state = State::kWaiting;
    WallTime due{};
  };
  static constexpr int64_t kRound = 200;  // messages a tenant has in a round

  void make_ready(const std::string& queue);
  [[nodiscard]] static bool has(const FairQueue<std::string>& queues, bool without_bulk) noexcept;

  absl::flat_hash_map<std::string, Entry> by_name_;
  absl::btree_set<std::pair<WallTime, std::string>> by_due_;  // the waiting ones
  FairQueue<std::string> new_{kRound};                        // the ready ones
  FairQueue<std::string> deferred_{kRound};
  FairQueue<std::string>* taken_from_ = nullptr;
  absl::flat_hash_map<std::string, std::vector<std::string>> blocked_;  // by destination
};

}  // namespace barid::schedule
