// Goal: every item arrives once, whole and in order; full and empty are answered, not waited for.
// Method: the edges on one thread, then 10^7 items between two threads (under TSan too).
#include "shard/runtime/spsc_ring.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>

namespace barid::rt {
namespace {

TEST(SpscRing, FullAndEmptyThroughManyWraps) {
  SpscRing<uint64_t, 4> ring;
  uint64_t value = 0;
  uint64_t next_in = 0;
  uint64_t next_out = 0;
  for (int round = 0; round < 100; ++round) {
    EXPECT_FALSE(ring.has_items());
    EXPECT_FALSE(ring.try_pop(&value));
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(ring.try_push(next_in++));
    EXPECT_FALSE(ring.try_push(999));
    EXPECT_TRUE(ring.has_items());
    ASSERT_TRUE(ring.try_pop(&value));
    ASSERT_EQ(value, next_out++);
    ASSERT_TRUE(ring.try_push(next_in++));
    while (ring.try_pop(&value)) ASSERT_EQ(value, next_out++);
    ASSERT_EQ(next_in, next_out);
  }
}

struct Message {  // large enough that a torn copy would show
  uint64_t sequence;
  uint64_t copies[6];
  uint64_t check;
};

TEST(SpscRing, TenMillionItemsBetweenTwoThreads) {
  constexpr uint64_t kItems = 10'000'000;
  auto ring = std::make_unique<SpscRing<Message, 16'384>>();
  std::thread producer([&ring] {
    for (uint64_t i = 0; i < kItems; ++i) {
      const Message message{i, {i, i, i, i, i, i}, ~i};
      while (!ring->try_push(message)) std::this_thread::yield();
    }
  });
  uint64_t damaged = 0;
  Message message{};
  for (uint64_t i = 0; i < kItems; ++i) {
    while (!ring->try_pop(&message)) std::this_thread::yield();
    bool intact = message.sequence == i && message.check == ~i;
    for (const uint64_t copy : message.copies) intact = intact && copy == i;
    damaged += intact ? 0 : 1;
  }
  producer.join();
  EXPECT_EQ(damaged, 0u);
  EXPECT_FALSE(ring->has_items());
}

}  // namespace
}  // namespace barid::rt
