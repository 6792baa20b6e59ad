#include "dns/site.h"

#include <gtest/gtest.h>

namespace barid::dns {
namespace {

Destination only(std::string_view text, DestinationSyntax syntax = DestinationSyntax::kSmtp) {
  return parse_destinations(text, {.syntax = syntax, .port = 25}).destinations.at(0);
}

TEST(Site, Keys) {
  struct Case {
    std::string_view destination;
    std::vector<MxRecord> hosts;
    std::string_view by_mx, by_domain;
  };
  const Case cases[] = {
      {"a.example",
       {{10, "MX2.host.example."}, {5, "mx1.host.example"}},
       "mx1.host.example,mx2.host.example",
       "a.example"},
      {"b.example",
       {{1, "mx1.host.example"}, {1, "mx2.host.example"}, {2, "MX1.HOST.example"}},
       "mx1.host.example,mx2.host.example",
       "b.example"},
      {"b.example:26", {{1, "mx.host.example"}}, "mx.host.example:26", "b.example:26"},
      {"C.example.", {}, "c.example", "c.example"},
      {"[mx.host.example]", {}, "mx.host.example", "mx.host.example"},
      {"[mx.host.example]:587", {}, "mx.host.example:587", "mx.host.example:587"},
      {"[192.0.2.1]", {}, "192.0.2.1", "192.0.2.1"},
      {"[ipv6:2001:db8::1]:587", {}, "[2001:db8::1]:587", "[2001:db8::1]:587"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.destination);
    EXPECT_EQ(site_key(only(c.destination), c.hosts, Rollup::kMx, 25), c.by_mx);
    EXPECT_EQ(site_key(only(c.destination), c.hosts, Rollup::kDomain, 25), c.by_domain);
  }
  EXPECT_EQ(site_key(only("unix:run/l", DestinationSyntax::kLmtp), {}, Rollup::kMx, 24),
            "unix:run/l");
}

}  // namespace
}  // namespace barid::dns
