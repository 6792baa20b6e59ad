// Goal: the recipient can be read back from the sender, and the sender stays a valid address.
// Method: rows.
#include "core/mail/verp.h"

#include <gtest/gtest.h>

namespace barid {
namespace {

TEST(Verp, Senders) {
  struct Case {
    std::string_view sender, recipient, delimiters, want;
  };
  const Case cases[] = {
      {"list@origin.example", "user@domain.example",
       "+=", "list+user=domain.example@origin.example"},
      {"list@origin.example", "user+tag@domain.example", "-~",
       "list-user+tag~domain.example@origin.example"},
      {"list@origin.example", "user", "+=", "list+user@origin.example"},
      {"list", "user@domain.example", "+=", "list+user=domain.example"},
      {R"("the list"@origin.example)", "user@domain.example",
       "+=", R"("the list+user=domain.example"@origin.example)"},
      {"list@origin.example", R"("a@b \"c"@domain.example)",
       "+=", R"("list+a@b \"c=domain.example"@origin.example)"},
      {R"("plain"@origin.example)", R"("quoted"@domain.example)",
       "+=", "plain+quoted=domain.example@origin.example"},
      {"list@origin.example", "user@[192.0.2.1]",
       "+=", R"("list+user=[192.0.2.1]"@origin.example)"},
      {"list@origin.example", "grün@domain.example",
       "+=", "list+grün=domain.example@origin.example"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(verp_sender(c.sender, c.recipient, c.delimiters), c.want) << c.recipient;
  }
}

TEST(Verp, OnlyWithASenderAndTwoDelimiters) {
  Envelope envelope{.sender = "list@origin.example"};
  EXPECT_FALSE(uses_verp(envelope));
  envelope.verp = "+=";
  EXPECT_TRUE(uses_verp(envelope));
  envelope.sender.clear();
  EXPECT_FALSE(uses_verp(envelope));
  EXPECT_FALSE(uses_verp({.sender = "list@origin.example", .verp = "+"}));
}

}  // namespace
}  // namespace barid
