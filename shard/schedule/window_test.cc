// Goal: the window moves exactly as Postfix's does.
// Method: the published event strings and windows, literally; then properties over random runs.
#include "shard/schedule/window.h"

#include <gtest/gtest.h>

#include <string>

#include "core/base/rng.h"

namespace barid::schedule {
namespace {

constexpr Feedback kOne{};
constexpr Feedback kLinear{.divisor = Feedback::Divisor::kConcurrency};
constexpr Feedback kRoot{.divisor = Feedback::Divisor::kSqrtConcurrency};

/// "S" = success with busy = window, "F" = failure. Gives "6, 7, DEAD".
std::string run(const WindowPolicy& policy, std::string_view events) {
  Window window(policy);
  std::string text;
  for (const char event : events) {
    if (event == 'S') {
      window.on_success(policy, window.size());
    } else {
      (void)window.on_failure(policy);
    }
    if (!text.empty()) text += ", ";
    text += window.dead() ? "DEAD" : std::to_string(window.size());
  }
  return text;
}

TEST(Window, TestVectors) {
  struct Row {
    const char* what;
    WindowPolicy policy;
    std::string events;
    std::string windows;
  };
  const Row rows[] = {
      {"failures", {}, "FFF", "3, 2, DEAD"},
      {"successes",
       {},
       std::string(17, 'S'),
       "6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 20, 20"},
      {"alternating", {}, "SFSFSFSF", "6, 4, 5, 3, 4, 2, 3, 1"},
      {"up and down", {}, "SSSSFFFFFF", "6, 7, 8, 9, 7, 6, 5, 4, 3, DEAD"},
      {"1 / concurrency",
       {.positive = kLinear},
       std::string(18, 'S'),
       "5, 5, 5, 5, 6, 6, 6, 6, 6, 6, 7, 7, 7, 7, 7, 7, 7, 8"},
      {"1 / sqrt_concurrency",
       {.positive = kRoot},
       std::string(9, 'S'),
       "5, 6, 6, 6, 7, 7, 8, 8, 8"},
      {"negative 1 / concurrency, cohorts 10",
       {.negative = kLinear, .failed_cohort_limit = 10},
       std::string(10, 'F'),
       "4, 4, 4, 3, 3, 3, 2, 2, 1, 1"},
      {"never dead", {.failed_cohort_limit = 0}, "FFFFF", "3, 2, 1, 1, 1"},
      {"initial 1", {.initial = 1}, "F", "DEAD"},
      {"initial above the limit", {.initial = 50}, "S", "20"},
      {"no limit", {.initial = 30, .limit = 0}, "SS", "31, 32"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    EXPECT_EQ(run(row.policy, row.events), row.windows);
  }
}

TEST(Window, DoesNotRunAheadOfItsUse) {
  const WindowPolicy policy;
  Window window(policy);
  for (int i = 0; i < 50; ++i) window.on_success(policy, 1);
  EXPECT_EQ(window.size(), 1 + policy.initial);
}

TEST(Window, SuccessRevivesTheDead) {
  const WindowPolicy policy;
  for (const uint32_t busy : {0u, 2u}) {
    Window window(policy);
    EXPECT_FALSE(window.on_failure(policy));
    EXPECT_FALSE(window.on_failure(policy));
    EXPECT_TRUE(window.on_failure(policy));
    EXPECT_FALSE(window.on_failure(policy));  // told once
    EXPECT_TRUE(window.dead());
    window.on_success(policy, busy);
    EXPECT_EQ(window.size(), busy > 0 ? busy : policy.initial);
  }
}

TEST(Window, StaysWithinItsBounds) {
  Rng rng(7);
  for (int round = 0; round < 300; ++round) {
    const Feedback kinds[] = {kOne, kLinear, kRoot, {.numerator = 0.3}, {.numerator = 0}};
    const WindowPolicy policy{.initial = 1 + static_cast<uint32_t>(rng.below(30)),
                              .limit = static_cast<uint32_t>(rng.below(25)),
                              .positive = kinds[rng.below(5)],
                              .negative = kinds[rng.below(5)],
                              .failed_cohort_limit = static_cast<double>(rng.below(4))};
    Window window(policy);
    for (int i = 0; i < 200; ++i) {
      const uint32_t before = window.size();
      if (rng.chance(500)) {
        window.on_success(policy, static_cast<uint32_t>(rng.below(before + 2)));
        EXPECT_GE(window.size(), 1u);
        if (before > 0) EXPECT_GE(window.size(), before);
      } else {
        (void)window.on_failure(policy);
        EXPECT_LE(window.size(), before);
        if (policy.failed_cohort_limit == 0) EXPECT_GE(window.size(), 1u);
      }
      if (policy.limit > 0) EXPECT_LE(window.size(), policy.limit);
    }
  }
}

TEST(Feedback, Syntax) {
  struct Row {
    const char* text;
    bool ok;
    double numerator = 0;
    Feedback::Divisor divisor = Feedback::Divisor::kNone;
  };
  const Row rows[] = {{"1", true, 1},
                      {"0.5", true, 0.5},
                      {"1/4", true, 0.25},
                      {" 1 / concurrency ", true, 1, Feedback::Divisor::kConcurrency},
                      {"0.3/sqrt_concurrency", true, 0.3, Feedback::Divisor::kSqrtConcurrency},
                      {"0", true, 0},
                      {"2", false},
                      {"-1", false},
                      {"", false},
                      {"1/", false},
                      {"1/0", false},
                      {"1/x", false},
                      {"nan", false},
                      {"1 1", false}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.text);
    const Result<Feedback> got = parse_feedback(row.text);
    ASSERT_EQ(got.ok(), row.ok);
    if (!got.ok()) continue;
    EXPECT_DOUBLE_EQ(got->numerator, row.numerator);
    EXPECT_EQ(got->divisor, row.divisor);
  }
}

}  // namespace
}  // namespace barid::schedule
