// Goal: the computed defaults of identity parameters for given facts.
#include "core/config/host_facts.h"

#include <gtest/gtest.h>

namespace barid::config {
namespace {

std::vector<InterfaceAddress> interfaces() {
  const auto make = [](std::string_view text, uint32_t prefix) {
    return InterfaceAddress{*lookup::IpAddress::parse(text), prefix};
  };
  return {make("127.0.0.1", 8), make("192.0.2.5", 24),   make("130.1.2.3", 22),
          make("::1", 128),     make("2001:db8::5", 64), make("192.0.2.5", 24)};
}

TEST(HostFacts, Names) {
  EXPECT_EQ(default_myhostname("mx.example.com", "other"), "mx.example.com");
  EXPECT_EQ(default_myhostname("mx", "example.com"), "mx.example.com");
  EXPECT_EQ(default_myhostname("mx", ""), "mx.localdomain");
  EXPECT_EQ(default_myhostname("", ""), "localhost.localdomain");
  EXPECT_EQ(default_mydomain("mx.example.com"), "example.com");
  EXPECT_EQ(default_mydomain("mx"), "localdomain");
  EXPECT_EQ(default_mydomain("mx."), "localdomain");
}

TEST(HostFacts, Networks) {
  struct Case {
    std::string_view selected, protocols, style, networks;
  };
  const Case cases[] = {
      {"all", "all", "host", "127.0.0.1/32 192.0.2.5/32 130.1.2.3/32 [::1]/128 [2001:db8::5]/128"},
      {"all", "all", "subnet", "127.0.0.0/8 192.0.2.0/24 130.1.0.0/22 [::1]/128 [2001:db8::]/64"},
      {"all", "ipv4", "class", "127.0.0.0/8 192.0.2.0/24 130.1.0.0/16"},
      {"loopback-only", "all", "host", "127.0.0.1/32 [::1]/128"},
      {"localhost", "all", "host", "127.0.0.1/32 [::1]/128"},
      {"192.0.2.5, [2001:db8::5]", "all", "host", "192.0.2.5/32 [2001:db8::5]/128"},
      {"mx.example.com", "all", "host", ""},
      {"", "all", "host", ""},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.selected);
    EXPECT_EQ(default_mynetworks(select_interfaces(interfaces(), c.selected, c.protocols), c.style),
              c.networks);
  }
}

TEST(HostFacts, SoleAddress) {
  struct Case {
    std::string_view selected, protocols, v4, v6;
  };
  const Case cases[] = {
      {"all", "all", "", ""},
      {"192.0.2.5", "all", "192.0.2.5", ""},
      {"192.0.2.5, [2001:db8::5]", "all", "192.0.2.5", "2001:db8::5"},
      {"192.0.2.5, [2001:db8::5]", "ipv6", "", "2001:db8::5"},
      {"192.0.2.5, 127.0.0.1", "all", "", ""},  // two: the kernel chooses
      {"192.0.2.5, 130.1.2.3", "all", "", ""},
      {"loopback-only", "all", "", ""},
      {"", "all", "", ""},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.selected);
    const auto selected = select_interfaces(interfaces(), c.selected, c.protocols);
    const auto v4 = sole_address(selected, /*v6=*/false);
    const auto v6 = sole_address(selected, /*v6=*/true);
    EXPECT_EQ(v4 ? v4->text() : "", c.v4);
    EXPECT_EQ(v6 ? v6->text() : "", c.v6);
  }
}

}  // namespace
}  // namespace barid::config
