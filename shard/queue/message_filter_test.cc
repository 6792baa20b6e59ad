// Goal: a filter means what its words say, and says what would be right where they cannot be meant.
// Method: rows.
#include "shard/queue/message_filter.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "shard/queue/queue_key.h"

namespace barid::queue {
namespace {

using namespace std::chrono_literals;
using Words = std::vector<std::pair<std::string_view, std::string_view>>;

constexpr WallTime kNow = WallTime(1'700'000'000s);

Message message() {
  Message m;
  m.envelope.sender = "News@Example.org";
  m.envelope.tenant = "acme";
  m.envelope.stream = Stream::kBulk;
  m.envelope.recipients = {{.address = "Done@done.example"},
                           {.address = "Ann@Example.net"},
                           {.address = "bob@other.example"}};
  m.status.resize(3);
  m.status[0].state = RecipientState::kDelivered;
  m.status[0].reason = "250 fine";
  m.status[1].reason = "host mx[192.0.2.1] said: 450 4.2.0 Try Later";
  m.filed_under = {queue_key({.destination = "smtp:example.net"}),
                   queue_key({.tenant = "t", .destination = "relay:[gate.example]:26"})};
  m.arrival = kNow - 1h;
  return m;
}

TEST(MessageFilter, Matches) {
  struct Case {
    Words words;
    bool match;
  };
  const Case cases[] = {
      {{}, true},
      {{{"sender", "news@example.ORG"}}, true},
      {{{"sender", "@example.org"}}, true},
      {{{"sender", "@xample.org"}}, false},
      {{{"sender", "other@example.org"}}, false},
      {{{"sender", "<>"}}, false},
      {{{"recipient", "ann@example.net"}}, true},
      {{{"recipient", "@OTHER.example"}}, true},
      {{{"recipient", "done@done.example"}}, false},  // delivered
      {{{"domain", "Example.NET"}}, true},
      {{{"domain", "done.example"}}, false},
      {{{"domain", "net"}}, false},
      {{{"tenant", "acme"}}, true},
      {{{"tenant", "Acme"}}, false},
      {{{"tenant", ""}}, false},
      {{{"stream", "bulk"}}, true},
      {{{"stream", "transactional"}}, false},
      {{{"state", "deferred"}}, true},
      {{{"state", "hold"}}, false},
      {{{"state", "hold"}, {"state", "deferred"}}, true},
      {{{"older-than", "1h"}}, true},
      {{{"older-than", "3601"}}, false},
      {{{"reason", "try later"}}, true},
      {{{"reason", "250"}}, false},
      {{{"site", "example.net"}}, true},
      {{{"site", "[gate.example]:26"}}, true},
      {{{"site", "mx.example"}}, false},
      // Conditions about recipients must hold for the same one.
      {{{"domain", "example.net"}, {"reason", "450"}}, true},
      {{{"domain", "other.example"}, {"reason", "450"}}, false},
      {{{"sender", "@example.org"}, {"domain", "other.example"}, {"tenant", "acme"}}, true},
  };
  for (const Case& c : cases) {
    MessageFilter filter;
    std::string shown;
    for (const auto& [name, value] : c.words) {
      shown += fmt::format("{}={} ", name, value);
      ASSERT_EQ(filter.add(name, value), "") << shown;
    }
    EXPECT_EQ(filter.empty(), c.words.empty());
    EXPECT_EQ(filter.matches(message(), QueueName::kDeferred, kNow), c.match) << shown;
  }
}

TEST(MessageFilter, NullSender) {
  for (const std::string_view word : {"<>", "MAILER-DAEMON"}) {
    MessageFilter filter;
    ASSERT_EQ(filter.add("sender", word), "");
    Message m = message();
    EXPECT_FALSE(filter.matches(m, QueueName::kDeferred, kNow));
    m.envelope.sender.clear();
    EXPECT_TRUE(filter.matches(m, QueueName::kDeferred, kNow));
  }
}

TEST(MessageFilter, SiteMembers) {
  MessageFilter filter;
  ASSERT_EQ(filter.add("site", "mx.example"), "");
  EXPECT_FALSE(filter.matches(message(), QueueName::kDeferred, kNow));
  filter.add_site_member("other.example");
  EXPECT_TRUE(filter.matches(message(), QueueName::kDeferred, kNow));
}

TEST(MessageFilter, RestrictedStates) {
  MessageFilter filter;
  EXPECT_TRUE(filter.restrict_states({QueueName::kHold}));
  EXPECT_FALSE(filter.matches(message(), QueueName::kDeferred, kNow));
  EXPECT_TRUE(filter.matches(message(), QueueName::kHold, kNow));
  EXPECT_FALSE(filter.restrict_states({QueueName::kActive, QueueName::kDeferred}));
}

TEST(MessageFilter, BadWords) {
  struct Case {
    std::string_view name;
    std::string value;
    std::string_view says;
  };
  const Case cases[] = {
      {"sender", "bob", "sender \"bob\": an address, @ and a domain, or <> for the null sender"},
      {"sender", "", "sender \"\": an address, @ and a domain, or <> for the null sender"},
      {"recipient", "a@", "recipient \"a@\": an address, or @ and a domain"},
      {"recipient", "", "recipient: the value is empty"},
      {"domain", "a@b", "domain \"a@b\": a domain, without @"},
      {"domain", "!!", "domain \"!!\": a domain, without @"},
      {"stream", "fast", "stream \"fast\": transactional or bulk"},
      {"state", "corrupt", "state \"corrupt\": maildrop, active, incoming, deferred or hold"},
      {"older-than", "1y", "older-than \"1y\": a number and s, m, h, d or w, such as 30m"},
      {"older-than", "-1h", "older-than \"-1h\": a number and s, m, h, d or w, such as 30m"},
      {"reason", std::string(1025, 'x'), "reason: a value has at most 1024 bytes"},
      {"colour", "red", "there is no filter \"colour\""},
  };
  for (const Case& c : cases) EXPECT_EQ(MessageFilter().add(c.name, c.value), c.says);
}

TEST(MessageFilter, QueueOf) {
  Message m;
  EXPECT_EQ(queue_of(m, true), QueueName::kActive);
  EXPECT_EQ(queue_of(m, false), QueueName::kIncoming);
  m.status.resize(1);
  EXPECT_EQ(queue_of(m, false), QueueName::kIncoming);
  m.status[0].reason = "delivery temporarily suspended: …";
  EXPECT_EQ(queue_of(m, false), QueueName::kDeferred);
  m.status[0].reason.clear();
  m.attempts = 1;
  EXPECT_EQ(queue_of(m, false), QueueName::kDeferred);
  m.hold = true;
  EXPECT_EQ(queue_of(m, true), QueueName::kHold);
}

}  // namespace
}  // namespace barid::queue
