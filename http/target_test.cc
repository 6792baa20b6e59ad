// Goal: a target names a resource in one way only. Method: rows.
#include "http/target.h"

#include <gtest/gtest.h>

#include "core/text/ascii.h"

namespace barid::http {
namespace {

TEST(Target, Accepted) {
  struct Case {
    std::string_view in;
    std::vector<std::string> segments;
    std::vector<std::pair<std::string, std::string>> query;
  };
  const Case cases[] = {
      {"/", {}, {}},
      {"/emails", {"emails"}, {}},
      {"/emails/", {"emails", ""}, {}},
      {"/a//b", {"a", "", "b"}, {}},
      {"/a%20b/%C3%A9", {"a b", "\xc3\xa9"}, {}},
      {"/a?x=1&y=a%20b+c&z&&=", {"a"}, {{"x", "1"}, {"y", "a b c"}, {"z", ""}, {"", ""}}},
      {"/a?q=b?c/d", {"a"}, {{"q", "b?c/d"}}},
      {"http://host.example/a?b=c", {"a"}, {{"b", "c"}}},
      {"HTTPS://host.example", {}, {}},
      {"/...", {"..."}, {}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.in);
    const Result<Target> target = parse_target(c.in);
    ASSERT_TRUE(target.ok());
    EXPECT_EQ(target->segments, c.segments);
    EXPECT_EQ(target->query, c.query);
  }
}

TEST(Target, Refused) {
  for (const std::string_view in : {"",
                                    "emails",
                                    "*",
                                    "//../a",
                                    "/../etc/passwd",
                                    "/a/..",
                                    "/./a",
                                    "/%2e%2e/a",
                                    "/a%2fb",
                                    "/a%5",
                                    "/a%",
                                    "/a%zz",
                                    "/%00",
                                    "/a%0d%0ab",
                                    "/a%7f",
                                    "/%ff",
                                    "/%c0%af",
                                    "/a#b",
                                    "/a b",
                                    "/a\\b",
                                    "/?x=%0a",
                                    "/?x=%ff",
                                    "/\xc3\xa9",
                                    "http://",
                                    "http:///a",
                                    "ftp://host/a",
                                    "host.example:80"}) {
    SCOPED_TRACE(in);
    EXPECT_FALSE(parse_target(in).ok());
  }
}

TEST(Target, FindsAQueryParameter) {
  const Result<Target> target = parse_target("/?limit=5&limit=6&after=");
  ASSERT_TRUE(target.ok());
  ASSERT_NE(target->find_query("limit"), nullptr);
  EXPECT_EQ(*target->find_query("limit"), "5");
  ASSERT_NE(target->find_query("after"), nullptr);
  EXPECT_EQ(target->find_query("before"), nullptr);
}

}  // namespace
}  // namespace barid::http
