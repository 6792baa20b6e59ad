// Goal: per setting the most specific rule counts, sites are told apart where rules do, and nothing
// wrong in a table goes unsaid.
// Method: rows of table, route and site → the settings and the site's key; rows of bad entries.
#include "policy/destination_policy.h"

#include <gtest/gtest.h>

namespace barid::policy {
namespace {

std::string settings_of(const DestinationPolicy& rules, const schedule::Route& route,
                        std::string_view site) {
  std::string text;
  for (const DestinationPolicy::Origin& origin : rules.explain(route, site)) {
    text += text.empty() ? "" : " ";
    text += std::string(origin.setting->name) + "=" + std::string(origin.value) + "<" +
            std::string(origin.rule);
  }
  return text;
}

constexpr std::string_view kTable =
    "inline:{ {* = dead_time=10m burst=9} {192.0.2.0/24 = rate=1/s} {192.0.2.8/32 = rate=2/s} "
    "{.mx.example = concurrency=10 rate=10/s} {.b.mx.example = concurrency=11} "
    "{a.b.mx.example = concurrency=12} {a.b.mx.example,c.mx.example = concurrency=13} "
    "{.org.example = concurrency=14} {own.org.example = concurrency=15 pool=one} "
    "{[192.0.2.8]:2525 = burst=2} }";

TEST(DestinationPolicy, TheMostSpecificRuleCountsPerSetting) {
  struct Case {
    std::string_view nexthop, hosts, key, settings;
  };
  constexpr Case kCases[] = {
      {"x.example", "x.example", "x.example", "dead_time=10m<* burst=9<*"},
      {"x.example", "d.mx.example", "d.mx.example",
       "concurrency=10<.mx.example dead_time=10m<* rate=10/s<.mx.example burst=9<*"},
      {"x.example", "d.mx.example,z.b.mx.example", "d.mx.example,z.b.mx.example",
       "concurrency=11<.b.mx.example dead_time=10m<* rate=10/s<.mx.example burst=9<*"},
      {"x.example", "A.B.mx.example:2525", "A.B.mx.example:2525",
       "concurrency=12<a.b.mx.example dead_time=10m<* rate=10/s<.mx.example burst=9<*"},
      {"x.example", "a.b.mx.example,c.mx.example", "a.b.mx.example,c.mx.example",
       "concurrency=13<a.b.mx.example,c.mx.example dead_time=10m<* rate=10/s<.mx.example "
       "burst=9<*"},
      {"x.org.example", "a.b.mx.example", "a.b.mx.example#.org.example",
       "concurrency=14<.org.example dead_time=10m<* rate=10/s<.mx.example burst=9<*"},
      {"own.org.example", "d.mx.example", "d.mx.example#own.org.example",
       "concurrency=15<own.org.example dead_time=10m<* rate=10/s<.mx.example burst=9<* "
       "pool=one<own.org.example"},
      {"OWN.org.example", "own.org.example", "own.org.example",
       "concurrency=15<own.org.example dead_time=10m<* burst=9<* pool=one<own.org.example"},
      {"org.example", "org.example", "org.example", "dead_time=10m<* burst=9<*"},
      {"[192.0.2.7]", "[192.0.2.7]", "[192.0.2.7]",
       "dead_time=10m<* rate=1/s<192.0.2.0/24 burst=9<*"},
      {"[192.0.2.7]:26", "192.0.2.7:26", "192.0.2.7:26",
       "dead_time=10m<* rate=1/s<192.0.2.0/24 burst=9<*"},
      {"[192.0.2.8]:2525", "192.0.2.8:2525", "192.0.2.8:2525#[192.0.2.8]:2525",
       "dead_time=10m<* rate=2/s<192.0.2.8/32 burst=2<[192.0.2.8]:2525"},
  };
  std::vector<std::string> errors;
  const DestinationPolicy rules("p", kTable, {.errors = &errors});
  ASSERT_TRUE(errors.empty()) << errors.front();
  for (const Case& c : kCases) {
    SCOPED_TRACE(std::string(c.nexthop) + " at " + std::string(c.hosts));
    const schedule::Route route{.transport = "smtp", .nexthop = std::string(c.nexthop)};
    const std::string key = rules.site_of(route, c.hosts);
    EXPECT_EQ(key, c.key);
    EXPECT_EQ(settings_of(rules, route, key), c.settings);
  }
}

TEST(DestinationPolicy, EverySettingReachesThePolicyAndIsShownAsRead) {
  constexpr std::string_view kAll =
      "concurrency=7 initial_concurrency=3 positive_feedback=1/concurrency "
      "negative_feedback=0.5/sqrt_concurrency failed_cohort_limit=4 dead_time=300s rate_delay=2s "
      "rate=10/s burst=5 messages_per_connection=50 recipients=20 "
      "pool=fast";
  const DestinationPolicy rules("p", "inline:{ {x.example = " + std::string(kAll) + "} }", {});
  schedule::SitePolicy policy;
  rules.apply({.transport = "smtp", .nexthop = "x.example"}, "x.example", &policy);
  std::string shown;
  for (const SiteSetting& setting : site_settings()) {
    shown += (shown.empty() ? "" : " ") + std::string(setting.name) + "=" + setting.show(policy);
  }
  EXPECT_EQ(shown, kAll);
  EXPECT_EQ(policy.window.limit, 7u);
  EXPECT_EQ(policy.messages_per_second, 10);
}

TEST(DestinationPolicy, BadEntriesAreErrorsWithTableKeyAndField) {
  struct Case {
    std::string_view table, error;
  };
  constexpr Case kCases[] = {
      {"inline:{ {x.example = speed=3} }",
       "p: inline:{ {x.example = speed=3} }: x.example: \"speed=3\" is no name=value of these "
       "names: concurrency, initial_concurrency, positive_feedback, negative_feedback, "
       "failed_cohort_limit, dead_time, rate_delay, rate, burst, messages_per_connection, "
       "recipients, pool"},
      {"inline:{ {x.example = rate=10/y} }",
       "p: inline:{ {x.example = rate=10/y} }: x.example: rate: \"10/y\" is not messages a time "
       "such as 10/s, 600/m or 100/h; 0: no limit"},
      {"inline:{ {x.example = initial_concurrency=0} }",
       "p: inline:{ {x.example = initial_concurrency=0} }: x.example: initial_concurrency: \"0\" "
       "is "
       "not a number, 1 or more"},
      {"inline:{ {x.example = pool=a/b} }",
       "p: inline:{ {x.example = pool=a/b} }: x.example: pool: \"a/b\" is not the name of an "
       "egress "
       "pool"},
      {"texthash:/none", "p: texthash:/none is unavailable. open /none: No such file or directory"},
      {"static:rate=1/s",
       "p: static:rate=1/s cannot be read as a whole; need inline, texthash, or cidr without \"!\" "
       "and IF"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.table);
    std::vector<std::string> errors;
    const DestinationPolicy rules("p", c.table, {.errors = &errors});
    ASSERT_EQ(errors.size(), 1u);
    EXPECT_EQ(errors.front(), c.error);
  }
}

TEST(ParseRate, Rows) {
  struct Case {
    std::string_view text;
    double rate;  // below 0: refused
  };
  constexpr Case kCases[] = {
      {"10", 10},     {"10/s", 10},      {"600/m", 10},      {"36000/h", 10}, {"0", 0},
      {"0.5/s", 0.5}, {"86400/d", 1},    {"", -1},           {"/s", -1},      {"10/", -1},
      {"-1/s", -1},   {"1e3/s", -1},     {"10/sec", -1},     {"inf/s", -1},   {"nan", -1},
      {"10 /s", -1},  {"1000001/s", -1}, {"0.000001/d", -1},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.text);
    const std::optional<double> rate = parse_rate(c.text);
    ASSERT_EQ(rate.has_value(), c.rate >= 0);
    if (rate) EXPECT_DOUBLE_EQ(*rate, c.rate);
  }
}

}  // namespace
}  // namespace barid::policy
