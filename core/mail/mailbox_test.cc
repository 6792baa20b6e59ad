// Goal: mailboxes as people write them, and nothing that could be more than one. Method: rows.
#include "core/mail/mailbox.h"

#include <gtest/gtest.h>

namespace barid {
namespace {

TEST(Mailbox, Accepted) {
  struct Case {
    std::string_view in, name, local, domain;
  };
  for (const Case& c : {
           Case{"a@example.org", "", "a", "example.org"},
           Case{" <a@example.org> ", "", "a", "example.org"},
           Case{"Ann <a.b+c@example.org>", "Ann", "a.b+c", "example.org"},
           Case{"Ann B. <a@example.org>", "Ann B.", "a", "example.org"},
           Case{"\"Ann, \\\"B\\\" <x>\" <a@example.org>", "Ann, \"B\" <x>", "a", "example.org"},
           Case{"J\xc3\xbcrgen <j\xc3\xbc@b\xc3\xbc"
                "cher.example>",
                "J\xc3\xbcrgen", "j\xc3\xbc",
                "b\xc3\xbc"
                "cher.example"},
           Case{"\"a b\"@example.org", "", "\"a b\"", "example.org"},
           Case{"\"a@b\"@example.org", "", "\"a@b\"", "example.org"},
           Case{"a@[192.0.2.1]", "", "a", "[192.0.2.1]"},
           Case{"a@localhost", "", "a", "localhost"},
       }) {
    SCOPED_TRACE(c.in);
    const auto mailbox = parse_mailbox(c.in);
    ASSERT_TRUE(mailbox.has_value());
    EXPECT_EQ(mailbox->name, c.name);
    EXPECT_EQ(mailbox->local, c.local);
    EXPECT_EQ(mailbox->domain, c.domain);
  }
}

TEST(Mailbox, Refused) {
  const std::string long_local(65, 'a');
  const std::string long_domain = std::string(60, 'd') + '.' + std::string(60, 'd') + '.' +
                                  std::string(60, 'd') + '.' + std::string(62, 'd') + ".example";
  for (const std::string& in : {std::string(""),
                                std::string("a"),
                                std::string("@example.org"),
                                std::string("a@"),
                                std::string("a b@example.org"),
                                std::string("a@example.org, b@example.org"),
                                std::string("a@example.org\r\nBcc: x@y.z"),
                                std::string("a\0@example.org", 14),
                                std::string("Ann a@example.org>"),
                                std::string("<a@example.org"),
                                std::string("Ann <a@example.org> x"),
                                std::string("\"Ann <a@example.org>"),
                                std::string("a..b@example.org"),
                                std::string(".a@example.org"),
                                std::string("a.@example.org"),
                                std::string("a@-x.example"),
                                std::string("a@x-.example"),
                                std::string("a@x..example"),
                                std::string("a@.example"),
                                std::string("a@exa mple"),
                                std::string("a@[]"),
                                std::string("a@[1.2"),
                                std::string("a\xff@example.org"),
                                std::string("<a@b>@c.example <x@"),
                                long_local + "@example.org",
                                "a@" + long_domain,
                                std::string("A <b> <a@example.org>")}) {
    EXPECT_FALSE(parse_mailbox(in).has_value()) << in;
  }
}

}  // namespace
}  // namespace barid
