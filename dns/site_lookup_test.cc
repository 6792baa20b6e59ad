// Goal: any next hop yields a site by at most one MX lookup an item, never an error.
// Method: rows of next hops over a scripted resolver; keys, lifetimes, number and time of lookups.
#include "dns/site_lookup.h"

#include <gtest/gtest.h>

#include "dns/scripted_resolver.h"
#include "shard/runtime/test_shard.h"

namespace barid::dns {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kScenario = R"(
one.example      MX    ttl=600 20 mx2.host.example
one.example      MX    10 mx1.host.example
two.example      MX    ttl=600 5 MX1.host.example
two.example      MX    6 mx2.host.example
brief.example    MX    ttl=1 10 mx1.host.example
long.example     MX    ttl=604800 10 mx1.host.example
alias.example    CNAME one.example
plain.example    A     192.0.2.1
null.example     MX    ttl=600 0 .
gone.example     *     nxdomain
broken.example   MX    servfail
silent.example   MX    timeout
)";

class SiteLookup : public ::testing::Test {
 protected:
  struct Found {
    SiteAnswer site;
    uint64_t queries_count = 0;
    Duration took{};
  };

  static rt::Task<void> ask(Resolver& resolver, std::string nexthop, DestinationDefaults defaults,
                            const RouteOptions& options, MonoTime deadline,
                            std::optional<SiteAnswer>& out) {
    out = co_await resolve_site(resolver, std::move(nexthop), defaults, options, deadline);
  }

  static Found find(std::string nexthop, const RouteOptions& options = {},
                    DestinationDefaults defaults = {}) {
    rt::TestShard shard;
    ScriptedResolver resolver(shard.reactor, *parse_dns_scenario(kScenario).scenario);
    rt::Scope scope(shard.reactor);
    std::optional<SiteAnswer> site;
    const MonoTime start = shard.clock.now;
    scope.spawn(ask(resolver, std::move(nexthop), defaults, options, start + 10s, site));
    EXPECT_TRUE(shard.run_until([&] { return site.has_value(); }));
    return {*site, resolver.queries_count(), shard.clock.now - start};
  }
};

TEST_F(SiteLookup, ByMx) {
  struct Case {
    std::string_view nexthop, key;
    Duration ttl;
    uint64_t queries_count;
  };
  const Case cases[] = {
      {"one.example", "mx1.host.example,mx2.host.example", 600s, 1},
      {"two.example", "mx1.host.example,mx2.host.example", 600s, 1},
      {"alias.example", "mx1.host.example,mx2.host.example", 600s, 1},
      {"one.example:26", "mx1.host.example,mx2.host.example:26", 600s, 1},
      {"brief.example", "mx1.host.example", kSiteTtlMin, 1},
      {"long.example", "mx1.host.example", kSiteTtlMax, 1},
      {"plain.example", "plain.example", 300s, 1},
      {"null.example", "null.example", 600s, 1},
      {"gone.example", "gone.example", 300s, 1},
      {"Broken.example", "broken.example", kSiteTtlMin, 1},
      {"silent.example", "silent.example", kSiteTtlMin, 1},
      {"[one.example]", "one.example", kSiteTtlMax, 0},
      {"[192.0.2.1]:587", "192.0.2.1:587", kSiteTtlMax, 0},
      {"one.example, [relay.example]:587", "mx1.host.example,mx2.host.example relay.example:587",
       600s, 1},
      {"[no end", "[no end", kSiteTtlMax, 0},
      {"", "", kSiteTtlMax, 0},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.nexthop);
    const Found found = find(std::string(c.nexthop));
    EXPECT_EQ(found.site.key, c.key);
    EXPECT_EQ(found.site.ttl, c.ttl) << found.site.ttl / 1s;
    EXPECT_EQ(found.queries_count, c.queries_count);
    EXPECT_LE(found.took, 10s);
  }
}

TEST_F(SiteLookup, AsksOnlyWhatCounts) {
  RouteOptions by_domain;
  by_domain.rollup = Rollup::kDomain;
  EXPECT_EQ(find("one.example", by_domain).site.key, "one.example");
  EXPECT_EQ(find("one.example", by_domain).queries_count, 0u);
  RouteOptions no_dns;
  no_dns.lookup = HostLookupOrder::kNativeOnly;
  EXPECT_EQ(find("one.example", no_dns).site.key, "one.example");
  EXPECT_EQ(find("one.example", no_dns).queries_count, 0u);
  RouteOptions lmtp;
  lmtp.default_port = 24;
  const DestinationDefaults syntax{.syntax = DestinationSyntax::kLmtp, .port = 24};
  EXPECT_EQ(find("unix:private/lmtp", lmtp, syntax).site.key, "unix:private/lmtp");
  EXPECT_EQ(find("one.example", lmtp, syntax).site.key, "one.example");
  EXPECT_EQ(find("one.example", lmtp, syntax).queries_count, 0u);
}

}  // namespace
}  // namespace barid::dns
