// Waking a shard that may be asleep: the one place with full fences (docs/style.md X4).
//   sleeper: sleeping = true; fence; look at all mailboxes again; sleep.
//   sender:  publish the message; fence; if sleeping, wake.
// Without either fence both sides can read the old value, and the message waits for ever.
// tests: waker_litmus_test.cc.
// Layer: shard/runtime.
#pragma once

#include <atomic>

namespace barid::rt {

class Io;

class Waker {
 public:
  explicit Waker(Io& io) noexcept : io_(io) {}

  /// Any thread, after its message is visible in a mailbox of the shard. A system call only if the
  /// shard sleeps, and only by the first sender.
  void notify() noexcept;

  /// The shard, before it looks at its mailboxes for the last time and sleeps.
  void prepare_sleep() noexcept {
    sleeping_.store(true, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
  void end_sleep() noexcept { sleeping_.store(false, std::memory_order_relaxed); }

 private:
  Io& io_;
  std::atomic<bool> sleeping_{false};
};

}  // namespace barid::rt
