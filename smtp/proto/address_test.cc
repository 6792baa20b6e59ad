// Goal: the address grammar of RFC 5321 4.1.2 and 6531 3.3, what is taken beyond it when not
// strict, and that the canonical form means the same and parses to itself. Method: rows.
#include "smtp/proto/address.h"

#include <gtest/gtest.h>

#include <string>

namespace barid::smtp {
namespace {

using namespace std::string_literals;

constexpr PathOptions kLoose{.strict = false, .utf8 = true, .allow_null = true};
constexpr PathOptions kStrict{.strict = true, .utf8 = true, .allow_null = true};

/// Canonical form and rest as "address|rest", or the error's name.
std::string outcome(std::string_view text, PathOptions options) {
  const auto path = parse_path(text, options);
  if (!path.ok()) return code_name(path.error().code);
  std::string out;
  append_address(out, path->address);
  return out + "|" + std::string(path->rest);
}

TEST(ParsePath, Grammar) {
  struct Case {
    std::string_view in;
    std::string_view strict;
    std::string_view loose;
  };
  constexpr std::string_view kBad = "malformed";
  const Case kCases[] = {
      // plain
      {"<a@b.example>", "a@b.example|", "a@b.example|"},
      {"<a@b.example> SIZE=1", "a@b.example|SIZE=1", "a@b.example|SIZE=1"},
      {"<a@b>", "a@b|", "a@b|"},
      {"<A.b+c=d@B-2.Example>", "A.b+c=d@B-2.Example|", "A.b+c=d@B-2.Example|"},
      {"<!#$%&'*+-/=?^_`{|}~@x>", "!#$%&'*+-/=?^_`{|}~@x|", "!#$%&'*+-/=?^_`{|}~@x|"},
      {"<user%dom@gate.example>", "user%dom@gate.example|", "user%dom@gate.example|"},
      {"<>", "|", "|"},
      {"<> BODY=7BIT", "|BODY=7BIT", "|BODY=7BIT"},
      // names without domain
      {"<postmaster>", "postmaster|", "postmaster|"},
      {"<PostMaster>", "PostMaster|", "PostMaster|"},
      {"<root>", kBad, "root|"},
      // quoted local parts
      {"<\"john doe\"@x.example>", "\"john doe\"@x.example|", "\"john doe\"@x.example|"},
      {"<\"john\"@x>", "john@x|", "john@x|"},
      {"<\"jo\\hn\"@x>", "john@x|", "john@x|"},
      {"<\"a@b\"@x>", "\"a@b\"@x|", "\"a@b\"@x|"},
      {"<\"a>b\"@x>", "\"a>b\"@x|", "\"a>b\"@x|"},
      {"<\"a\\\"b\\\\\"@x>", "\"a\\\"b\\\\\"@x|", "\"a\\\"b\\\\\"@x|"},
      {"<\"\"@x>", "\"\"@x|", "\"\"@x|"},
      {"<\" \"@x>", "\" \"@x|", "\" \"@x|"},
      {"<\"unclosed@x>", kBad, kBad},
      {"<\"a\\\">", kBad, kBad},
      {"<\"a\tb\"@x>", kBad, kBad},
      {"<\"a\"b@x>", kBad, kBad},
      // dots at odd places
      {"<a..b@x>", kBad, "\"a..b\"@x|"},
      {"<.a@x>", kBad, "\".a\"@x|"},
      {"<a.@x>", kBad, "\"a.\"@x|"},
      // domains
      {"<a@x_y.example>", kBad, "a@x_y.example|"},
      {"<a@x.example.>", kBad, "a@x.example|"},
      {"<a@x..example>", kBad, kBad},
      {"<a@.x>", kBad, kBad},
      {"<a@-x.example>", kBad, kBad},
      {"<a@x-.example>", kBad, kBad},
      {"<a@>", kBad, kBad},
      {"<@x>", kBad, kBad},
      {"<@>", kBad, kBad},
      {"<a@b@c>", kBad, kBad},
      {"<a@x y>", kBad, kBad},
      {"<a@x/y>", kBad, kBad},
      // literals
      {"<a@[127.0.0.1]>", "a@[127.0.0.1]|", "a@[127.0.0.1]|"},
      {"<a@[256.0.0.1]>", kBad, kBad},
      {"<a@[127.0.0]>", kBad, kBad},
      {"<a@[127.0.0.1.2]>", kBad, kBad},
      {"<a@[127.0.0.010]>", kBad, kBad},
      {"<a@[127.0.0.1>", kBad, kBad},
      {"<a@[IPv6:::1]>", "a@[IPv6:::1]|", "a@[IPv6:::1]|"},
      {"<a@[ipv6:2001:db8::7]>", "a@[ipv6:2001:db8::7]|", "a@[ipv6:2001:db8::7]|"},
      {"<a@[IPv6:::ffff:192.0.2.1]>", "a@[IPv6:::ffff:192.0.2.1]|", "a@[IPv6:::ffff:192.0.2.1]|"},
      {"<a@[IPv6:1::2::3]>", kBad, kBad},
      {"<a@[IPv6:]>", kBad, kBad},
      {"<a@[IPv6:fe80::1%eth0]>", kBad, kBad},
      {"<a@[::1]>", kBad, kBad},
      {"<a@[x400:abc@def]>", "a@[x400:abc@def]|", "a@[x400:abc@def]|"},
      {"<a@[x400-:abc]>", kBad, kBad},
      {"<a@[]>", kBad, kBad},
      {"<a@[127.0.0.1].x>", kBad, kBad},
      // source routes
      {"<@a,@b.example:u@c>", "u@c|", "u@c|"},
      {"<@a:u@c>", "u@c|", "u@c|"},
      {"<@a,b:u@c>", kBad, kBad},
      {"<@a,:u@c>", kBad, kBad},
      {"<@a:>", kBad, kBad},
      {"<@a,@b:@c:u@d>", kBad, kBad},
      // brackets and blanks
      {"a@b", kBad, "a@b|"},
      {"a@b SIZE=1", kBad, "a@b|SIZE=1"},
      {"< a@b >", kBad, "a@b|"},
      {"< >", kBad, "|"},
      {"<<a@b>>", kBad, kBad},
      {"<a@b", kBad, kBad},
      {"a@b>", kBad, kBad},
      {"<a@b>x", kBad, kBad},
      {"<a@b>>", kBad, kBad},
      {"<a b@c>", kBad, kBad},
      {"", kBad, kBad},
      {" ", kBad, kBad},
      // what is never taken
      {"<a(comment)@b>", kBad, kBad},
      {"\"Full Name\" <a@b>", kBad, "\"Full Name\"|<a@b>"},  // refused as an option later
      {"<a:b@c>", kBad, kBad},
      {"<a,b@c>", kBad, kBad},
      {"<a\\b@c>", kBad, kBad},
      // UTF-8
      {"<us\xc3\xa9r@ex\xc3\xa4mple.example>", "us\xc3\xa9r@ex\xc3\xa4mple.example|",
       "us\xc3\xa9r@ex\xc3\xa4mple.example|"},
      {"<\"\xc3\xa9 x\"@b>", "\"\xc3\xa9 x\"@b|", "\"\xc3\xa9 x\"@b|"},
      {"<\"\xc3\xa9\"@b>", "\xc3\xa9@b|", "\xc3\xa9@b|"},
      {"<\xc3@b>", kBad, kBad},
      {"<a@\xff>", kBad, kBad},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.in);
    EXPECT_EQ(outcome(c.in, kStrict), c.strict);
    EXPECT_EQ(outcome(c.in, kLoose), c.loose);
  }
}

TEST(ParsePath, Options) {
  EXPECT_EQ(outcome("<>", {.strict = false}), "malformed");
  EXPECT_EQ(outcome("<\xc3\xa9@b>", {.strict = false}), "malformed");
  EXPECT_EQ(outcome("<a@\xc3\xa9>", {.strict = true}), "malformed");
  EXPECT_EQ(outcome("<\"\xc3\xa9\"@b>", {.strict = false}), "malformed");
}

TEST(ParsePath, NoControlCharacterPasses) {
  for (int c = 0; c < 0x20; ++c) {
    for (const std::string& shape :
         {"<a?b@x>"s, "<\"a?b\"@x>"s, "<\"a\\?b\"@x>"s, "<a@x?y>"s, "<a@[x:?]>"s, "<@r?:a@x>"s}) {
      std::string text = shape;
      text[text.find('?')] = static_cast<char>(c);
      EXPECT_EQ(outcome(text, kLoose), "malformed") << c << " in " << shape;
    }
  }
}

TEST(ParsePath, Rfc5321_4_5_3_1_Sizes) {
  const auto local = [](size_t n) { return "<" + std::string(n, 'a') + "@x.example>"; };
  const auto label = [](size_t n) { return "<a@" + std::string(n, 'b') + ".example>"; };
  const auto domain = [](size_t n) {  // labels of two bytes and their dots, then a rest
    std::string text;
    while (text.size() + 3 < n) text += "bb.";
    return "<a@" + text + std::string(n - text.size(), 'c') + ">";
  };
  struct Case {
    std::string in;
    bool strict_ok;
    bool loose_ok;
  };
  const Case kCases[] = {
      {local(64), true, true},
      {local(65), false, true},
      {local(900), false, true},
      {local(1000), false, false},
      {label(63), true, true},
      {label(64), false, false},
      {domain(252), true, true},
      {domain(253), false, true},
      {domain(255), false, true},
      {domain(256), false, false},
      {"<a@[x:" + std::string(300, 'c') + "]>", false, false},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(std::to_string(c.in.size()) + " " + c.in.substr(0, 20));
    const auto strict = parse_path(c.in, kStrict);
    const auto loose = parse_path(c.in, kLoose);
    EXPECT_EQ(strict.ok(), c.strict_ok);
    EXPECT_EQ(loose.ok(), c.loose_ok);
    if (!strict.ok()) EXPECT_EQ(strict.error().code, Code::kTooLong);
    if (!loose.ok()) EXPECT_EQ(loose.error().code, Code::kTooLong);
  }
}

TEST(ParseMailbox, TakesAllOrNothing) {
  EXPECT_TRUE(parse_mailbox("a@b", kStrict).ok());
  EXPECT_TRUE(parse_mailbox("\"a b\"@b", kStrict).ok());
  EXPECT_TRUE(parse_mailbox("root", kLoose).ok());
  for (const std::string_view bad : {"", "<a@b>", "a@b ", " a@b", "a@b,c@d", "@a:b@c", "a@b\n"}) {
    EXPECT_FALSE(parse_mailbox(bad, kLoose).ok()) << bad;
  }
}

TEST(ValidDomain, Rows) {
  for (const std::string_view good : {"a", "a.b", "[1.2.3.4]", "[IPv6:::1]", "xn--a"}) {
    EXPECT_TRUE(is_valid_domain(good, {.strict = true})) << good;
  }
  for (const std::string_view bad : {"", ".", "a..b", "a b", "[1.2.3]", "a@b", "a>", "1.2.3.4]"}) {
    EXPECT_FALSE(is_valid_domain(bad, {.strict = true})) << bad;
  }
}

TEST(SplitAddress, AtOutsideQuotes) {
  struct Case {
    std::string_view in;
    std::string_view local;
    std::string_view domain;
  };
  constexpr Case kCases[] = {
      {"a@b", "a", "b"},
      {"root", "root", ""},
      {"", "", ""},
      {"\"a@b\"@c", "\"a@b\"", "c"},
      {"\"a\\\"@b\"@c", "\"a\\\"@b\"", "c"},
      {"\"a@b\"", "\"a@b\"", ""},
      {"\"open@b", "\"open@b", ""},
      {"\"a\\", "\"a\\", ""},
      {"a@[x:b@c]", "a", "[x:b@c]"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.in);
    EXPECT_EQ(split_address(c.in).local, c.local);
    EXPECT_EQ(split_address(c.in).domain, c.domain);
  }
}

TEST(AppendUnquoted, Rows) {
  struct Case {
    std::string_view in;
    std::string_view out;
  };
  constexpr Case kCases[] = {
      {"a", "a"}, {"\"a b\"", "a b"}, {"\"a\\\"b\"", "a\"b"}, {"\"\"", ""}, {"\"a\\\\\"", "a\\"}};
  for (const Case& c : kCases) {
    std::string out;
    append_unquoted(out, c.in);
    EXPECT_EQ(out, c.out);
  }
}

}  // namespace
}  // namespace barid::smtp
