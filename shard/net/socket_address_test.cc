// Goal: addresses go from text to the kernel's form and back; what is not an address is refused.
// Method: rows.
#include "shard/net/socket_address.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/un.h>

namespace barid::net {
namespace {

using namespace std::string_view_literals;

TEST(SocketAddress, FromIp) {
  struct Case {
    std::string_view ip;
    int family;  // 0 = refused
    std::string_view ip_text, text;
  };
  const Case kCases[] = {
      {"192.0.2.1", AF_INET, "192.0.2.1", "192.0.2.1:25"},
      {"0.0.0.0", AF_INET, "0.0.0.0", "0.0.0.0:25"},
      {"2001:db8::1", AF_INET6, "2001:db8::1", "[2001:db8::1]:25"},
      {"2001:DB8:0:0::1", AF_INET6, "2001:db8::1", "[2001:db8::1]:25"},
      {"::", AF_INET6, "::", "[::]:25"},
      {"::ffff:192.0.2.1", AF_INET6, "192.0.2.1", "192.0.2.1:25"},
      {"", 0, "", ""},
      {"192.0.2", 0, "", ""},
      {"192.0.2.256", 0, "", ""},
      {"192.0.2.01", 0, "", ""},
      {" 192.0.2.1", 0, "", ""},
      {"[2001:db8::1]", 0, "", ""},
      {"fe80::1%eth0", 0, "", ""},
      {"2001:db8:::1", 0, "", ""},
      {"example.org", 0, "", ""},
      {"192.0.2.1\0junk"sv, 0, "", ""},
      {"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000", 0, "", ""},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.ip);
    const auto address = SocketAddress::from_ip(c.ip, 25);
    ASSERT_EQ(address.has_value(), c.family != 0);
    if (!address.has_value()) continue;
    EXPECT_EQ(address->family(), c.family);
    EXPECT_TRUE(address->is_ip());
    EXPECT_EQ(address->port(), 25);
    EXPECT_EQ(address->ip_text(), c.ip_text);
    EXPECT_EQ(address->text(), c.text);
    EXPECT_EQ(SocketAddress(address->raw(), address->size()), *address);
  }
}

TEST(SocketAddress, UnixPath) {
  struct Case {
    std::string path;
    bool valid;
  };
  const Case kCases[] = {{"/run/barid/lmtp", true},
                         {std::string(107, 'p'), true},
                         {std::string(108, 'p'), false},
                         {"", false},
                         {std::string("a\0b", 3), false}};
  for (const Case& c : kCases) {
    const auto address = SocketAddress::from_unix_path(c.path);
    ASSERT_EQ(address.has_value(), c.valid) << c.path;
    if (!c.valid) continue;
    EXPECT_TRUE(address->is_unix());
    EXPECT_EQ(address->text(), c.path);
    EXPECT_EQ(address->port(), 0);
  }
}

TEST(SocketAddress, PortAndEquality) {
  SocketAddress a = *SocketAddress::from_ip("192.0.2.1", 25);
  const SocketAddress b = *SocketAddress::from_ip("192.0.2.1", 587);
  EXPECT_FALSE(a == b);
  a.set_port(587);
  EXPECT_TRUE(a == b);
  EXPECT_FALSE(a == *SocketAddress::from_ip("192.0.2.2", 587));
  EXPECT_FALSE(*SocketAddress::from_ip("::", 25) == *SocketAddress::from_ip("0.0.0.0", 25));
}

TEST(SocketAddress, UnnamedPeersPrintAsNothing) {
  EXPECT_EQ(SocketAddress().text(), "");
  sockaddr_un unnamed{};
  unnamed.sun_family = AF_UNIX;
  EXPECT_EQ(SocketAddress(reinterpret_cast<sockaddr*>(&unnamed), sizeof(sa_family_t)).text(), "");
}

}  // namespace
}  // namespace barid::net
