#include "smtp/client/tls_report_counts.h"

#include <gtest/gtest.h>

namespace barid::smtp {
namespace {

constexpr int64_t kDay = 86'400'000'000;
const TlsReportPolicy kSts{.type = TlsPolicyType::kSts,
                           .domain = "a.example",
                           .strings = {"version: STSv1", "mode: enforce"},
                           .mx_hosts = {"*.a.example"}};

TlsFailure failure(TlsResult result, std::string host = "mx.a.example") {
  return {.result = result, .mx_host = std::move(host), .receiving_ip = "192.0.2.1"};
}

TEST(TlsReportCounts, NothingUnlessEnabled) {
  TlsReportCounts counts;
  counts.add_success("a.example", kSts, wall_from_micros(kDay));
  EXPECT_EQ(counts.to_text(), "barid tlsrpt 1\n");
  EXPECT_FALSE(counts.take_changed());
}

TEST(TlsReportCounts, ADayIsCountedReportedAndSettled) {
  TlsReportCounts counts;
  counts.set(true, std::chrono::hours(24));
  const WallTime noon = wall_from_micros(10 * kDay + kDay / 2);
  counts.add_success("A.example", kSts, noon);
  counts.add_success("a.example", kSts, noon);
  counts.add_failure("a.example", kSts, failure(TlsResult::kCertificateExpired), noon);
  counts.add_failure("a.example", kSts, failure(TlsResult::kCertificateExpired), noon);
  counts.add_failure("a.example", {.domain = "a.example"},
                     failure(TlsResult::kStartTlsNotSupported), noon);
  EXPECT_EQ(counts.end_period(wall_from_micros(11 * kDay - 1), {}), 0u);
  EXPECT_FALSE(counts.find_due(noon));
  EXPECT_EQ(counts.end_period(wall_from_micros(11 * kDay), {}), 0u);
  const auto due = counts.find_due(wall_from_micros(11 * kDay));
  ASSERT_TRUE(due);
  EXPECT_EQ(due->domain, "a.example");
  EXPECT_EQ(due->begin, wall_from_micros(10 * kDay));
  EXPECT_EQ(due->end, wall_from_micros(11 * kDay));
  ASSERT_EQ(due->policies.size(), 2u);
  EXPECT_EQ(due->policies[0].successes, 2u);
  EXPECT_EQ(due->policies[0].failures, 2u);
  ASSERT_EQ(due->policies[0].details.size(), 1u);
  EXPECT_EQ(due->policies[0].details[0].second, 2u);
  EXPECT_EQ(due->policies[1].failures, 1u);
  counts.settle(*due);
  EXPECT_FALSE(counts.find_due(wall_from_micros(100 * kDay)));
}

TEST(TlsReportCounts, SpreadOverTime) {
  TlsReportCounts counts;
  counts.set(true, std::chrono::hours(24));
  for (int i = 0; i < 50; ++i) {
    counts.add_success("d" + std::to_string(i) + ".example", kSts, wall_from_micros(kDay));
  }
  counts.end_period(wall_from_micros(2 * kDay), std::chrono::hours(4));
  int due_count = 0;
  while (const auto due = counts.find_due(wall_from_micros(2 * kDay + kDay / 12))) {
    ++due_count;
    EXPECT_GE(due->next, due->end);
    counts.settle(*due);
  }
  EXPECT_GT(due_count, 5);
  EXPECT_LT(due_count, 45);
}

TEST(TlsReportCounts, AFileKeepsEverything) {
  TlsReportCounts counts;
  counts.set(true, std::chrono::hours(24));
  counts.add_success("old.example", kSts, wall_from_micros(kDay));
  counts.end_period(wall_from_micros(2 * kDay), std::chrono::hours(4));
  auto due = counts.find_due(wall_from_micros(3 * kDay));
  ASSERT_TRUE(due);
  due->targets = {"mailto:a@b.example", "https://c.example/"};
  due->next = wall_from_micros(2 * kDay + 5);
  counts.postpone(*due);
  TlsFailure odd = failure(TlsResult::kValidationFailure);
  odd.reason = "a\tb|c\nd";
  counts.add_failure("new.example", kSts, odd, wall_from_micros(2 * kDay + 7));
  const std::string text = counts.to_text();
  TlsReportCounts other;
  ASSERT_TRUE(other.from_text(text)) << text;
  EXPECT_EQ(other.to_text(), text);
  const auto again = other.find_due(wall_from_micros(3 * kDay));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->targets, due->targets);
  EXPECT_EQ(again->policies[0].policy, kSts);
}

TEST(TlsReportCounts, AnotherTextIsRefused) {
  for (const char* text :
       {"", "barid tlsrpt 2\n", "barid tlsrpt 1", "barid tlsrpt 1\npolicy\tsts\ta\t1\t1\t\t\n",
        "barid tlsrpt 1\ndomain\ta\t1\n", "barid tlsrpt 1\ndomain\ta\t2\t1\t0\t\n",
        "barid tlsrpt 1\ndomain\ta\t1\t2\t0\t\nfailure\tx\n",
        "barid tlsrpt 1\ndomain\ta\t1\t2\t0\t\npolicy\tsts\ta\t-1\t1\t\t\n"}) {
    TlsReportCounts counts;
    EXPECT_FALSE(counts.from_text(text)) << text;
  }
}

TEST(TlsReportCounts, Bounds) {
  TlsReportCounts counts;
  counts.set(true, std::chrono::hours(24));
  const WallTime now = wall_from_micros(kDay);
  for (size_t i = 0; i < 2 * TlsReportCounts::kDetailsMax; ++i) {
    counts.add_failure("a.example", kSts,
                       failure(TlsResult::kCertificateExpired, "h" + std::to_string(i)), now);
  }
  for (size_t i = 0; i < TlsReportCounts::kPoliciesMax; ++i) {
    counts.add_success("a.example", {.domain = "p" + std::to_string(i)}, now);
  }
  for (size_t i = 0; i < TlsReportCounts::kDomainsMax; ++i) {
    counts.add_success("d" + std::to_string(i), kSts, now);
  }
  EXPECT_EQ(counts.end_period(wall_from_micros(2 * kDay), {}), 2u);
  const auto due = counts.find_due(wall_from_micros(2 * kDay));
  ASSERT_TRUE(due);
  ASSERT_EQ(due->domain, "a.example");
  EXPECT_EQ(due->policies.size(), TlsReportCounts::kPoliciesMax);
  EXPECT_EQ(due->policies[0].failures, 2 * TlsReportCounts::kDetailsMax);
  EXPECT_EQ(due->policies[0].details.size(), TlsReportCounts::kDetailsMax);
  EXPECT_EQ(due->policies[0].details.back().second, TlsReportCounts::kDetailsMax + 1);
}

}  // namespace
}  // namespace barid::smtp
