// Goal: a plan gives each day its number, counts never exceed it, and survive a restart.
// Method: rows of plans and days; counting from threads; text there and back.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "policy/warmup_counts.h"
#include "policy/warmup_plan.h"

namespace barid::policy {
namespace {

using namespace std::chrono_literals;

TEST(WarmupPlan, Rows) {
  struct Case {
    std::string_view text;
    std::string_view limits;  // from two days before 2026-01-03 on; or "!error"
  };
  constexpr Case kCases[] = {
      {"start=2026-01-02 50 100", "0 50 100 - -"},
      {"start=2026-01-01 50 100, 200+", "50 100 200 200 200"},
      {"start=2026-02-28 7", "0 0 0 0 0"},
      {"start=2025-12-01 7", "- - - - -"},
      {"start=2025-12-01 0+", "0 0 0 0 0"},
      {"", "!a plan begins with start=YYYY-MM-DD"},
      {"50 100", "!a plan begins with start=YYYY-MM-DD"},
      {"start=2026-02-30 5", "!\"start=2026-02-30\" is no day such as start=2026-01-31"},
      {"start=2026-1-1 5", "!\"start=2026-1-1\" is no day such as start=2026-01-31"},
      {"start=2026-01-01", "!a plan has 1 to 366 days"},
      {"start=2026-01-01 5+ 6", "!\"5+\" is no number of messages a day"},
      {"start=2026-01-01 -5", "!\"-5\" is no number of messages a day"},
  };
  const Day first = 20454;  // 2026-01-01
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.text);
    std::string text;
    const std::optional<WarmupPlan> plan = parse_warmup_plan(c.text, &text);
    if (plan) {
      for (Day day = first; day < first + 5; ++day) {
        const std::optional<uint32_t> limit = plan->limit(day);
        text += (text.empty() ? "" : " ") + (limit ? std::to_string(*limit) : "-");
      }
    } else {
      text = '!' + text;
    }
    EXPECT_EQ(text, c.limits);
  }
}

TEST(WarmupPlan, DaysAreOfUtc) {
  const WallTime noon = start_of(20454) + 12h;
  EXPECT_EQ(unix_seconds(start_of(20454)), 1767225600);  // date -u -d 2026-01-01 +%s
  EXPECT_EQ(day_of(noon), 20454);
  EXPECT_EQ(day_of(start_of(20455) - 1us), 20454);
  EXPECT_EQ(day_of(start_of(20455)), 20455);
}

TEST(WarmupCounts, ExactOverThreads) {
  WarmupCounts counts;
  std::atomic<int> taken = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 100; ++n) taken += counts.take("192.0.2.1", "mx", 5, 130) ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken, 130);
  EXPECT_EQ(counts.count("192.0.2.1", "mx", 5), 130u);
  EXPECT_TRUE(counts.take("192.0.2.1", "other", 5, 1));
  EXPECT_TRUE(counts.take("192.0.2.2", "mx", 5, 1));
  counts.give_back("192.0.2.1", "mx", 5);
  EXPECT_TRUE(counts.take("192.0.2.1", "mx", 5, 130));
  EXPECT_FALSE(counts.take("192.0.2.1", "mx", 5, 130));
  EXPECT_TRUE(counts.take("192.0.2.1", "mx", 6, 1));  // the next day
  EXPECT_FALSE(counts.take("192.0.2.1", "mx", 5, 200)) << "the clock was set back";
  counts.give_back("192.0.2.1", "mx", 5);
  EXPECT_EQ(counts.count("192.0.2.1", "mx", 6), 1u);
}

TEST(WarmupCounts, SurviveARestart) {
  WarmupCounts counts;
  EXPECT_FALSE(counts.take_changed());
  ASSERT_TRUE(counts.take("192.0.2.1", "mx1.example,mx2.example", 20454, 10));
  ASSERT_TRUE(counts.take("2001:db8::1", "[192.0.2.7]:25", 20454, 10));
  ASSERT_TRUE(counts.take("2001:db8::1", "[192.0.2.7]:25", 20454, 10));
  EXPECT_TRUE(counts.take_changed());
  EXPECT_FALSE(counts.take_changed());
  const std::string text = counts.to_text();
  EXPECT_EQ(text,
            "barid warmup 1\n20454\t192.0.2.1\tmx1.example,mx2.example\t1\n"
            "20454\t2001:db8::1\t[192.0.2.7]:25\t2\n");
  WarmupCounts again;
  ASSERT_TRUE(again.from_text(text));
  EXPECT_EQ(again.to_text(), text);
  EXPECT_EQ(again.count("2001:db8::1", "[192.0.2.7]:25", 20454), 2u);
  for (const std::string_view bad :
       {"", "barid warmup 2\n", "barid warmup 1", "barid warmup 1\n1\ta\tb\n",
        "barid warmup 1\n1\ta\tb\t-1\n", "barid warmup 1\n1\ta\tb\t1\n2\ta\tb\t1\n",
        "barid warmup 1\n1\ta\tb\t99999999999\n", "barid warmup 1\n1\ta\tb\t1"}) {
    EXPECT_FALSE(again.from_text(bad)) << bad;
  }
}

}  // namespace
}  // namespace barid::policy
