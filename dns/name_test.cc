#include "dns/name.h"

#include <gtest/gtest.h>

namespace barid::dns {
namespace {

std::string label(size_t size) { return std::string(size, 'a'); }

TEST(Name, Normalise) {
  struct Case {
    std::string_view in, out;
  };
  constexpr Case kCases[] = {{"Example.ORG.", "example.org"}, {"a.b", "a.b"}, {".", ""}, {"", ""}};
  for (const Case& c : kCases) EXPECT_EQ(normalise_name(c.in), c.out) << c.in;
}

TEST(Name, QueryAndHostNames) {
  struct Case {
    std::string name;
    bool query, host;
  };
  const std::string longest = label(63) + '.' + label(63) + '.' + label(63) + '.' + label(61);
  const Case cases[] = {
      {"example.org", true, true},
      {"example.org.", true, true},
      {"a_b.example", true, true},
      {"_25._tcp.mx.example", true, true},
      {"1.2.0.192.in-addr.arpa", true, true},
      {"192.0.2.1", true, false},
      {"123", true, false},
      {"-a.example", true, false},
      {"a-.example", true, false},
      {"a+b.example", true, false},
      {"a\\.b.example", false, false},
      {"a b.example", false, false},
      {"", false, false},
      {".", false, false},
      {"a..b", false, false},
      {".a", false, false},
      {"b\xc3\xbc.example", false, false},
      {label(63) + ".example", true, true},
      {label(64) + ".example", false, false},
      {longest, true, true},
      {longest + "a", false, false},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(is_query_name(c.name), c.query) << c.name;
    EXPECT_EQ(is_host_name(c.name), c.host) << c.name;
  }
}

TEST(Name, ToAscii) {
  struct Case {
    std::string_view in;
    std::optional<std::string> out;
  };
  const Case cases[] = {
      {"Example.org", "Example.org"},
      {"b\xc3\xbc"
       "cher.example",
       "xn--bcher-kva.example"},
      {"\xe4\xbe\x8b\xe3\x81\x88.example", "xn--r8jz45g.example"},
      {"a\xff.example", std::nullopt},  // not UTF-8
      {std::string_view("\xc3\xbc\0.example", 11), std::nullopt},
  };
  for (const Case& c : cases) EXPECT_EQ(name_to_ascii(c.in), c.out) << c.in;
}

}  // namespace
}  // namespace barid::dns
