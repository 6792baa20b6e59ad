// Goal: the retry schedule is the documented function of age and attempt.
// Method: exhaustive over ages and attempts around every edge, for several policies.
#include "shard/schedule/policy.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace barid::schedule {
namespace {

using std::chrono::seconds;
using namespace std::chrono_literals;

TEST(RetryDelay, DefaultBackoffByAge) {
  struct Row {
    int64_t age, delay;
  };
  const Row rows[] = {{0, 300},     {1, 300},     {299, 300},   {300, 300},    {301, 301},
                      {600, 600},   {1200, 1200}, {2400, 2400}, {3999, 3999},  {4000, 4000},
                      {4001, 4000}, {4800, 4000}, {9600, 4000}, {432000, 4000}};
  for (const Row& row : rows) {
    for (const uint32_t attempts : {1u, 2u, 7u, 1000u}) {
      EXPECT_EQ(next_retry_delay({}, seconds(row.age), attempts), seconds(row.delay)) << row.age;
    }
  }
}

TEST(RetryDelay, AgesDoubleUntilTheMaximum) {
  // Without time lost on the attempts themselves a message is tried at these ages.
  const int64_t expected[] = {0, 300, 600, 1200, 2400, 4800, 8800, 12800, 16800};
  Duration age{};
  uint32_t attempts = 1;
  for (const int64_t want : expected) {
    EXPECT_EQ(age, seconds(want));
    age += next_retry_delay({}, age, attempts++);
  }
}

TEST(RetryDelay, EveryAgeIsInsideTheBounds) {
  RetryPolicy policies[] = {{},
                            {.minimal_backoff = 10s, .maximal_backoff = 60s},
                            {.minimal_backoff = 60s, .maximal_backoff = 60s},
                            {.minimal_backoff = 100s, .maximal_backoff = 50s}};
  for (const RetryPolicy& policy : policies) {
    const Duration maximal = std::max(policy.minimal_backoff, policy.maximal_backoff);
    Duration previous{};
    for (int64_t age = 0; age <= 5000; ++age) {
      const Duration delay = next_retry_delay(policy, seconds(age), 1);
      EXPECT_GE(delay, policy.minimal_backoff);
      EXPECT_LE(delay, maximal);
      EXPECT_GE(delay, previous);
      if (seconds(age) >= policy.minimal_backoff && seconds(age) <= maximal)
        EXPECT_EQ(delay, seconds(age));
      previous = delay;
    }
  }
}

TEST(RetryDelay, ListedScheduleRepeatsItsLast) {
  const RetryPolicy policy{.retry_schedule = {1min, 5min, 0s, 2h}};
  const Duration expected[] = {1min, 5min, 0s, 2h, 2h, 2h};
  for (uint32_t attempts = 1; attempts <= 6; ++attempts) {
    for (const Duration age : {Duration(0s), Duration(1h), Duration(100h)}) {
      EXPECT_EQ(next_retry_delay(policy, age, attempts), expected[attempts - 1]) << attempts;
    }
  }
  EXPECT_EQ(next_retry_delay(policy, 0s, UINT32_MAX), 2h);
}

TEST(Expiry, AtTheLifetimeNotBefore) {
  struct Row {
    Duration queue, bounce;
    bool null_sender;
    Duration age;
    bool expired;
  };
  const Duration five_days = std::chrono::days(5);
  const Row rows[] = {
      {five_days, five_days, false, 0s, false},
      {five_days, five_days, false, five_days - 1s, false},
      {five_days, five_days, false, five_days, true},
      {five_days, five_days, false, five_days + 1s, true},
      {five_days, 1h, false, 1h, false},  // the bounce lifetime is the null sender's
      {five_days, 1h, true, 1h - 1ns, false},
      {five_days, 1h, true, 1h, true},
      {1h, five_days, true, 1h, true},   // never longer than other mail
      {0s, five_days, false, 0s, true},  // one attempt
      {five_days, 0s, true, 0s, true},
      {five_days, 0s, false, 0s, false},
      {five_days, five_days, false, -1h, false},  // the clock was set back
  };
  for (const Row& row : rows) {
    const RetryPolicy policy{.queue_lifetime = row.queue, .bounce_lifetime = row.bounce};
    EXPECT_EQ(is_expired(policy, row.null_sender, row.age), row.expired) << row.age.count();
  }
}

}  // namespace
}  // namespace barid::schedule
