// Goal: over any stretch of time no more goes than rate and burst allow, and all of that does.
// Method: random asking at random times, counted.
#include "shard/schedule/pacer.h"

#include <gtest/gtest.h>

#include "core/base/rng.h"

namespace barid::schedule {
namespace {

using namespace std::chrono_literals;

TEST(Pacer, RateAndBurst) {
  Rng rng(3);
  for (int round = 0; round < 50; ++round) {
    const double rate = 0.5 + static_cast<double>(rng.below(2000));
    const auto burst = static_cast<uint32_t>(1 + rng.below(20));
    Pacer pacer;
    const MonoTime start(1h);
    MonoTime now = start;
    uint64_t taken = 0;
    while (now < start + 30s) {
      taken += pacer.take(now, rate, burst, static_cast<uint32_t>(1 + rng.below(50)));
      const double seconds = std::chrono::duration<double>(now - start).count();
      EXPECT_LE(static_cast<double>(taken), seconds * rate + burst + 1e-6);
      now += std::chrono::microseconds(rng.below(1'000'000 / static_cast<uint64_t>(rate + 1)));
    }
    if (burst > 3) EXPECT_GE(static_cast<double>(taken), 29 * rate);
  }
}

TEST(Pacer, TellsWhenToComeBack) {
  Pacer pacer;
  const MonoTime now(1h);
  EXPECT_EQ(pacer.take(now, 2, 1, 5), 1u);
  EXPECT_EQ(pacer.next(), now + 500ms);
  EXPECT_EQ(pacer.take(now + 499ms, 2, 1, 5), 0u);
  EXPECT_EQ(pacer.take(now + 500ms, 2, 1, 5), 1u);
  pacer.give_back(2, 1);
  EXPECT_EQ(pacer.take(now + 500ms, 2, 1, 5), 1u);
}

}  // namespace
}  // namespace barid::schedule
