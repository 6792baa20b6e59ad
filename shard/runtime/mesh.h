// Messages between shards: one bounded SPSC ring per ordered pair, 64-byte plain messages, wake-up
// only when the receiver sleeps (docs/style.md §8).
//
// A message names the function that handles it on the receiving shard. Whoever allocates what an
// argument points to frees it, after the reply. A full ring is back-pressure: the message waits in
// a bounded list on the sender's side and goes out with its next turns; a full list refuses. Layer:
// shard/runtime.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "shard/runtime/reactor.h"
#include "shard/runtime/spsc_ring.h"

namespace barid::rt {

struct alignas(64) ShardMessage {
  /// Runs on the receiving shard; `receiver` is what that shard registered.
  void (*handle)(void* receiver, const ShardMessage& message) = nullptr;
  uint64_t words[6] = {};  ///< the handler's arguments; pointers are the sender's memory
  uint16_t from = 0;
  uint16_t reserved[3] = {};
};
static_assert(sizeof(ShardMessage) == 64 && std::is_trivially_copyable_v<ShardMessage>);

/// All rings of a process. Built before the shards start, destroyed after the last one ended.
class Mesh {
 public:
  static constexpr size_t kRingCapacity = 1024;
  static constexpr size_t kOverflowMax =
      64 * 1024;  // messages per pair waiting on the sender's side

  explicit Mesh(uint16_t shards_count);
  ~Mesh();

  /// One shard's end. Used on that shard's thread.
  class Port final : private Mailbox, private TurnHook {
   public:
    /// `receiver` is passed to every handler.
    Port(Mesh& mesh, uint16_t self, Reactor& reactor, void* receiver);
    ~Port() override;
    /// False: the pair's overflow list is full; the caller keeps its work.
    [[nodiscard]] bool send(uint16_t to, ShardMessage message);
    [[nodiscard]] uint16_t self() const noexcept { return self_; }
    [[nodiscard]] uint16_t shards_count() const noexcept { return mesh_.shards_count_; }

   private:
    bool drain() override;
    bool has_mail() const noexcept override;
    void on_turn_end() override;
    Mesh& mesh_;
    const uint16_t self_;
    Reactor& reactor_;
    void* receiver_;
    std::vector<std::deque<ShardMessage>> overflow_;  // by receiver
    std::vector<bool> touched_;                       // receivers to wake at the turn's end
  };

 private:
  using Ring = SpscRing<ShardMessage, kRingCapacity>;
  [[nodiscard]] Ring& ring(uint16_t from, uint16_t to) const noexcept {
    return *rings_[size_t{from} * shards_count_ + to];
  }
  const uint16_t shards_count_;
  std::vector<std::unique_ptr<Ring>> rings_;
  std::vector<std::atomic<Waker*>> wakers_;  // null until a shard has started
};

}  // namespace barid::rt
