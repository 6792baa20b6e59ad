// For tests of this folder: a reactor on a clock that moves only when told, without any I/O.
#pragma once

#include <atomic>

#include "shard/runtime/event.h"
#include "shard/runtime/reactor.h"
#include "shard/runtime/scope.h"

namespace barid::rt {

class ManualClock final : public Clock {
 public:
  MonoTime mono() noexcept override { return now; }
  WallTime wall() noexcept override {
    return std::chrono::time_point_cast<std::chrono::microseconds>(WallTime() + wall_offset +
                                                                   (now - MonoTime()));
  }
  MonoTime now{std::chrono::hours(1)};
  Duration wall_offset{};
};

class NoIo final : public Io {
 public:
  std::string_view name() const noexcept override { return "none"; }
  void accept(AcceptOp&) override { unexpected(); }
  void receive(ReceiveOp&) override { unexpected(); }
  void send(SendOp&) override { unexpected(); }
  void connect(ConnectOp&) override { unexpected(); }
  void poll(PollOp&) override { unexpected(); }
  void cancel(IoOp&) override { unexpected(); }
  Result<int> open_listener(const net::SocketAddress&, const ListenOptions&) override {
    return none();
  }
  Result<int> open_socket(int, const net::SocketAddress*) override { return none(); }
  void close(int) override { unexpected(); }
  net::SocketAddress local_address(int) const override { return {}; }
  net::SocketAddress peer_address(int) const override { return {}; }
  void turn(Duration wait_max) override { last_wait = wait_max; }
  void wake() noexcept override { wakes_count.fetch_add(1, std::memory_order_relaxed); }

  Duration last_wait{};
  std::atomic<int> wakes_count{0};

 private:
  static void unexpected() { BARID_ASSERT(false); }
  static Error none() { return Error{.code = Code::kUnsupported}; }
};

struct TestShard {
  ManualClock clock;
  NoIo io;
  Reactor reactor{clock, io, /*rng_seed=*/1};

  void turn() { reactor.turn(Duration::zero()); }
  void advance(Duration by) {
    clock.now += by;
    turn();
  }
  /// Turns, moving the clock to the next timer whenever nothing else is left; false at the limit.
  template <typename Predicate>
  bool run_until(Predicate done, Duration limit = std::chrono::hours(24)) {
    const MonoTime end = clock.now + limit;
    while (!done()) {
      if (reactor.turn(Duration::zero())) continue;
      if (done()) return true;
      if (reactor.timers().empty() || reactor.timers().next_due() > end) return false;
      clock.now = std::max(clock.now, reactor.timers().next_due());
    }
    return true;
  }
};

}  // namespace barid::rt
