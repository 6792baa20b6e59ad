// Goal: addresses and networks parse, print, mask and refuse exactly as lists and cidr tables need.
#include "core/lookup/ip_address.h"

#include <gtest/gtest.h>

namespace barid::lookup {
namespace {

TEST(IpAddress, ParseAndPrint) {
  struct Case {
    std::string_view in, out;
  };
  const Case cases[] = {
      {"192.0.2.1", "192.0.2.1"},
      {"0.0.0.0", "0.0.0.0"},
      {"2001:DB8:0:0::1", "2001:db8::1"},
      {"::", "::"},
      {"::ffff:1.2.3.4", "::ffff:1.2.3.4"},
      {"", ""},
      {"1.2.3", ""},
      {"1.2.3.4.5", ""},
      {"[::1]", ""},
      {"::1%eth0", ""},
      {"1.2.3.256", ""},
      {" 1.2.3.4", ""},
      {std::string_view("1.2.3.4\0", 8), ""},
      {"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb", ""},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.in);
    const auto got = IpAddress::parse(c.in);
    EXPECT_EQ(got ? got->text() : "", c.out);
  }
}

TEST(IpAddress, UnmappedAndLoopback) {
  EXPECT_EQ(IpAddress::parse("::ffff:1.2.3.4")->unmapped().text(), "1.2.3.4");
  EXPECT_EQ(IpAddress::parse("::1.2.3.4")->unmapped().text(), "::1.2.3.4");
  EXPECT_TRUE(IpAddress::parse("127.9.9.9")->is_loopback());
  EXPECT_TRUE(IpAddress::parse("::1")->is_loopback());
  EXPECT_FALSE(IpAddress::parse("128.0.0.1")->is_loopback());
  EXPECT_EQ(IpAddress::from_bytes(std::string_view("\x7f\x00\x00\x01", 4))->text(), "127.0.0.1");
  EXPECT_FALSE(IpAddress::from_bytes("123").has_value());
}

TEST(ParseNetwork, FormsAndErrors) {
  struct Case {
    std::string_view in, network, error;
  };
  const Case cases[] = {
      {"10.0.0.0/8", "10.0.0.0/8", ""},
      {"10.1.2.3", "10.1.2.3/32", ""},
      {"0.0.0.0/0", "0.0.0.0/0", ""},
      {"[::1]", "[::1]/128", ""},
      {"[2001:db8::]/32", "[2001:db8::]/32", ""},
      {"[2001:db8::/32]", "[2001:db8::]/32", ""},
      {"::/0", "[::]/0", ""},
      {"[::ffff:127.0.0.0]/108", "[::ffff:127.0.0.0]/108", ""},
      {"127.0.0.0/7", "",
       "non-null host address bits in \"127.0.0.0/7\", perhaps you should use \"126.0.0.0/7\" "
       "instead"},
      {"[::1]/121", "",
       "non-null host address bits in \"::1/121\", perhaps you should use \"::/121\" instead"},
      {"192.168.0.0/9", "",
       "non-null host address bits in \"192.168.0.0/9\", perhaps you should use \"192.128.0.0/9\" "
       "instead"},
      {"10.0.0.0/33", "", "bad net/mask pattern: \"10.0.0.0/33\""},
      {"10.0.0.0/", "", "bad net/mask pattern: \"10.0.0.0/\""},
      {"10.0.0.0/8x", "", "bad net/mask pattern: \"10.0.0.0/8x\""},
      {"10.0.0/8", "", "bad net/mask pattern: \"10.0.0/8\""},
      {"[::1", "", "missing ']' character after \"[::1\""},
      {"[::1]x", "", "garbage after \"[::1]\""},
      {"junk", "", "bad address pattern: \"junk\""},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.in);
    const ParsedNetwork got = parse_network(c.in);
    EXPECT_EQ(got.network ? got.network->text() : "", c.network);
    EXPECT_EQ(got.error, c.error);
  }
}

TEST(IpNetwork, ContainsAtEveryPrefix) {
  for (const std::string_view text : {"198.51.100.77", "2001:db8:85a3:8d3:1319:8a2e:370:7348"}) {
    const IpAddress address = *IpAddress::parse(text);
    for (uint32_t prefix = 0; prefix <= address.bits(); ++prefix) {
      const IpNetwork network = IpNetwork::make(address.network(prefix), prefix);
      EXPECT_TRUE(network.contains(address)) << text << '/' << prefix;
      if (prefix == 0) continue;
      IpAddress other = address;  // the last bit of the prefix flipped
      const uint32_t bit = address.bits() - prefix;
      (bit < 64 ? other.low : other.high) ^= uint64_t{1} << (bit % 64);
      EXPECT_FALSE(network.contains(other)) << text << '/' << prefix;
    }
  }
  EXPECT_FALSE(parse_network("0.0.0.0/0").network->contains(*IpAddress::parse("::1")));
}

}  // namespace
}  // namespace barid::lookup
