#include "dns/destination.h"

#include <gtest/gtest.h>

namespace barid::dns {
namespace {

using enum DestinationKind;

constexpr DestinationDefaults kSmtp{};
constexpr DestinationDefaults kLmtp{.syntax = DestinationSyntax::kLmtp, .port = 24};

struct Case {
  std::string_view text;
  DestinationKind kind;
  std::string_view name;
  uint16_t port;
  bool literal;
};

void expect_single(const Case& c, const DestinationDefaults& defaults) {
  SCOPED_TRACE(c.text);
  const ParsedDestinations got = parse_destinations(c.text, defaults);
  ASSERT_EQ(got.error, "");
  ASSERT_EQ(got.destinations.size(), 1u);
  const Destination& one = got.destinations[0];
  EXPECT_EQ(one.kind, c.kind);
  EXPECT_EQ(one.name, c.name);
  EXPECT_EQ(one.port, c.port);
  EXPECT_EQ(one.text, c.text);
  ASSERT_EQ(one.literal.has_value(), c.literal);
  if (one.literal) {
    EXPECT_EQ(one.literal->port(), c.port);
  }
}

TEST(Destination, Smtp) {
  constexpr Case kCases[] = {
      {"example.org", kDomain, "example.org", 25, false},
      {"Example.org.", kDomain, "Example.org.", 25, false},
      {"example.org:587", kDomain, "example.org", 587, false},
      {"example.org:submission", kDomain, "example.org", 587, false},
      {"[mail.example.org]", kHost, "mail.example.org", 25, false},
      {"[mail.example.org]:submissions", kHost, "mail.example.org", 465, false},
      {"[192.0.2.1]", kHost, "192.0.2.1", 25, true},
      {"[192.0.2.1]:2525", kHost, "192.0.2.1", 2525, true},
      {"192.0.2.1:2525", kHost, "192.0.2.1", 2525, true},
      {"[ipv6:2001:db8::1]", kHost, "2001:db8::1", 25, true},
      {"[IPv6:2001:DB8:0::1]:26", kHost, "2001:db8::1", 26, true},
      {"[2001:db8::1]:26", kHost, "2001:db8::1", 26, true},
      {"b\xc3\xbc"
       "cher.example",
       kDomain, "xn--bcher-kva.example", 25, false},
      {"[localhost]", kHost, "localhost", 25, false},
  };
  for (const Case& c : kCases) expect_single(c, kSmtp);
}

TEST(Destination, Lmtp) {
  constexpr Case kCases[] = {
      {"unix:private/dovecot-lmtp", kUnix, "private/dovecot-lmtp", 0, false},
      {"unix:/run/lmtp", kUnix, "/run/lmtp", 0, false},
      {"inet:mail.example.org:2400", kHost, "mail.example.org", 2400, false},
      {"inet:[::1]", kHost, "::1", 24, true},
      {"mail.example.org", kHost, "mail.example.org", 24, false},
      {"[127.0.0.1]:2400", kHost, "127.0.0.1", 2400, true},
  };
  for (const Case& c : kCases) expect_single(c, kLmtp);
}

TEST(Destination, ListsKeepTheirOrder) {
  const auto got = parse_destinations(" [a.example]:26,b.example \t c.example,", kSmtp);
  ASSERT_EQ(got.error, "");
  ASSERT_EQ(got.destinations.size(), 3u);
  EXPECT_EQ(got.destinations[0].text, "[a.example]:26");
  EXPECT_EQ(got.destinations[1].text, "b.example");
  EXPECT_EQ(got.destinations[2].text, "c.example");
}

TEST(Destination, Errors) {
  struct Bad {
    std::string_view text;
    std::string_view error;
  };
  const std::string_view bad_port = "the port is neither 1..65535 nor a mail service name";
  const std::string_view bad_name = "not a valid host or domain name or address";
  const Bad cases[] = {
      {"[a.example", "\"]\" is missing"},
      {"[a.example]x", "only \":port\" may follow \"]\""},
      {"[]", "the host name is empty"},
      {":25", "the host name is empty"},
      {"a.example:0", bad_port},
      {"a.example:65536", bad_port},
      {"a.example:", bad_port},
      {"[a.example]:http", bad_port},
      {"2001:db8::1", "an IPv6 address is written [ipv6:ADDRESS]"},
      {"a..example", bad_name},
      {"-a.example", bad_name},
      {"[ipv6:192.0.2.1]", bad_name},
      {"[192.0.2.300]", bad_name},
      {"user@example.org", bad_name},
      {"unix:/run/lmtp", bad_port},  // lmtp only
  };
  for (const Bad& c : cases) {
    const auto got = parse_destinations(c.text, kSmtp);
    EXPECT_TRUE(got.destinations.empty()) << c.text;
    EXPECT_EQ(got.error, "destination \"" + std::string(c.text) + "\": " + std::string(c.error));
  }
  EXPECT_EQ(parse_destinations(" , ", kSmtp).error, "the destination is empty");
  EXPECT_EQ(parse_destinations("unix:", kLmtp).error,
            "destination \"unix:\": the socket path is empty");
  EXPECT_NE(parse_destinations("unix:" + std::string(108, 'x'), kLmtp).error, "");
  // One bad item spoils the list: half a relayhost would send mail where it was not meant to go.
  EXPECT_TRUE(parse_destinations("a.example b..c", kSmtp).destinations.empty());
}

}  // namespace
}  // namespace barid::dns
