// Goal: pools and plans are read as written, turns follow the weights, and a used-up address passes
// its turns on.
// Method: rows of bad entries; long series of turns against their weights.
#include "policy/egress_pools.h"

#include <gtest/gtest.h>

#include <map>

namespace barid::policy {
namespace {

constexpr std::string_view kPools =
    "inline:{ {news = 192.0.2.1=3, 192.0.2.2 2001:DB8::5=2} {one = 192.0.2.1} }";

TEST(EgressPools, BadEntriesAreErrorsWithTableKeyAndField) {
  struct Case {
    std::string_view pools, plans, error;
  };
  constexpr Case kCases[] = {
      {"inline:{ {a = 192.0.2.1=0} }", "",
       "egress_pool_maps: inline:{ {a = 192.0.2.1=0} }: a: \"192.0.2.1=0\": the weight is not 1 to "
       "1000"},
      {"inline:{ {a = 192.0.2.1 mx.example} }", "",
       "egress_pool_maps: inline:{ {a = 192.0.2.1 mx.example} }: a: \"mx.example\" is not an "
       "address"},
      {"inline:{ {a = 192.0.2.1 192.0.2.1=2} }", "",
       "egress_pool_maps: inline:{ {a = 192.0.2.1 192.0.2.1=2} }: a: \"192.0.2.1=2\" is there "
       "twice"},
      {"inline:{ {a/b = 192.0.2.1} }", "",
       "egress_pool_maps: inline:{ {a/b = 192.0.2.1} }: a/b: the name of a pool has only letters, "
       "digits, \"-\", \"_\" and \".\""},
      {"inline:{ {a = } }", "",
       "egress_pool_maps: inline:{ {a = } }: a: a pool has 1 to 256 addresses"},
      {kPools, "inline:{ {192.0.2.9 = start=2026-01-01 5} }",
       "warmup_maps: inline:{ {192.0.2.9 = start=2026-01-01 5} }: 192.0.2.9: no egress pool has "
       "that name or address"},
      {kPools, "inline:{ {192.0.2.1 = 5 10} }",
       "warmup_maps: inline:{ {192.0.2.1 = 5 10} }: 192.0.2.1: a plan begins with "
       "start=YYYY-MM-DD"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.error);
    std::vector<std::string> errors;
    const EgressPools pools(c.pools, c.plans, {.errors = &errors});
    ASSERT_EQ(errors.size(), 1u);
    EXPECT_EQ(errors.front(), c.error);
  }
}

TEST(EgressPools, APlanOfAnAddressCountsMoreThanThatOfItsPool) {
  std::vector<std::string> errors;
  const EgressPools pools(kPools,
                          "inline:{ {192.0.2.1 = start=2026-01-01 1} {news = start=2026-01-01 2} }",
                          {.errors = &errors});
  ASSERT_TRUE(errors.empty()) << errors.front();
  const EgressPool* news = pools.find("news");
  ASSERT_NE(news, nullptr);
  ASSERT_EQ(news->addresses.size(), 3u);
  EXPECT_EQ(news->addresses[0].plan->messages.front(), 1u);
  EXPECT_EQ(news->addresses[1].plan->messages.front(), 2u);
  EXPECT_EQ(news->addresses[2].text, "2001:db8::5");
  EXPECT_EQ(pools.find("one")->addresses[0].plan->messages.front(), 1u);
  EXPECT_EQ(pools.find("two"), nullptr);
}

TEST(EgressTurns, FollowTheWeightsOfTheFamily) {
  const EgressPools pools(kPools, "", {});
  const EgressPool& news = *pools.find("news");
  EgressTurns turns;
  std::map<std::string, int> counts;
  std::string order;
  for (int i = 0; i < 400; ++i) {
    const EgressAddress* address =
        turns.next(news, false, [](const EgressAddress&) { return true; });
    ASSERT_NE(address, nullptr);
    ++counts[address->text];
    order += address->text.back();
  }
  EXPECT_EQ(counts, (std::map<std::string, int>{{"192.0.2.1", 300}, {"192.0.2.2", 100}}));
  EXPECT_EQ(order.find("1111"), std::string::npos) << "spread evenly";
  EXPECT_EQ(turns.next(news, true, [](const EgressAddress&) { return true; })->text, "2001:db8::5");
  EXPECT_EQ(turns.next(*pools.find("one"), true, [](const EgressAddress&) { return true; }),
            nullptr);
}

TEST(EgressTurns, AnAddressThatIsUsedUpPassesItsTurnsAndGathersNone) {
  const EgressPools pools(kPools, "", {});
  const EgressPool& news = *pools.find("news");
  EgressTurns turns;
  bool first_usable = false;
  const auto usable = [&](const EgressAddress& a) { return first_usable || a.text != "192.0.2.1"; };
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(turns.next(news, false, usable)->text, "192.0.2.2");
  EXPECT_EQ(turns.next(news, false, [](const EgressAddress&) { return false; }), nullptr);
  first_usable = true;
  int others = 0;
  for (int i = 0; i < 40; ++i)
    others += turns.next(news, false, usable)->text == "192.0.2.2" ? 1 : 0;
  EXPECT_NEAR(others, 10, 2);
}

}  // namespace
}  // namespace barid::policy
