// Goal: lists say yes, no or "cannot tell" in list order, with Postfix's subdomain and network
// rules.
#include "core/lookup/match_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <map>

namespace barid::lookup {
namespace {

using ::testing::ElementsAre;

const std::map<std::string, std::string>& files() {
  static const std::map<std::string, std::string> contents = {
      {"/names", "a.example # not a comment\nb.example,\n  c.example\n# note\n!d.example\n"},
      {"/nested", "/names e.example\n"},
      {"/loop", "/loop\n"},
      {"/nets", "10.0.0.0/8\n[2001:db8::]/32\n"},
  };
  return contents;
}

OpenContext context(std::vector<std::string>* warnings = nullptr) {
  return {.read_file = [](const std::string& path) -> Result<std::string> {
            const auto it = files().find(path);
            if (it == files().end()) return error_from_errno(ENOENT);
            return it->second;
          },
          .warnings = warnings};
}

std::string show(const MatchResult& result) {
  if (result.is_temporary()) return "!" + std::string(result.reason);
  return result.yes() ? "yes" : "no";
}

TEST(StringList, ExactNegationFilesAndTables) {
  struct Case {
    std::string_view list, name, answer;
  };
  const Case cases[] = {
      {"", "x", "no"},
      {"Example.COM", "example.com", "yes"},
      {"example.com", "sub.example.com", "no"},
      {".example.com", "sub.example.com", "no"},
      {"!a, a", "a", "no"},
      {"a, !a", "a", "yes"},
      {"!!a", "a", "yes"},
      {"! a", "a", "!x: no pattern after '!'"},
      {"/names", "c.example", "yes"},
      {"/names", "d.example", "no"},
      {"!/names static:all", "b.example", "no"},
      {"!/names static:all", "d.example", "yes"},
      {"/nested", "e.example", "yes"},
      {"/nested", "a.example", "yes"},
      {"/none", "a", "!x: open /none: No such file or directory"},
      {"a /none", "a", "yes"},
      {"a /none", "b", "!x: open /none: No such file or directory"},
      {"/loop", "a", "!x: /loop: files include each other too deeply"},
      {"inline:{a=}", "a", "yes"},
      {"!inline:{a=1} static:x", "a", "no"},
      {"fail:t", "a", "!fail:t"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.list);
    EXPECT_EQ(show(StringList("x", c.list, context()).match(c.name)), c.answer);
  }
}

TEST(DomainList, SubdomainRules) {
  struct Case {
    std::string_view list, name, dotted, parent;
  };
  const Case cases[] = {
      {"example.com", "example.com", "yes", "yes"},
      {"example.com", "a.example.com", "no", "yes"},
      {"example.com", "notexample.com", "no", "no"},
      {".example.com", "a.example.com", "yes", "no"},
      {".example.com", "example.com", "no", "no"},
      {"!a.example.com example.com", "x.a.example.com", "no", "no"},
      {"inline:{example.com=x}", "a.example.com", "no", "yes"},
      {"inline:{.example.com=x}", "b.a.example.com", "yes", "no"},
      {"inline:{.example.com=x}", "example.com", "no", "no"},
      {"cidr:{ {::/0 x} }", "a.example.com", "no", "no"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.list);
    EXPECT_EQ(show(DomainList("x", c.list, Subdomains::kDotted, context()).match(c.name)),
              c.dotted);
    EXPECT_EQ(show(DomainList("x", c.list, Subdomains::kParent, context()).match(c.name)),
              c.parent);
  }
}

constexpr std::string_view kBad7 =
    "!mynetworks: non-null host address bits in \"127.0.0.0/7\", perhaps you should use "
    "\"126.0.0.0/7\" instead";

TEST(AddressList, PatternsFamiliesAndErrors) {
  struct Case {
    std::string_view list, address, host, answer;
  };
  const Case cases[] = {
      {"127.0.0.0/8", "127.1.2.3", "", "yes"},
      {"127.0.0.0/8", "128.1.2.3", "", "no"},
      {"127.0.0.0/8", "::ffff:127.0.0.1", "", "yes"},
      {"[::ffff:127.0.0.0]/108", "127.0.0.1", "", "no"},
      {"[::1]/128 192.0.2.7", "::1", "", "yes"},
      {"[::1]/128 192.0.2.7", "192.0.2.7", "", "yes"},
      {"[2001:db8::]/32", "2001:db8:1::2", "", "yes"},
      {"[2001:DB8:0:0:0:0:0:1]", "2001:db8::1", "", "yes"},
      {"!10.1.0.0/16 10.0.0.0/8", "10.1.2.3", "", "no"},
      {"!10.1.0.0/16 10.0.0.0/8", "10.2.2.3", "", "yes"},
      {"127.0.0.0/7", "192.0.2.1", "", kBad7},
      {"127.0.0.0/7", "::1", "", "no"},
      {"192.0.2.1 127.0.0.0/7", "192.0.2.1", "", "yes"},
      {"[::1]/121", "192.0.2.1", "", "no"},
      {"[::1]/121", "::5", "",
       "!mynetworks: non-null host address bits in \"::1/121\", perhaps you should use "
       "\"::/121\" instead"},
      {"10.0.0.0/40", "10.0.0.1", "", "!mynetworks: bad net/mask pattern: \"10.0.0.0/40\""},
      {"host.example", "192.0.2.1", "host.example", "yes"},
      {"example", "192.0.2.1", "host.example", "yes"},
      {"host.example", "192.0.2.1", "", "no"},
      {"cidr:{ {192.0.2.0/24 x} }", "192.0.2.1", "", "yes"},
      {"inline:{192.0.2.1=x}", "192.0.2.1", "", "yes"},
      {"inline:{host.example=x}", "192.0.2.1", "host.example", "yes"},
      {"hash:/x", "192.0.2.1", "", "!hash:/x"},
      {"/nets", "10.3.4.5", "", "yes"},
      {"/nets", "2001:db8::9", "", "yes"},
      {"!/nets 0.0.0.0/0", "10.3.4.5", "", "no"},
      {"1.2.3", "1.2.3.4", "", "!mynetworks: bad address pattern: \"1.2.3\""},
      {"127.0.0.999", "::1", "", "no"},
      {"::1", "::1", "", "!::1"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.list);
    const AddressList list("mynetworks", c.list, Subdomains::kParent, context());
    EXPECT_EQ(show(list.match(*IpAddress::parse(c.address), c.host)), c.answer);
  }
}

TEST(AddressList, WarnsOnceAtLoad) {
  std::vector<std::string> warnings;
  const AddressList list("mynetworks", "127.0.0.0/7 1.2.3.4/99 /none", Subdomains::kParent,
                         context(&warnings));
  EXPECT_THAT(warnings, ElementsAre(std::string(kBad7.substr(1)),
                                    "mynetworks: bad net/mask pattern: \"1.2.3.4/99\"; need one "
                                    "such as 192.0.2.1, 192.0.2.0/24 "
                                    "or [2001:db8::]/32",
                                    "mynetworks: open /none: No such file or directory"));
}

TEST(AddressListOpen, WhatCannotBeANetworkIsAnError) {
  struct Case {
    std::string_view item;
    bool error;
  };
  const Case cases[] = {{"127.0.0.1/99", true}, {"[::1", true},        {"[::1]/200", true},
                        {"10.0.0.1/8", false},  {"10.0.0.0/8", false}, {"host.example", false}};
  for (const Case& c : cases) {
    SCOPED_TRACE(c.item);
    std::vector<std::string> errors;
    OpenContext open = context();
    open.errors = &errors;
    const AddressList list("mynetworks", c.item, Subdomains::kParent, open);
    EXPECT_EQ(errors.size(), c.error ? 1u : 0u);
    if (c.error) EXPECT_TRUE(errors[0].starts_with("mynetworks: "));
  }
}

}  // namespace
}  // namespace barid::lookup
