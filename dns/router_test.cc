#include "dns/router.h"

#include <gtest/gtest.h>

#include "dns/scripted_resolver.h"
#include "shard/runtime/test_shard.h"

namespace barid::dns {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kScenario = R"(
two.example      MX    ttl=600 20 mx2.example
two.example      MX    10 mx1.example
mx1.example      A     ttl=120 192.0.2.1
mx1.example      AAAA  ttl=240 2001:db8::1
mx2.example      A     192.0.2.2
implicit.example A     192.0.2.3
cname.example    CNAME two.example
null.example     MX    0 .
gone.example     *     nxdomain
broken.example   MX    servfail
silent.example   MX    timeout
nowhere.example  MX    10 gone.example
shaky.example    MX    10 gone.example
shaky.example    MX    20 failing.example
failing.example  *     servfail
partly.example   MX    10 failing.example
partly.example   MX    20 mx2.example
self.example     MX    10 me.example
me.example       A     192.0.2.9
backup.example   MX    10 mx1.example
backup.example   MX    20 me.example
numeric.example  MX    10 192.0.2.77
hosts.example    MX    10 local-only.example
empty.example    TXT   "x"
slow1.example    MX    delay=3s 10 slowhost.example
slowhost.example A     delay=3s 192.0.2.4
slowhost.example AAAA  delay=3s nodata
)";

/// What getaddrinfo would find: /etc/hosts with one entry, and a name that fails for now.
class FakeNative final : public HostLookup {
 public:
  rt::Task<Found> lookup(std::string host, Families, MonoTime) override {
    if (host == "local-only.example") {
      co_return Found{AnswerStatus::kOk, {*net::SocketAddress::from_ip("127.0.0.7", 0)}, ""};
    }
    if (host == "flaky.example")
      co_return Found{AnswerStatus::kServFail, {}, "Temporary failure in name resolution"};
    co_return Found{AnswerStatus::kNxDomain, {}, "Name or service not known"};
  }
};

rt::Task<void> run(rt::Reactor& reactor, Resolver& resolver, Destination destination,
                   const RouteOptions& options, MonoTime deadline,
                   std::optional<RouteResult>& out) {
  out = co_await resolve_route(reactor, resolver, std::move(destination), options, deadline);
}

struct Routed {
  RouteResult result;
  Duration took{};
  uint64_t queries = 0;
};

Routed route(std::string_view text, RouteOptions options, DestinationDefaults defaults = {}) {
  rt::TestShard shard;
  ScriptedResolver resolver(shard.reactor, *parse_dns_scenario(kScenario).scenario);
  rt::Scope scope(shard.reactor);
  std::optional<RouteResult> result;
  const MonoTime start = shard.clock.now;
  options.address.randomize = false;
  const auto parsed = parse_destinations(text, defaults);
  EXPECT_EQ(parsed.error, "");
  scope.spawn(
      run(shard.reactor, resolver, parsed.destinations.at(0), options, start + 30s, result));
  EXPECT_TRUE(shard.run_until([&] { return result.has_value(); }));
  return {*result, shard.clock.now - start, resolver.queries_count()};
}

std::string summary(const RouteResult& result) {
  if (!result.ok()) return result.failure.dsn.text() + ' ' + result.failure.text;
  std::string text;
  for (const RouteHop& hop : result.hops) {
    text += (text.empty() ? "" : ", ") + hop.host + ' ' + hop.address.text() + ' ' +
            std::to_string(hop.preference);
  }
  return text;
}

TEST(Router, ByDns) {
  const net::SocketAddress own[] = {*net::SocketAddress::from_ip("192.0.2.9", 0)};
  RouteOptions options;
  options.address.own_addresses = own;
  const std::string error = "Host or domain name not found. Name service error for name=";
  struct Case {
    std::string_view text;
    std::string result;
    std::string site;
    std::chrono::seconds ttl;
  };
  const Case cases[] = {
      {"two.example",
       "mx1.example 192.0.2.1:25 10, mx1.example [2001:db8::1]:25 10, mx2.example 192.0.2.2:25 20",
       "mx1.example,mx2.example", 120s},
      {"two.example:26",
       "mx1.example 192.0.2.1:26 10, mx1.example [2001:db8::1]:26 10, mx2.example 192.0.2.2:26 20",
       "mx1.example,mx2.example:26", 120s},
      {"[mx1.example]", "mx1.example 192.0.2.1:25 0, mx1.example [2001:db8::1]:25 0", "mx1.example",
       120s},
      {"implicit.example", "implicit.example 192.0.2.3:25 0", "implicit.example", 300s},
      {"cname.example",
       "mx1.example 192.0.2.1:25 10, mx1.example [2001:db8::1]:25 10, mx2.example 192.0.2.2:25 20",
       "mx1.example,mx2.example", 120s},
      {"[192.0.2.5]:2525", "192.0.2.5 192.0.2.5:2525 0", "192.0.2.5:2525", 3600s},
      {"numeric.example", "192.0.2.77 192.0.2.77:25 10", "192.0.2.77", 300s},
      {"partly.example", "mx2.example 192.0.2.2:25 20", "failing.example,mx2.example", 300s},
      {"backup.example", "mx1.example 192.0.2.1:25 10, mx1.example [2001:db8::1]:25 10",
       "me.example,mx1.example", 120s},
      {"self.example", "5.4.6 mail for self.example loops back to myself", "me.example", 0s},
      {"[me.example]", "5.4.6 mail for me.example loops back to myself", "me.example", 0s},
      {"[me.example]:26", "me.example 192.0.2.9:26 0", "me.example:26", 300s},
      {"null.example", "5.1.0 Domain null.example does not accept mail (nullMX)", "null.example",
       0s},
      {"gone.example", "5.4.4 " + error + "gone.example type=AAAA: Host not found", "gone.example",
       0s},
      {"[gone.example]", "5.4.4 " + error + "gone.example type=AAAA: Host not found",
       "gone.example", 0s},
      {"empty.example",
       "5.4.4 " + error +
           "empty.example type=AAAA: Host found but no data record of requested type",
       "empty.example", 0s},
      {"broken.example", "4.4.3 " + error + "broken.example type=MX: Host not found, try again",
       "broken.example", 0s},
      {"silent.example", "4.4.3 " + error + "silent.example type=MX: Host not found, try again",
       "silent.example", 0s},
      {"nowhere.example", "5.4.4 " + error + "gone.example type=AAAA: Host not found",
       "gone.example", 0s},
      {"shaky.example", "4.4.3 " + error + "failing.example type=A: Host not found, try again",
       "failing.example,gone.example", 0s},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.text);
    const Routed got = route(c.text, options);
    EXPECT_EQ(summary(got.result), c.result);
    EXPECT_EQ(got.result.site, c.site);
    EXPECT_EQ(got.result.ttl, c.ttl);
  }
}

TEST(Router, Families) {
  RouteOptions v4;
  v4.families = Families::kV4Only;
  EXPECT_EQ(summary(route("[mx1.example]", v4).result), "mx1.example 192.0.2.1:25 0");
  EXPECT_EQ(route("[mx1.example]", v4).queries, 1u);
  RouteOptions v6;
  v6.families = Families::kV6Only;
  EXPECT_EQ(summary(route("two.example", v6).result), "mx1.example [2001:db8::1]:25 10");
}

TEST(Router, HostsAreAskedInParallel) {
  const Routed got = route("slow1.example", {});
  EXPECT_EQ(got.took, 6s);  // MX, then A and AAAA at once
  EXPECT_EQ(got.queries, 3u);
  EXPECT_EQ(route("[192.0.2.5]", {}).queries, 0u);
  EXPECT_EQ(route("silent.example", {}).took, 30s);
}

TEST(Router, SystemResolver) {
  FakeNative native;
  struct Case {
    HostLookupOrder order;
    std::string_view text;
    std::string result;
    uint64_t queries;
  };
  using enum HostLookupOrder;
  const std::string unknown = "5.4.4 unable to look up host two.example: Name or service not known";
  const Case cases[] = {
      {kNativeOnly, "local-only.example", "local-only.example 127.0.0.7:25 0", 0},
      {kNativeOnly, "two.example", unknown, 0},
      {kNativeOnly, "[flaky.example]",
       "4.4.3 unable to look up host flaky.example: Temporary failure in name resolution", 0},
      {kNativeOnly, "[192.0.2.5]", "192.0.2.5 192.0.2.5:25 0", 0},
      {kNativeAfterMx, "hosts.example", "local-only.example 127.0.0.7:25 10", 1},
      {kDnsNative, "hosts.example", "local-only.example 127.0.0.7:25 10", 3},
      {kDnsNative, "[mx2.example]", "mx2.example 192.0.2.2:25 0", 2},
      {kDnsNative, "[failing.example]",
       "4.4.3 Host or domain name not found. Name service error for "
       "name=failing.example type=A: Host not found, try again",
       2},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.text);
    RouteOptions options;
    options.lookup = c.order;
    options.native = &native;
    const Routed got = route(c.text, options);
    EXPECT_EQ(summary(got.result), c.result);
    EXPECT_EQ(got.queries, c.queries);
  }
}

TEST(Router, UnixSocket) {
  const Routed got = route("unix:/run/lmtp", {}, {.syntax = DestinationSyntax::kLmtp, .port = 24});
  EXPECT_EQ(summary(got.result), "/run/lmtp /run/lmtp 0");
  EXPECT_EQ(got.result.site, "unix:/run/lmtp");
  EXPECT_EQ(got.queries, 0u);
}

}  // namespace
}  // namespace barid::dns
