#include "dns/mx.h"

#include <gtest/gtest.h>

#include <set>

namespace barid::dns {
namespace {

using net::SocketAddress;

SocketAddress ip(std::string_view text) { return SocketAddress::from_ip(text, 25).value(); }

std::string summary(const RouteFailure& failure) { return failure.dsn.text() + ' ' + failure.text; }

std::string summary(const MxDecision& decision) {
  if (decision.kind == MxDecision::Kind::kImplicit) return "implicit";
  if (decision.kind == MxDecision::Kind::kFail) return summary(decision.failure);
  std::string text;
  for (const MxRecord& host : decision.hosts) {
    text += (text.empty() ? "" : " ") + std::to_string(host.preference) + ':' + host.host;
  }
  return text;
}

Answer mx(std::vector<MxRecord> records) {
  Answer answer = answer_of(AnswerStatus::kOk);
  answer.mx = std::move(records);
  return answer;
}

TEST(Mx, OutcomesOfTheMxLookup) {
  constexpr std::string_view kPrefix =
      "Host or domain name not found. Name service error for name=";
  struct Case {
    Answer answer;
    std::string strict, lenient;
  };
  const std::string again = "4.4.3 " + std::string(kPrefix) + "x.example type=MX: ";
  const std::string malformed =
      "5.4.4 Name service error for name=x.example type=MX: Malformed or unexpected name server "
      "reply";
  const Case cases[] = {
      {answer_of(AnswerStatus::kNxDomain), "implicit", "implicit"},
      {answer_of(AnswerStatus::kNoData), "implicit", "implicit"},
      {answer_of(AnswerStatus::kServFail), again + "Host not found, try again", "implicit"},
      {answer_of(AnswerStatus::kTimeout), again + "Host not found, try again", "implicit"},
      {answer_of(AnswerStatus::kBogus), again + "Host not found, try again", "implicit"},
      {answer_of(AnswerStatus::kExhausted), again + "Too many lookups in progress, try again",
       "implicit"},
      {answer_of(AnswerStatus::kCancelled), again + "Lookup cancelled, try again", "implicit"},
      {answer_of(AnswerStatus::kMalformed), malformed, "implicit"},
      {mx({{0, ""}}), "5.1.0 Domain x.example does not accept mail (nullMX)",
       "5.1.0 Domain x.example does not accept mail (nullMX)"},
      {mx({{0, ""}, {5, "m.example"}}), "5:m.example", "5:m.example"},
      {mx({{20, "b"}, {10, "a"}, {20, "c"}}), "10:a 20:b 20:c", "10:a 20:b 20:c"},
      {mx({{10, "192.0.2.1"}}), "10:192.0.2.1", "10:192.0.2.1"},
      {mx({{10, "bad name\\032"}, {20, "ok.example"}}), "20:ok.example", "20:ok.example"},
      {mx({{10, "bad\\.name"}}), malformed, malformed},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.strict);
    EXPECT_EQ(summary(decide_mx("x.example", c.answer, {})), c.strict);
    EXPECT_EQ(summary(decide_mx("x.example", c.answer, {.ignore_lookup_error = true})), c.lenient);
  }
}

TEST(Mx, HostsMaxKeepsTheBest) {
  EXPECT_EQ(summary(decide_mx("x", mx({{3, "c"}, {1, "a"}, {2, "b"}}), {.hosts_max = 2})),
            "1:a 2:b");
}

Answer found(RecordType, std::vector<SocketAddress> addresses, bool secure = false) {
  Answer answer = answer_of(AnswerStatus::kOk);
  answer.addresses = std::move(addresses);
  answer.validation = secure ? Validation::kSecure : Validation::kInsecure;
  return answer;
}

TEST(Mx, JoinFamilies) {
  const Answer v4 = found(RecordType::kA, {ip("192.0.2.1")}, true);
  const Answer v6 = found(RecordType::kAaaa, {ip("2001:db8::1")});
  const Answer absent = answer_of(AnswerStatus::kNxDomain);
  const Answer nodata = answer_of(AnswerStatus::kNoData);
  const Answer later = answer_of(AnswerStatus::kServFail);
  struct Case {
    const Answer* v4;
    const Answer* v6;
    size_t addresses;
    bool secure;
    std::string failure;
  };
  const std::string prefix = "Host or domain name not found. Name service error for name=h type=";
  const Case cases[] = {
      {&v4, &v6, 2, false, ""},
      {&v4, &nodata, 1, true, ""},
      {&later, &v6, 1, false, ""},
      {&v4, nullptr, 1, true, ""},
      {nullptr, &v6, 1, false, ""},
      {&absent, &absent, 0, false, "5.4.4 " + prefix + "AAAA: Host not found"},
      {&absent, nullptr, 0, false, "5.4.4 " + prefix + "A: Host not found"},
      {&nodata, &nodata, 0, false,
       "5.4.4 " + prefix + "AAAA: Host found but no data record of requested type"},
      {&later, &nodata, 0, false, "4.4.3 " + prefix + "A: Host not found, try again"},
      {&nodata, &later, 0, false, "4.4.3 " + prefix + "AAAA: Host not found, try again"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.failure);
    const HostAddresses got = join_families("h", c.v4, c.v6);
    EXPECT_EQ(got.addresses.size(), c.addresses);
    EXPECT_EQ(got.secure, c.secure);
    if (c.addresses == 0) {
      EXPECT_EQ(summary(got.failure), c.failure);
    }
  }
}

HostAddresses host(std::string name, uint16_t preference, std::vector<std::string_view> addresses,
                   RouteFailure failure = {}) {
  HostAddresses result{.host = std::move(name),
                       .preference = preference,
                       .secure = false,
                       .addresses = {},
                       .failure = std::move(failure)};
  for (const std::string_view text : addresses) result.addresses.push_back(ip(text));
  return result;
}

std::string summary(const AddressDecision& decision) {
  if (decision.hops.empty()) return summary(decision.failure);
  std::string text;
  for (const RouteHop& hop : decision.hops)
    text += (text.empty() ? "" : " ") + hop.address.ip_text();
  return text;
}

const RouteFailure kHard{{5, 4, 4}, "hard"};
const RouteFailure kSoft{{4, 4, 3}, "soft"};

TEST(Mx, FailuresAndLoops) {
  const SocketAddress own[] = {SocketAddress::from_ip("192.0.2.9", 0).value(),
                               SocketAddress::from_ip("2001:db8::9", 0).value()};
  struct Case {
    std::vector<HostAddresses> hosts;
    std::string result;
    bool found_self;
  };
  const Case cases[] = {
      {{host("a", 1, {}, kHard)}, "5.4.4 hard", false},
      {{host("a", 1, {}, kSoft), host("b", 2, {}, kHard)}, "4.4.3 soft", false},
      {{host("a", 1, {}, kHard), host("b", 2, {"192.0.2.1"})}, "192.0.2.1", false},
      {{host("a", 1, {"192.0.2.1"}), host("me", 2, {"192.0.2.9"}), host("c", 3, {"192.0.2.3"})},
       "192.0.2.1",
       true},
      {{host("a", 1, {"192.0.2.1"}), host("b", 2, {"192.0.2.2"}), host("me", 2, {"192.0.2.9"})},
       "192.0.2.1",
       true},
      {{host("me", 1, {"192.0.2.9"}), host("b", 2, {"192.0.2.2"})},
       "5.4.6 mail for x.example loops back to myself",
       true},
      {{host("me", 1, {"2001:db8::9"})}, "5.4.6 mail for x.example loops back to myself", true},
      {{host("a", 1, {}, kSoft), host("me", 2, {"192.0.2.9"})},
       "4.4.4 unable to find primary relay for x.example",
       true},
      {{host("a", 1, {}, kHard), host("me", 2, {"192.0.2.9"})},
       "4.4.4 unable to find primary relay for x.example",
       true},
  };
  Rng rng(1);
  for (const Case& c : cases) {
    SCOPED_TRACE(c.result);
    const AddressDecision got = decide_addresses("x.example", c.hosts, {.own_addresses = own}, rng);
    EXPECT_EQ(summary(got), c.result);
    EXPECT_EQ(got.found_self, c.found_self);
  }
  const HostAddresses unresolved[] = {host("a", 1, {}, kHard)};
  EXPECT_EQ(summary(decide_addresses("x", unresolved, {.defer_if_no_address = true}, rng)),
            "4.4.4 hard");
  const HostAddresses mine[] = {host("me", 1, {"192.0.2.9"})};
  EXPECT_EQ(summary(decide_addresses("x", mine, {}, rng)),
            "192.0.2.9");  // no loop detection asked for
}

TEST(Mx, OrderAndLimits) {
  const std::vector<HostAddresses> both = {
      host("a", 1, {"192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"}),
      host("b", 2, {"192.0.2.3", "2001:db8::3"})};
  const std::vector<HostAddresses> mostly_v6 = {host(
      "a", 1,
      {"2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4", "2001:db8::5", "192.0.2.1"})};
  struct Case {
    const std::vector<HostAddresses>& hosts;
    AddressPreference preference;
    bool balance;
    uint32_t max;
    std::string result;
  };
  using enum AddressPreference;
  const Case cases[] = {
      {both, kAny, true, 0, "192.0.2.1 192.0.2.2 2001:db8::1 2001:db8::2 192.0.2.3 2001:db8::3"},
      {both, kV6, true, 0, "2001:db8::1 2001:db8::2 192.0.2.1 192.0.2.2 2001:db8::3 192.0.2.3"},
      {both, kV4, false, 3, "192.0.2.1 192.0.2.2 2001:db8::1"},
      {both, kV4, true, 2, "192.0.2.1 2001:db8::1"},
      {both, kV4, true, 3, "192.0.2.1 192.0.2.2 2001:db8::1"},
      {both, kV6, true, 3, "2001:db8::1 2001:db8::2 192.0.2.1"},
      {both, kAny, true, 6, "192.0.2.1 192.0.2.2 2001:db8::1 2001:db8::2 192.0.2.3 2001:db8::3"},
      {mostly_v6, kAny, true, 5, "2001:db8::1 2001:db8::2 2001:db8::3 2001:db8::4 192.0.2.1"},
      {mostly_v6, kAny, false, 5, "2001:db8::1 2001:db8::2 2001:db8::3 2001:db8::4 2001:db8::5"},
      {mostly_v6, kV4, true, 1, "192.0.2.1"},
  };
  Rng rng(1);
  for (const Case& c : cases) {
    SCOPED_TRACE(c.result);
    const AddressOptions options{.preference = c.preference,
                                 .randomize = false,
                                 .balance_families = c.balance,
                                 .addresses_max = c.max,
                                 .defer_if_no_address = false,
                                 .own_addresses = {}};
    EXPECT_EQ(summary(decide_addresses("x", c.hosts, options, rng)), c.result);
  }
}

// Goal: every order of equal preference comes up, no order across preferences does, a seed replays.
TEST(Mx, ShuffleStaysWithinAPreference) {
  const std::vector<HostAddresses> hosts = {
      host("a", 1, {"192.0.2.1"}), host("b", 1, {"192.0.2.2"}), host("c", 1, {"192.0.2.3"}),
      host("d", 2, {"192.0.2.4"})};
  std::set<std::string> seen;
  Rng rng(7);
  Rng again(7);
  for (int i = 0; i < 200; ++i) {
    const std::string order = summary(decide_addresses("x", hosts, {}, rng));
    EXPECT_EQ(order, summary(decide_addresses("x", hosts, {}, again)));
    EXPECT_TRUE(order.ends_with(" 192.0.2.4")) << order;
    seen.insert(order);
  }
  EXPECT_EQ(seen.size(), 6u);
}

}  // namespace
}  // namespace barid::dns
