// Goal: every reply class at every stage ends as the outcome table says: fate, status code, reason,
// next server, throttle. Method: one row per cell; the server's words up to the fault, then the
// end.
#include <gtest/gtest.h>

#include "smtp/client/machine_test_util.h"

namespace barid::smtp {
namespace {

enum class Ending { kReply, kLost, kTimeout };

struct Row {
  std::string_view name;
  std::vector<std::string_view> replies;  // each is followed by writing all that can be written
  Ending ending;
  std::vector<std::string> results;
  bool session_over = true;  // not fit for another message
};

constexpr std::string_view kGreeting = "220 mx.example ESMTP\r\n";
constexpr std::string_view kEhlo = "250 mx.example\r\n";
constexpr std::string_view kOk = "250 2.0.0 ok\r\n";
constexpr std::string_view kGo = "354 go\r\n";

void run(const Row& row, ClientOptions options = Dialogue::default_options(),
         std::vector<std::string> recipients = {"r@example"}) {
  SCOPED_TRACE(row.name);
  Dialogue d(options);
  d.offer(std::move(recipients));
  for (const std::string_view reply : row.replies) d.said(reply);
  if (row.ending == Ending::kLost) d.machine.on_lost();
  if (row.ending == Ending::kTimeout) d.machine.on_timeout();
  EXPECT_EQ(d.sink.results, row.results);
  EXPECT_EQ(d.machine.reusable(), !row.session_over);
  d.machine.on_lost();
  EXPECT_EQ(d.sink.done, std::vector<uint64_t>{1});
}

TEST(Outcome, Handshake) {
  const Row rows[] = {
      {"greeting 4xx",
       {"421 4.3.2 not now\r\n"},
       Ending::kReply,
       {"1 r@example deferred 4.3.2 next throttle: host mx.example[192.0.2.1] refused to talk to "
        "me: "
        "421 4.3.2 not now"}},
      {"greeting 5xx counts as 4xx",
       {"554 5.7.1 go away\r\n"},
       Ending::kReply,
       {"1 r@example deferred 4.7.1 next throttle: host mx.example[192.0.2.1] refused to talk to "
        "me: "
        "554 5.7.1 go away"}},
      {"greeting 5xx without code",
       {"554-go\r\n554 away\r\n"},
       Ending::kReply,
       {"1 r@example deferred 4.0.0 next throttle: host mx.example[192.0.2.1] refused to talk to "
        "me: "
        "554-go 554 away"}},
      {"greeting 3xx",
       {"354 what\r\n"},
       Ending::kReply,
       {"1 r@example failed 5.5.0: Protocol error: host mx.example[192.0.2.1] refused to talk to "
        "me: "
        "354 what"}},
      {"greeting lost",
       {},
       Ending::kLost,
       {"1 r@example deferred 4.4.2 next throttle: lost connection with mx.example[192.0.2.1] "
        "while "
        "receiving the initial server greeting"}},
      {"greeting timeout",
       {},
       Ending::kTimeout,
       {"1 r@example deferred 4.4.2 next throttle: conversation with mx.example[192.0.2.1] timed "
        "out "
        "while receiving the initial server greeting"}},
      {"greeting garbage",
       {"SSH-2.0-x\r\n"},
       Ending::kReply,
       {"1 r@example deferred 4.5.0 next throttle: Protocol error: malformed reply from "
        "mx.example[192.0.2.1] while receiving the initial server greeting"}},
      {"EHLO 421",
       {kGreeting, "421 busy\r\n"},
       Ending::kReply,
       {"1 r@example deferred 4.0.0 next throttle: host mx.example[192.0.2.1] refused to talk to "
        "me: "
        "421 busy"}},
      {"EHLO lost",
       {kGreeting},
       Ending::kLost,
       {"1 r@example deferred 4.4.2 next throttle: lost connection with mx.example[192.0.2.1] "
        "while "
        "performing the EHLO handshake"}},
      {"HELO 4xx",
       {kGreeting, "502 no\r\n", "450 4.7.0 later\r\n"},
       Ending::kReply,
       {"1 r@example deferred 4.7.0 next throttle: host mx.example[192.0.2.1] refused to talk to "
        "me: "
        "450 4.7.0 later"}},
      {"HELO 5xx bounces",
       {kGreeting, "502 no\r\n", "550 5.7.1 never\r\n"},
       Ending::kReply,
       {"1 r@example failed 5.7.1: host mx.example[192.0.2.1] refused to talk to me: 550 5.7.1 "
        "never"}},
      {"HELO timeout",
       {kGreeting, "502 no\r\n"},
       Ending::kTimeout,
       {"1 r@example deferred 4.4.2 next throttle: conversation with mx.example[192.0.2.1] timed "
        "out "
        "while performing the HELO handshake"}},
  };
  for (const Row& row : rows) run(row);
}

TEST(Outcome, HandshakeOptions) {
  ClientOptions strict = Dialogue::default_options();
  strict.skip_5xx_greeting = false;
  run({"greeting 5xx bounces",
       {"554 5.7.1 go away\r\n"},
       Ending::kReply,
       {"1 r@example failed 5.7.1: host mx.example[192.0.2.1] refused to talk to me: 554 5.7.1 go "
        "away"}},
      strict);

  ClientOptions self = Dialogue::default_options();
  self.own_name = "MX.example";
  self.nexthop = "example";
  run({"own name",
       {kGreeting, kEhlo},
       Ending::kReply,
       {"1 r@example deferred 4.4.6 next throttle: mail for example loops back to myself"}},
      self);
  self.best_mx = true;
  run({"own name, best MX",
       {kGreeting, kEhlo},
       Ending::kReply,
       {"1 r@example failed 5.4.6: mail for example loops back to myself"}},
      self);

  ClientOptions lmtp = Dialogue::default_options();
  lmtp.lmtp = true;
  run({"LHLO 5xx bounces",
       {kGreeting, "500 what\r\n"},
       Ending::kReply,
       {"1 r@example failed 5.0.0: host mx.example[192.0.2.1] refused to talk to me: 500 what"}},
      lmtp);
  run({"LHLO lost",
       {kGreeting},
       Ending::kLost,
       {"1 r@example deferred 4.4.2 next throttle: lost connection with mx.example[192.0.2.1] "
        "while "
        "performing the LHLO handshake"}},
      lmtp);
}

TEST(Outcome, Transaction) {
  const Row rows[] = {
      {"delivered",
       {kGreeting, kEhlo, kOk, kOk, kGo, "250 2.0.0 Ok: queued as X1\r\n"},
       Ending::kReply,
       {"1 r@example delivered 2.0.0: 250 2.0.0 Ok: queued as X1"},
       false},
      {"MAIL 4xx",
       {kGreeting, kEhlo, "451 4.3.0 later\r\n"},
       Ending::kReply,
       {"1 r@example deferred 4.3.0 next: host mx.example[192.0.2.1] said: 451 4.3.0 later (in "
        "reply "
        "to MAIL FROM command)"},
       false},
      {"MAIL 5xx",
       {kGreeting, kEhlo, "550 5.1.8 bad sender\r\n"},
       Ending::kReply,
       {"1 r@example failed 5.1.8: host mx.example[192.0.2.1] said: 550 5.1.8 bad sender (in reply "
        "to "
        "MAIL FROM command)"},
       false},
      {"MAIL 555 is protocol trouble",
       {kGreeting, kEhlo, "555 5.5.4 parameter\r\n"},
       Ending::kReply,
       {"1 r@example failed 5.5.4: host mx.example[192.0.2.1] said: 555 5.5.4 parameter (in reply "
        "to "
        "MAIL FROM command)"}},
      {"MAIL 3xx",
       {kGreeting, kEhlo, "354 what\r\n"},
       Ending::kReply,
       {"1 r@example failed 5.5.0: Protocol error: host mx.example[192.0.2.1] said: 354 what (in "
        "reply "
        "to MAIL FROM command)"}},
      {"MAIL 421",
       {kGreeting, kEhlo, "421 4.7.0 rate\r\n"},
       Ending::kReply,
       {"1 r@example deferred 4.7.0 next: host mx.example[192.0.2.1] said: 421 4.7.0 rate (in "
        "reply to "
        "MAIL FROM command)"}},
      {"MAIL lost",
       {kGreeting, kEhlo},
       Ending::kLost,
       {"1 r@example deferred 4.4.2 next throttle: lost connection with mx.example[192.0.2.1] "
        "while "
        "sending MAIL FROM"}},
      {"MAIL garbage",
       {kGreeting, kEhlo, "oops\r\n"},
       Ending::kReply,
       {"1 r@example deferred 4.5.0 next throttle: Protocol error: malformed reply from "
        "mx.example[192.0.2.1] while sending MAIL FROM"}},
      {"RCPT 4xx",
       {kGreeting, kEhlo, kOk, "450 4.2.1 busy\r\n"},
       Ending::kReply,
       {"1 r@example deferred 4.2.1 next: host mx.example[192.0.2.1] said: 450 4.2.1 busy (in "
        "reply to "
        "RCPT TO command)"},
       false},
      {"RCPT 5xx",
       {kGreeting, kEhlo, kOk, "550-5.1.1 no\r\n550 5.1.1 body\r\n"},
       Ending::kReply,
       {"1 r@example failed 5.1.1: host mx.example[192.0.2.1] said: 550-5.1.1 no 550 5.1.1 body "
        "(in "
        "reply to RCPT TO command)"},
       false},
      {"RCPT 552 stays permanent",
       {kGreeting, kEhlo, kOk, "552 full\r\n"},
       Ending::kReply,
       {"1 r@example failed 5.0.0: host mx.example[192.0.2.1] said: 552 full (in reply to RCPT TO "
        "command)"},
       false},
      {"RCPT 421",
       {kGreeting, kEhlo, kOk, "421 bye\r\n"},
       Ending::kReply,
       {"1 r@example deferred 4.0.0 next: host mx.example[192.0.2.1] said: 421 bye (in reply to "
        "RCPT TO "
        "command)"}},
      {"RCPT timeout",
       {kGreeting, kEhlo, kOk},
       Ending::kTimeout,
       {"1 r@example deferred 4.4.2 next throttle: conversation with mx.example[192.0.2.1] timed "
        "out "
        "while sending RCPT TO"}},
      {"DATA 4xx",
       {kGreeting, kEhlo, kOk, kOk, "451 4.3.1 no room\r\n"},
       Ending::kReply,
       {"1 r@example deferred 4.3.1 next: host mx.example[192.0.2.1] said: 451 4.3.1 no room (in "
        "reply "
        "to DATA command)"},
       false},
      {"DATA 5xx",
       {kGreeting, kEhlo, kOk, kOk, "554 no\r\n"},
       Ending::kReply,
       {"1 r@example failed 5.0.0: host mx.example[192.0.2.1] said: 554 no (in reply to DATA "
        "command)"},
       false},
      {"DATA 2xx",
       {kGreeting, kEhlo, kOk, kOk, kOk},
       Ending::kReply,
       {"1 r@example failed 5.5.0: Protocol error: host mx.example[192.0.2.1] said: 250 2.0.0 ok "
        "(in "
        "reply to DATA command)"}},
      {"DATA lost",
       {kGreeting, kEhlo, kOk, kOk},
       Ending::kLost,
       {"1 r@example deferred 4.4.2 next throttle: lost connection with mx.example[192.0.2.1] "
        "while "
        "sending DATA command"}},
      {"dot 4xx",
       {kGreeting, kEhlo, kOk, kOk, kGo, "451 4.7.1 greylisted\r\n"},
       Ending::kReply,
       {"1 r@example deferred 4.7.1 next: host mx.example[192.0.2.1] said: 451 4.7.1 greylisted "
        "(in "
        "reply to end of DATA command)"},
       false},
      {"dot 5xx",
       {kGreeting, kEhlo, kOk, kOk, kGo, "550 5.7.1 spam\r\n"},
       Ending::kReply,
       {"1 r@example failed 5.7.1: host mx.example[192.0.2.1] said: 550 5.7.1 spam (in reply to "
        "end of "
        "DATA command)"},
       false},
      {"dot 3xx",
       {kGreeting, kEhlo, kOk, kOk, kGo, kGo},
       Ending::kReply,
       {"1 r@example failed 5.5.0: Protocol error: host mx.example[192.0.2.1] said: 354 go (in "
        "reply to "
        "end of DATA command)"}},
      {"dot 421",
       {kGreeting, kEhlo, kOk, kOk, kGo, "421 4.3.2 down\r\n"},
       Ending::kReply,
       {"1 r@example deferred 4.3.2 next: host mx.example[192.0.2.1] said: 421 4.3.2 down (in "
        "reply to "
        "end of DATA command)"}},
      {"dot lost",
       {kGreeting, kEhlo, kOk, kOk, kGo},
       Ending::kLost,
       {"1 r@example in-doubt 4.4.2 throttle: lost connection with mx.example[192.0.2.1] while "
        "sending "
        "end of data -- message may be sent more than once"}},
      {"dot timeout",
       {kGreeting, kEhlo, kOk, kOk, kGo},
       Ending::kTimeout,
       {"1 r@example in-doubt 4.4.2 throttle: conversation with mx.example[192.0.2.1] timed out "
        "while "
        "sending end of data -- message may be sent more than once"}},
      {"dot garbage",
       {kGreeting, kEhlo, kOk, kOk, kGo, "hm\r\n"},
       Ending::kReply,
       {"1 r@example in-doubt 4.5.0 throttle: Protocol error: malformed reply from "
        "mx.example[192.0.2.1] "
        "while sending end of data -- message may be sent more than once"}},
      {"dot reply half there",
       {kGreeting, kEhlo, kOk, kOk, kGo, "250-half\r\n250"},
       Ending::kLost,
       {"1 r@example in-doubt 4.4.2 throttle: lost connection with mx.example[192.0.2.1] while "
        "sending "
        "end of data -- message may be sent more than once"}},
      {"list with two classes",
       {kGreeting, kEhlo, kOk, kOk, kGo, "250-a\r\n550 b\r\n"},
       Ending::kReply,
       {"1 r@example in-doubt 4.5.0 throttle: Protocol error: malformed reply from "
        "mx.example[192.0.2.1] "
        "while sending end of data -- message may be sent more than once"}},
  };
  for (const Row& row : rows) run(row);
}

TEST(Outcome, SeveralRecipients) {
  const std::vector<std::string> three = {"a@x", "b@x", "c@x"};
  const std::string said = "host mx.example[192.0.2.1] said: ";
  const Row rows[] = {
      {"each by its own reply",
       {kGreeting, kEhlo, kOk, "450 4.2.0 a\r\n", "550 5.1.1 b\r\n", kOk, kGo, kOk},
       Ending::kReply,
       {"1 a@x deferred 4.2.0 next: " + said + "450 4.2.0 a (in reply to RCPT TO command)",
        "1 b@x failed 5.1.1: " + said + "550 5.1.1 b (in reply to RCPT TO command)",
        "1 c@x delivered 2.0.0: 250 2.0.0 ok"},
       false},
      {"DATA for the accepted",
       {kGreeting, kEhlo, kOk, kOk, "550 5.1.1 b\r\n", kOk, "451 4.3.0 no\r\n"},
       Ending::kReply,
       {"1 b@x failed 5.1.1: " + said + "550 5.1.1 b (in reply to RCPT TO command)",
        "1 a@x deferred 4.3.0 next: " + said + "451 4.3.0 no (in reply to DATA command)",
        "1 c@x deferred 4.3.0 next: " + said + "451 4.3.0 no (in reply to DATA command)"},
       false},
      {"421 at one RCPT defers the rest",
       {kGreeting, kEhlo, kOk, "550 5.1.1 a\r\n", "421 4.7.0 stop\r\n"},
       Ending::kReply,
       {"1 a@x failed 5.1.1: " + said + "550 5.1.1 a (in reply to RCPT TO command)",
        "1 b@x deferred 4.7.0 next: " + said + "421 4.7.0 stop (in reply to RCPT TO command)",
        "1 c@x deferred 4.7.0 next: " + said + "421 4.7.0 stop (in reply to RCPT TO command)"}},
  };
  for (const Row& row : rows) run(row, Dialogue::default_options(), three);
}

TEST(Outcome, DecidedHereBeforeSending) {
  struct Case {
    std::string_view name;
    std::vector<std::string_view> keywords;
    void (*change)(TestMessage&);
    std::string want;
  };
  const Case cases[] = {
      {"SIZE too small",
       {"SIZE 10"},
       [](TestMessage&) {},
       "1 r@example failed 5.3.4: message size 20 exceeds size limit 10 of server "
       "mx.example[192.0.2.1]"},
      {"SMTPUTF8 address",
       {"8BITMIME"},
       [](TestMessage& m) { m.envelope.recipients[0].address = "r\xc3\xbc@example"; },
       "1 r\xc3\xbc@example failed 5.6.7 next: SMTPUTF8 is required, but was not offered by host "
       "mx.example[192.0.2.1]"},
      {"SMTPUTF8 header",
       {"8BITMIME"},
       [](TestMessage& m) { m.envelope.smtputf8 = m.out.has_utf8_header = true; },
       "1 r@example failed 5.6.7 next: SMTPUTF8 is required, but was not offered by host "
       "mx.example[192.0.2.1]"},
      {"BINARYMIME without CHUNKING",
       {"BINARYMIME"},
       [](TestMessage& m) { m.envelope.body = BodyType::kBinaryMime; },
       "1 r@example failed 5.6.3 next: binary content needs BINARYMIME and CHUNKING, which were "
       "not "
       "offered by host mx.example[192.0.2.1]"},
      {"8-bit without 8BITMIME",
       {"SIZE"},
       [](TestMessage& m) { m.out.has_8bit = true; },
       "1 r@example needs-conversion 5.6.3: 8BITMIME was not offered by host "
       "mx.example[192.0.2.1]"},
      {"smuggling content",
       {"SIZE"},
       [](TestMessage& m) { m.spans[1] = "\r\na\n.\nMAIL FROM:<x>\r\n"; },
       "1 r@example needs-conversion 5.6.3: a dot between bare CR or LF cannot be sent safely "
       "without "
       "CHUNKING to host mx.example[192.0.2.1]"},
      {"smuggling content, converted",
       {"SIZE"},
       [](TestMessage& m) {
         m.spans[1] = "\r\na\n.\nMAIL FROM:<x>\r\n";
         m.out.converted = true;
       },
       "1 r@example failed 5.6.3 next: a dot between bare CR or LF cannot be sent safely without "
       "CHUNKING to host mx.example[192.0.2.1]"},
      {"control in the sender",
       {"SIZE"},
       [](TestMessage& m) { m.envelope.sender = "a\r\nDATA"; },
       "1 r@example failed 5.1.7: bad sender address syntax"},
      {"sender too long",
       {"SIZE"},
       [](TestMessage& m) { m.envelope.sender = std::string(499, 'a'); },
       "1 r@example failed 5.1.7: sender address too long"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    Dialogue d;
    TestMessage& m = d.make();
    c.change(m);
    d.machine.offer(m.out);
    const std::string_view keyword = c.keywords[0];
    EXPECT_EQ(d.open({keyword}), "");
    EXPECT_EQ(d.sink.results, std::vector<std::string>{c.want});
    EXPECT_EQ(d.sink.done, std::vector<uint64_t>{1});
    EXPECT_TRUE(d.machine.reusable());
  }
}

TEST(Outcome, BadRecipientsDoNotStopTheOthers) {
  Dialogue d;
  d.offer({"a@x\r\nDATA", "b@x", std::string(499, 'c')});
  EXPECT_EQ(d.open(), "MAIL FROM:<s@example>\n");
  EXPECT_EQ(d.said("250 ok\r\n"), "RCPT TO:<b@x>\n");
  EXPECT_EQ(d.said("250 ok\r\n"), "DATA\n");
  d.said("354 go\r\n");
  d.said("250 ok\r\n");
  ASSERT_EQ(d.sink.results.size(), 3u);
  EXPECT_EQ(d.sink.results[0], "1 a@x\r\nDATA failed 5.1.3: bad recipient address syntax");
  EXPECT_EQ(d.sink.results[1],
            "1 " + std::string(499, 'c') + " failed 5.1.3: recipient address too long");
  EXPECT_EQ(d.sink.results[2], "1 b@x delivered 2.0.0: 250 ok");
}

TEST(Outcome, ConversionDisabledSendsEightBitsAsTheyAre) {
  ClientOptions options = Dialogue::default_options();
  options.convert_8bit = false;
  Dialogue d(options);
  TestMessage& m = d.make();
  m.out.has_8bit = true;
  d.machine.offer(m.out);
  EXPECT_EQ(d.open({"SIZE"}), "MAIL FROM:<s@example> SIZE=20\n");
}

TEST(Outcome, BodyLostOnTheWay) {
  // Some of the body was written, not all: not in doubt.
  Dialogue d;
  d.offer();
  d.open();
  d.said("250 ok\r\n");
  d.said("250 ok\r\n");
  d.machine.on_bytes("354 go\r\n");
  EXPECT_EQ(d.sent(10), "Subject: x");
  EXPECT_EQ(d.machine.stage(), Stage::kBody);
  d.machine.on_lost();
  EXPECT_EQ(d.sink.results, std::vector<std::string>{
                                "1 r@example deferred 4.4.2 next throttle: lost connection with "
                                "mx.example[192.0.2.1] while sending message body"});
}

TEST(Outcome, EarlyReplyDuringTheBody) {
  struct Case {
    std::string_view reply;
    std::string want;
  };
  const Case cases[] = {
      {"552 5.3.4 too big\r\n",
       "1 r@example failed 5.3.4: host mx.example[192.0.2.1] said: 552 5.3.4 too big (in reply to "
       "end "
       "of DATA command)"},
      {"250 2.0.0 surprise\r\n",
       "1 r@example deferred 4.5.0 next throttle: Protocol error: unexpected reply from "
       "mx.example[192.0.2.1] while sending message body: 250 2.0.0 surprise"},
  };
  for (const Case& c : cases) {
    Dialogue d;
    std::vector<std::string> parts(200, "line\r\n");
    d.offer({"r@example"}, parts);
    d.open();
    d.said("250 ok\r\n");
    d.said("250 ok\r\n");
    d.machine.on_bytes("354 go\r\n");
    const auto pieces = d.machine.output();  // a write begins with what fits, not the end
    ASSERT_FALSE(pieces.empty());
    d.machine.on_bytes(c.reply);
    EXPECT_EQ(d.sink.results, std::vector<std::string>{c.want});
    EXPECT_TRUE(d.machine.closed());
    EXPECT_TRUE(d.sink.done.empty()) << "the write still uses the content";
    d.machine.on_written(6);
    d.machine.on_lost();
    EXPECT_EQ(d.sink.done, std::vector<uint64_t>{1});
  }
}

TEST(Outcome, RemoteFactsForNotices) {
  Dialogue d;
  d.offer();
  d.open();
  d.said("550-5.1.8 a\r\n550 5.1.8 b\r\n");
  EXPECT_EQ(d.sink.diagnostics, std::vector<std::string>{"550-5.1.8 a 550 5.1.8 b"});
  EXPECT_EQ(d.sink.remote_mtas, std::vector<std::string>{"mx.example"});
  d.offer();
  d.machine.on_lost();
  EXPECT_EQ(d.sink.diagnostics[1], "");
  EXPECT_EQ(d.sink.remote_mtas[1], "");
}

}  // namespace
}  // namespace barid::smtp
