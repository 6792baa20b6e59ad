#include "dns/scripted_resolver.h"

#include <gtest/gtest.h>

#include "shard/runtime/test_shard.h"

namespace barid::dns {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kScenario = R"(
# a comment
example.org      MX    20 mx2.example.org.
Example.ORG.     mx    ttl=60 10 mx1.example.org   # adds up
mx1.example.org  A     secure 192.0.2.1 192.0.2.2
mx1.example.org  AAAA  2001:db8::1
null.example     MX    0 .
www.example.org  CNAME delay=1s mx1.example.org
loop.example     CNAME loop.example
example.org      TXT   "v=spf1 # -all"
1.2.0.192.in-addr.arpa PTR mx1.example.org.
_25._tcp.mx1.example.org TLSA 3 1 1 AAbb
gone.example     *     nxdomain
half.example     MX    nodata
half.example     *     servfail
never.example    MX    timeout
slow.example     A     delay=2s 192.0.2.3
forged.example   A     bogus
at 10m
example.org      MX    servfail
at 1h
example.org      MX    5 new.example.org
)";

std::string summary(const Answer& answer) {
  std::string text(answer_status_name(answer.status));
  for (const MxRecord& mx : answer.mx) text += ' ' + std::to_string(mx.preference) + ':' + mx.host;
  for (const auto& address : answer.addresses) text += ' ' + address.ip_text();
  for (const std::string& name : answer.names) text += ' ' + name;
  for (const std::string& value : answer.texts) text += " \"" + value + '"';
  for (const TlsaRecord& tlsa : answer.tlsa) {
    text += ' ' + std::to_string(tlsa.usage) + std::to_string(tlsa.selector) +
            std::to_string(tlsa.matching_type) + ':' + std::to_string(tlsa.data.size());
  }
  if (!answer.canonical_name.empty()) text += " =" + answer.canonical_name;
  if (answer.validation == Validation::kSecure) text += " secure";
  return text;
}

TEST(DnsScenario, Find) {
  const ParsedScenario parsed = parse_dns_scenario(kScenario);
  ASSERT_TRUE(parsed.scenario) << parsed.error;
  struct Case {
    std::string_view name;
    RecordType type;
    Duration at;
    std::string_view result;
  };
  using enum RecordType;
  constexpr Case kCases[] = {
      {"EXAMPLE.org.", kMx, 0s, "ok 20:mx2.example.org 10:mx1.example.org"},
      {"example.org", kMx, 10min - 1ns, "ok 20:mx2.example.org 10:mx1.example.org"},
      {"example.org", kMx, 10min, "servfail"},
      {"example.org", kMx, 2h, "ok 5:new.example.org"},
      {"example.org", kTxt, 2h, "ok \"v=spf1 # -all\""},
      {"example.org", kA, 0s, "nodata"},
      {"mx1.example.org", kA, 0s, "ok 192.0.2.1 192.0.2.2 secure"},
      {"mx1.example.org", kAaaa, 0s, "ok 2001:db8::1"},
      {"null.example", kMx, 0s, "ok 0:"},
      {"www.example.org", kAaaa, 0s, "ok 2001:db8::1 =mx1.example.org"},
      {"www.example.org", kMx, 0s, "nodata =mx1.example.org"},
      {"loop.example", kA, 0s, "servfail"},
      {"1.2.0.192.in-addr.arpa", kPtr, 0s, "ok mx1.example.org"},
      {"_25._tcp.mx1.example.org", kTlsa, 0s, "ok 311:2"},
      {"gone.example", kA, 0s, "nxdomain"},
      {"half.example", kMx, 0s, "nodata"},
      {"half.example", kA, 0s, "servfail"},
      {"never.example", kMx, 0s, "timeout"},
      {"forged.example", kA, 0s, "bogus"},
      {"unknown.example", kA, 0s, "nxdomain"},
      {"new.example.org", kA, 0s, "nxdomain"},
  };
  for (const Case& c : kCases) {
    EXPECT_EQ(summary(parsed.scenario->find(c.name, c.type, c.at).answer), c.result) << c.name;
  }
  EXPECT_EQ(parsed.scenario->find("example.org", kMx, 0s).answer.ttl, 60s);
  EXPECT_EQ(parsed.scenario->find("gone.example", kMx, 0s).answer.ttl, 300s);
  EXPECT_EQ(parsed.scenario->find("www.example.org", kA, 0s).delay, 1s);
}

TEST(DnsScenario, Errors) {
  struct Case {
    std::string_view text, error;
  };
  constexpr Case kCases[] = {
      {"a..b A 192.0.2.1", "line 1: not a domain name"},
      {"\n\na SRV 1", "line 3: unknown record type"},
      {"a A", "line 1: the data is missing"},
      {"a A 2001:db8::1", "line 1: not an address of this type"},
      {"a AAAA 192.0.2.1", "line 1: not an address of this type"},
      {"a MX mx.example", "line 1: MX needs PREFERENCE HOST"},
      {"a MX 10 b c", "line 1: MX needs PREFERENCE HOST"},
      {"a MX 65536 b", "line 1: MX needs PREFERENCE HOST"},
      {"a TLSA 3 1 1 abc", "line 1: TLSA needs USAGE SELECTOR MATCHING HEX"},
      {"a * 192.0.2.1", "line 1: \"*\" needs an outcome"},
      {"a CNAME", "line 1: CNAME needs a domain name"},
      {"a A ttl=x 192.0.2.1", "line 1: \"ttl=\" needs a time"},
      {"a A delay=1y 192.0.2.1", "line 1: \"delay=\" needs a time"},
      {"a A 192.0.2.1\na A nxdomain", "line 2: an outcome and other entries for one name and type"},
      {"a A nxdomain\na A 192.0.2.1", "line 2: an outcome and other entries for one name and type"},
      {"at soon", "line 1: \"at\" needs a time, e.g. 10m"},
      {"at 5m\nat 5m", "line 2: steps must go forward in time"},
  };
  for (const Case& c : kCases) {
    const ParsedScenario parsed = parse_dns_scenario(c.text);
    EXPECT_FALSE(parsed.scenario) << c.text;
    EXPECT_EQ(parsed.error, c.error) << c.text;
  }
}

rt::Task<void> ask(Resolver& resolver, std::string name, RecordType type, MonoTime deadline,
                   std::optional<Answer>& out) {
  out = co_await resolver.query(std::move(name), type, deadline);
}

TEST(ScriptedResolver, DelaysAndDeadlinesInVirtualTime) {
  struct Case {
    std::string_view name;
    RecordType type;
    Duration patience;
    std::string_view result;
    Duration takes;
  };
  constexpr Case kCases[] = {
      {"slow.example", RecordType::kA, 5s, "ok 192.0.2.3", 2s},
      {"slow.example", RecordType::kA, 1s, "timeout", 1s},
      {"never.example", RecordType::kMx, 20s, "timeout", 20s},
      {"gone.example", RecordType::kA, 5s, "nxdomain", 0s},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    rt::TestShard shard;
    ScriptedResolver resolver(shard.reactor, *parse_dns_scenario(kScenario).scenario);
    rt::Scope scope(shard.reactor);
    std::optional<Answer> answer;
    const MonoTime start = shard.clock.now;
    scope.spawn(ask(resolver, std::string(c.name), c.type, start + c.patience, answer));
    ASSERT_TRUE(shard.run_until([&] { return answer.has_value(); }));
    EXPECT_EQ(summary(*answer), c.result);
    EXPECT_EQ(shard.clock.now - start, c.takes);
    EXPECT_EQ(resolver.queries_count(), 1u);
  }
}

}  // namespace
}  // namespace barid::dns
