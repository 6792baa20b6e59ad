// Goal: a wake-up is never lost between "looked, nothing there" and "sleeps" (docs/style.md X4).
// Method: first the two instruction sequences alone, started together 300,000 times: "saw
// nothing" and "did not wake" must never both happen (on x86-64 they do, if either fence is taken
// out). Then whole sleeps of a reactor, where a sleep of seconds is the failure. On a machine
// without two free CPUs each part stops early, after some seconds.
#include <gtest/gtest.h>

#include <atomic>
#include <semaphore>
#include <thread>

#include "core/base/rng.h"
#include "shard/runtime/spsc_ring.h"
#include "shard/runtime/test_shard.h"
#include "shard/runtime/waker.h"

namespace barid::rt {
namespace {

constexpr uint64_t kRounds = 100'000;
constexpr auto kLost = std::chrono::seconds(10);
constexpr auto kPartTime = std::chrono::seconds(2);
constexpr uint64_t kEnough = UINT64_MAX;

/// An Io of which only the sleep and the wake-up are real.
class SleepOnlyIo final : public Io {
 public:
  std::string_view name() const noexcept override { return "sleep only"; }
  void accept(AcceptOp&) override {}
  void receive(ReceiveOp&) override {}
  void send(SendOp&) override {}
  void connect(ConnectOp&) override {}
  void poll(PollOp&) override {}
  void cancel(IoOp&) override {}
  Result<int> open_listener(const net::SocketAddress&, const ListenOptions&) override {
    return none();
  }
  Result<int> open_socket(int, const net::SocketAddress*) override { return none(); }
  void close(int) override {}
  net::SocketAddress local_address(int) const override { return {}; }
  net::SocketAddress peer_address(int) const override { return {}; }
  void turn(Duration wait_max) override {
    if (wait_max == Duration::zero()) return;
    ++sleeps_count;
    if (!tokens_.try_acquire_for(kLost)) lost = true;
  }
  void wake() noexcept override { tokens_.release(); }

  uint64_t sleeps_count = 0;
  bool lost = false;

 private:
  static Error none() { return Error{.code = Code::kUnsupported}; }
  std::counting_semaphore<> tokens_{0};
};

struct RingMailbox final : Mailbox {
  bool drain() override {
    uint64_t value = 0;
    bool any = false;
    while (ring.try_pop(&value)) {
      any = true;
      received.store(value, std::memory_order_release);
    }
    return any;
  }
  bool has_mail() const noexcept override { return ring.has_items(); }
  SpscRing<uint64_t, 16> ring;
  std::atomic<uint64_t> received{0};
};

template <typename Condition>
void spin_until(Condition condition) {
  for (int spins = 0; !condition();) {
    if (++spins > 2'000) std::this_thread::yield();  // the other thread may need this CPU
  }
}
void spin(uint64_t iterations) {
  while (iterations-- > 0) std::atomic_signal_fence(std::memory_order_seq_cst);
}

TEST(WakerLitmus, NeverSawNothingAndWasNotWoken) {
  constexpr uint64_t kLitmusRounds = 300'000;
  TestShard shard;  // for its Io, which counts wake-ups
  Waker waker(shard.io);
  SpscRing<uint64_t, 2> ring;
  alignas(64) std::atomic<uint64_t> started{0};
  alignas(64) std::atomic<uint64_t> looked{0};
  bool saw_nothing = false;  // the sleeper's, published by `looked`

  std::thread sleeper([&] {
    Rng rng(1);
    for (uint64_t round = 1; round <= kLitmusRounds; ++round) {
      const uint64_t delay = rng.below(256);
      spin_until([&] { return started.load(std::memory_order_acquire) >= round; });
      if (started.load(std::memory_order_relaxed) == kEnough) return;
      static_cast<void>(ring.has_items());  // with the line at hand, a load overtakes a store best
      spin(delay);
      waker.prepare_sleep();
      saw_nothing = !ring.has_items();
      looked.store(round, std::memory_order_release);
    }
  });
  Rng rng(2);
  uint64_t missed = 0;
  uint64_t value = 0;
  const auto stop_at = std::chrono::steady_clock::now() + kPartTime;
  for (uint64_t round = 1; round <= kLitmusRounds; ++round) {
    if (std::chrono::steady_clock::now() > stop_at) break;
    const uint64_t delay = rng.below(256);
    const int wakes_before = shard.io.wakes_count.load(std::memory_order_relaxed);
    started.store(round, std::memory_order_release);
    spin(delay);
    ASSERT_TRUE(ring.try_push(round));
    waker.notify();
    const bool woken = shard.io.wakes_count.load(std::memory_order_relaxed) != wakes_before;
    spin_until([&] { return looked.load(std::memory_order_acquire) == round; });
    missed += saw_nothing && !woken ? 1 : 0;
    waker.end_sleep();
    ASSERT_TRUE(ring.try_pop(&value));
  }
  started.store(kEnough, std::memory_order_release);
  sleeper.join();
  EXPECT_EQ(missed, 0u);
}

TEST(WakerLitmus, NoSleepIsEndless) {
  SystemClock clock;
  SleepOnlyIo io;
  Reactor reactor(clock, io, 1);
  RingMailbox mailbox;
  reactor.add_mailbox(mailbox);
  std::atomic<bool> give_up{false};

  std::thread sender([&] {
    Rng rng(7);
    for (uint64_t round = 1; round <= kRounds && !give_up.load(); ++round) {
      spin(rng.below(500));
      while (!mailbox.ring.try_push(round)) std::this_thread::yield();
      reactor.waker().notify();
      spin_until([&] {
        return mailbox.received.load(std::memory_order_acquire) >= round || give_up.load();
      });
    }
  });
  const auto stop_at = std::chrono::steady_clock::now() + kPartTime;
  while (mailbox.received.load(std::memory_order_relaxed) < kRounds && !io.lost &&
         std::chrono::steady_clock::now() < stop_at) {
    reactor.turn(std::chrono::hours(1));
  }
  EXPECT_FALSE(io.lost) << "after round " << mailbox.received.load();
  give_up = true;
  sender.join();
  EXPECT_GT(io.sleeps_count, 0u);
}

TEST(Waker, OnlyASleepingShardCostsACall) {
  TestShard shard;
  Waker waker(shard.io);
  waker.notify();
  EXPECT_EQ(shard.io.wakes_count, 0);
  waker.prepare_sleep();
  waker.notify();
  waker.notify();
  EXPECT_EQ(shard.io.wakes_count, 1);
  waker.prepare_sleep();
  waker.end_sleep();
  waker.notify();
  EXPECT_EQ(shard.io.wakes_count, 1);
}

}  // namespace
}  // namespace barid::rt
