// Event: what a coroutine waits on when the wake-up comes from inside the shard (a commit done, a
// slot free, a DNS answer). One waiter at a time. set() and cancel() are sticky, each until a wait
// takes it; when both happened, two waits see them, the cancellation first.
// Every wait has a deadline; cancel() ends it early (docs/style.md C7).
// Layer: shard/runtime. Shard-owned. Must outlive its waiter.
#pragma once

#include <coroutine>
#include <utility>

#include "core/base/result.h"
#include "shard/runtime/reactor.h"

namespace barid::rt {

class Event final : private Timer {
 public:
  explicit Event(Reactor& reactor) noexcept : reactor_(reactor) {}
  ~Event() { BARID_ASSERT(!waiter_); }

  void set() {
    set_ = true;
    wake();
  }
  /// The present wait, or else the next one, ends with kCancelled.
  void cancel() {
    cancelled_ = true;
    wake();
  }
  void reset() noexcept { set_ = cancelled_ = false; }
  [[nodiscard]] bool is_set() const noexcept { return set_; }

  struct Awaiter {
    Event& event;
    MonoTime deadline;
    bool await_ready() const noexcept { return event.set_ || event.cancelled_; }
    void await_suspend(std::coroutine_handle<> waiter) const { event.suspend(waiter, deadline); }
    /// kOk, kTimeout or kCancelled.
    Code await_resume() const noexcept { return event.take(); }
  };
  /// `co_await event.wait(deadline)` → kOk (set), kTimeout, kCancelled.
  [[nodiscard]] Awaiter wait(MonoTime deadline) noexcept { return Awaiter{*this, deadline}; }
  [[nodiscard]] Awaiter wait_for(Duration timeout) noexcept {
    return wait(reactor_.now() + timeout);
  }

 private:
  void suspend(std::coroutine_handle<> waiter, MonoTime deadline) {
    BARID_ASSERT(!waiter_);
    waiter_ = waiter;
    reactor_.timers().arm(*this, deadline);
  }
  void on_timer() override { wake(); }
  void wake() {
    Timer::cancel();
    if (waiter_) reactor_.post(std::exchange(waiter_, {}));
  }
  Code take() noexcept {
    if (std::exchange(cancelled_, false)) return Code::kCancelled;
    return std::exchange(set_, false) ? Code::kOk : Code::kTimeout;
  }

  Reactor& reactor_;
  std::coroutine_handle<> waiter_;
  bool set_ = false;
  bool cancelled_ = false;
};

/// `co_await sleep_until(reactor, when)`. Not cancellable: for short, bounded pauses.
class Sleep final : private Timer {
 public:
  Sleep(Reactor& reactor, MonoTime due) noexcept : reactor_(reactor), due_at_(due) {}
  bool await_ready() const noexcept { return due_at_ <= reactor_.now(); }
  void await_suspend(std::coroutine_handle<> waiter) {
    waiter_ = waiter;
    reactor_.timers().arm(*this, due_at_);
  }
  void await_resume() const noexcept {}

 private:
  void on_timer() override { waiter_.resume(); }
  Reactor& reactor_;
  MonoTime due_at_;
  std::coroutine_handle<> waiter_;
};

/// `co_await yield(reactor)`: lets the rest of the turn run (docs/style.md C8).
struct Yield {
  Reactor& reactor;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter) const { reactor.post(waiter); }
  void await_resume() const noexcept {}
};
[[nodiscard]] inline Yield yield(Reactor& reactor) noexcept { return Yield{reactor}; }

}  // namespace barid::rt
