// Goal: what is suspended is found by each of its handles for as long as it lasts, and survives
// being written and read. Method: rows.
#include "shard/schedule/suspensions.h"

#include <gtest/gtest.h>

namespace barid::schedule {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNow = WallTime(1'700'000'000s);

Suspension entry(SuspensionKind kind, std::string value, WallTime until = {},
                 std::string reason = "") {
  return {.kind = kind, .value = std::move(value), .since = kNow, .until = until, .reason = reason};
}

TEST(Suspensions, FindsByEachHandle) {
  Suspensions list;
  ASSERT_EQ(list.add(entry(SuspensionKind::kDomain, "Example.ORG", kNow + 1h)), "");
  ASSERT_EQ(list.add(entry(SuspensionKind::kSite, "mx.example.net", kNow + 2h)), "");
  ASSERT_EQ(list.add(entry(SuspensionKind::kTenant, "Acme", kNow + 3h)), "");
  ASSERT_EQ(list.add(entry(SuspensionKind::kStream, "bulk")), "");
  struct Case {
    SuspensionQuery query;
    WallTime now;
    std::string_view name;
  };
  const Case cases[] = {
      {{.domain = "example.org"}, kNow, "domain:example.org"},
      {{.domain = "example.org"}, kNow + 1h - 1us, "domain:example.org"},
      {{.domain = "example.org"}, kNow + 1h, ""},
      {{.domain = "sub.example.org"}, kNow, ""},
      {{.domain = "example.org", .site = "mx.example.net"}, kNow, "site:mx.example.net"},
      {{.domain = "example.org", .site = "mx.example.net", .tenant = "Acme"}, kNow, "tenant:Acme"},
      {{.tenant = "acme"}, kNow, ""},
      {{.domain = "example.org", .stream = Stream::kBulk}, kNow + 1000h, "stream:bulk"},
      {{.tenant = "Acme", .stream = Stream::kBulk}, kNow, "stream:bulk"},
      {{.domain = "other.example"}, kNow, ""},
      {{}, kNow, ""},
  };
  for (const Case& c : cases) {
    const Suspension* found = list.find(c.query, c.now);
    EXPECT_EQ(found != nullptr ? found->name() : "", c.name);
  }
}

TEST(Suspensions, ForEverOutlastsAnyEnd) {
  Suspensions list;
  ASSERT_EQ(list.add(entry(SuspensionKind::kDomain, "a.example")), "");
  ASSERT_EQ(list.add(entry(SuspensionKind::kTenant, "t", kNow + 9999h)), "");
  EXPECT_EQ(list.find({.domain = "a.example", .tenant = "t"}, kNow)->name(), "domain:a.example");
}

TEST(Suspensions, RefusesWhatIsNotAsItMustBe) {
  struct Case {
    Suspension in;
    std::string_view says;
  };
  const Case cases[] = {
      {entry(SuspensionKind::kDomain, ""), "domain \"\" names nothing"},
      {entry(SuspensionKind::kDomain, "a b"), "domain \"a b\" has a blank or control character"},
      {entry(SuspensionKind::kSite, "a\tb"), "site \"a\tb\" has a blank or control character"},
      {entry(SuspensionKind::kStream, "slow"),
       "stream \"slow\" is no stream; there are bulk and transactional"},
      {entry(SuspensionKind::kTenant, "t", kNow), "tenant \"t\" ends before it begins"},
      {entry(SuspensionKind::kTenant, "t", {}, "a\nb"),
       "tenant \"t\" has a control character in its reason"},
      {entry(SuspensionKind::kTenant, "t", {}, std::string(201, 'x')),
       "tenant \"t\" has a reason of over 200 bytes"},
  };
  for (const Case& c : cases) {
    Suspensions list;
    EXPECT_EQ(list.add(c.in), c.says);
    EXPECT_TRUE(list.empty());
  }
  Suspensions list;
  EXPECT_NE(list.add(entry(SuspensionKind::kTenant, std::string(256, 't'))), "");
}

TEST(Suspensions, HasABound) {
  Suspensions list;
  for (size_t i = 0; i < kSuspensionsMax; ++i) {
    ASSERT_EQ(list.add(entry(SuspensionKind::kTenant, std::to_string(i))), "");
  }
  EXPECT_NE(list.add(entry(SuspensionKind::kTenant, "one more")), "");
  EXPECT_NE(list.add(entry(SuspensionKind::kTenant, "more")), "");
  EXPECT_EQ(list.add(entry(SuspensionKind::kTenant, "7", kNow + 1h)), "");  // replaces
  EXPECT_EQ(list.size(), kSuspensionsMax);
}

TEST(Suspensions, RemovedAndEnded) {
  Suspensions list;
  ASSERT_EQ(list.add(entry(SuspensionKind::kDomain, "a.example", kNow + 1h)), "");
  ASSERT_EQ(list.add(entry(SuspensionKind::kDomain, "b.example", kNow + 2h)), "");
  ASSERT_EQ(list.add(entry(SuspensionKind::kDomain, "c.example")), "");
  EXPECT_EQ(list.next_end(), kNow + 1h);
  EXPECT_EQ(list.drop_ended(kNow + 1h), 1u);
  EXPECT_EQ(list.next_end(), kNow + 2h);
  EXPECT_FALSE(list.remove(SuspensionKind::kSite, "b.example"));
  EXPECT_TRUE(list.remove(SuspensionKind::kDomain, "B.example"));
  EXPECT_EQ(list.next_end(), std::nullopt);
  EXPECT_EQ(list.size(), 1u);
}

TEST(Suspensions, TextAndBack) {
  Suspensions list;
  ASSERT_EQ(list.add(entry(SuspensionKind::kDomain, "a.example", kNow + 1h, "spam run, T-17")), "");
  ASSERT_EQ(list.add(entry(SuspensionKind::kStream, "bulk")), "");
  const std::string text = list.to_text();
  EXPECT_EQ(text,
            "barid suspensions 1\n"
            "domain\ta.example\t1700000000\t1700003600\tspam run, T-17\n"
            "stream\tbulk\t1700000000\t0\t\n");
  size_t line = 0;
  const auto again = Suspensions::from_text(text, &line);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*again, list);
}

TEST(Suspensions, BadTextNamesItsLine) {
  struct Case {
    std::string_view text;
    size_t line;
  };
  const Case cases[] = {{"", 1},
                        {"barid suspensions 2\n", 1},
                        {"barid suspensions 1", 1},
                        {"barid suspensions 1\ncolour\tred\t1\t0\t\n", 2},
                        {"barid suspensions 1\nstream\tbulk\t1\t0\t\ntenant\tt\tx\t0\t\n", 3},
                        {"barid suspensions 1\ntenant\tt\t1\t0", 2},
                        {"barid suspensions 1\ntenant\tt\t-1\t0\t\n", 2},
                        {"barid suspensions 1\ntenant\tt\t9\t8\t\n", 2},
                        {"barid suspensions 1\nstream\tslow\t1\t0\t\n", 2}};
  for (const Case& c : cases) {
    size_t line = 0;
    EXPECT_FALSE(Suspensions::from_text(c.text, &line).ok()) << c.text;
    EXPECT_EQ(line, c.line) << c.text;
  }
}

}  // namespace
}  // namespace barid::schedule
