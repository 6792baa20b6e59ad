// The reactor: one shard's event loop. A turn is: deliver I/O completions, drain mailboxes, fire
// due timers, resume what became ready, run the end-of-turn hooks (which hand the turn's store
// batch to the commit thread and the turn's log lines to the writer), then sleep if nothing is
// left. Layer: shard/runtime. Everything but waker().notify() belongs to the shard's own thread.
#pragma once

#include <coroutine>
#include <cstdint>
#include <deque>
#include <vector>

#include "core/base/rng.h"
#include "shard/runtime/clock.h"
#include "shard/runtime/io.h"
#include "shard/runtime/timer_queue.h"
#include "shard/runtime/waker.h"

namespace barid::rt {

/// Something other threads put messages into; looked at once per turn and before sleeping.
class Mailbox {
 public:
  virtual ~Mailbox() = default;
  /// Handles what is there; returns whether there was anything.
  virtual bool drain() = 0;
  [[nodiscard]] virtual bool has_mail() const noexcept = 0;
};

/// Called around the work of every turn.
class TurnHook {
 public:
  virtual ~TurnHook() = default;
  /// The wait is over and the clock was read; nothing was delivered yet.
  virtual void on_turn_begin() {}
  virtual void on_turn_end() = 0;
};

class Reactor final : private WaitListener {
 public:
  /// `clock` and `io` must outlive the reactor.
  Reactor(Clock& clock, Io& io, uint64_t rng_seed);
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;
  ~Reactor() { io_.set_wait_listener(nullptr); }

  /// Time of this turn.
  [[nodiscard]] MonoTime now() const noexcept { return now_; }
  [[nodiscard]] WallTime wall_now() const noexcept { return wall_now_; }
  /// Reads the clock again: for a wait that started late in a long turn.
  void refresh_clock() noexcept;

  [[nodiscard]] Io& io() noexcept { return io_; }
  [[nodiscard]] TimerQueue& timers() noexcept { return timers_; }
  [[nodiscard]] Rng& rng() noexcept { return rng_; }
  [[nodiscard]] Waker& waker() noexcept { return waker_; }

  /// Resumes `handle` later in this turn, or in the next: the safe way to wake a coroutine from
  /// inside another one.
  void post(std::coroutine_handle<> handle) { ready_.push_back(handle); }

  /// Registered objects must outlive the reactor's last turn or be removed.
  void add_mailbox(Mailbox& mailbox) { mailboxes_.push_back(&mailbox); }
  void remove_mailbox(Mailbox& mailbox) noexcept;
  void add_turn_hook(TurnHook& hook) { hooks_.push_back(&hook); }
  void remove_turn_hook(TurnHook& hook) noexcept;

  /// One turn. Waits at most `wait_max` when there is nothing to do. Returns whether it did work
  /// (the simulator steps shards with wait_max = 0 until all are idle).
  bool turn(Duration wait_max);
  /// Turns until stop() is called.
  void run();
  void stop() noexcept { stopping_ = true; }

  [[nodiscard]] uint64_t turns_count() const noexcept { return turns_count_; }

 private:
  [[nodiscard]] Duration wait_time(Duration wait_max) const noexcept;
  void on_wait_end() override;
  bool drain_mailboxes();
  bool resume_ready();

  Clock& clock_;
  Io& io_;
  Waker waker_;
  TimerQueue timers_;
  Rng rng_;
  MonoTime now_{};
  WallTime wall_now_{};
  std::deque<std::coroutine_handle<>> ready_;
  std::vector<Mailbox*> mailboxes_;
  std::vector<TurnHook*> hooks_;
  uint64_t turns_count_ = 0;
  bool stopping_ = false;
};

}  // namespace barid::rt
