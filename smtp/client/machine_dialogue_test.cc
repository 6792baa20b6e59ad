// Goal: the exact commands of whole dialogues, one command at a time and LMTP, RSET and QUIT,
// reuse. Method: scripts: what the server says on the left, what the client then writes on the
// right.
#include <gtest/gtest.h>

#include "smtp/client/machine_test_util.h"

namespace barid::smtp {
namespace {

TEST(DialoguePlain, OneMessage) {
  Dialogue d;
  d.offer({"a@x", "b@x"}, {"Subject: x\r\n\r\n", ".dot\r\n"});
  EXPECT_EQ(d.machine.stage(), Stage::kGreeting);
  EXPECT_EQ(d.sent(), "");
  EXPECT_EQ(d.said("220-mx.example\r\n220 ready\r\n"), "EHLO client.example\n");
  EXPECT_EQ(d.machine.stage(), Stage::kHello);
  EXPECT_EQ(d.said("500 what\r\n"), "HELO client.example\n");
  EXPECT_EQ(d.said("250 mx.example\r\n"), "MAIL FROM:<s@example>\n");
  EXPECT_TRUE(d.machine.established());
  EXPECT_EQ(d.machine.stage(), Stage::kMail);
  EXPECT_EQ(d.said("250 ok\r\n"), "RCPT TO:<a@x>\n");
  EXPECT_EQ(d.machine.stage(), Stage::kRcpt);
  EXPECT_EQ(d.said("250 ok\r\n"), "RCPT TO:<b@x>\n");
  EXPECT_EQ(d.said("251 will forward\r\n"), "DATA\n");
  EXPECT_EQ(d.machine.stage(), Stage::kData);
  EXPECT_EQ(d.said("354 go\r\n"), "Subject: x\n\n..dot\n.\n");
  EXPECT_EQ(d.machine.stage(), Stage::kEndOfData);
  EXPECT_EQ(d.said("250 2.0.0 Ok\r\n"), "");
  EXPECT_EQ(d.machine.stage(), Stage::kIdle);
  EXPECT_TRUE(d.machine.reusable());
  d.machine.quit();
  EXPECT_EQ(d.sent(), "QUIT\n");
  EXPECT_EQ(d.machine.stage(), Stage::kQuit);
  EXPECT_EQ(d.said("221 bye\r\n"), "");
  EXPECT_TRUE(d.machine.closed());
  EXPECT_EQ(d.sink.results, (std::vector<std::string>{"1 a@x delivered 2.0.0: 250 2.0.0 Ok",
                                                      "1 b@x delivered 2.0.0: 250 2.0.0 Ok"}));
}

ClientOptions forwarding() {
  ClientOptions options = Dialogue::default_options();
  options.send_xforward = true;
  return options;
}

void set_origin(Envelope& envelope) {
  envelope.client_name = "spike.example";
  envelope.client_address = "2001:db8::9";
  envelope.client_port = 99;
  envelope.client_is_local = false;
  envelope.helo = "h=e lo";
  envelope.protocol = "ESMTP";
}

TEST(DialoguePlain, Xforward) {
  Dialogue d(forwarding());
  set_origin(d.make().envelope);
  TestMessage& m = d.make();
  set_origin(m.envelope);
  d.machine.offer(m.out);
  EXPECT_EQ(d.open({"XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT NEW"}),
            "XFORWARD NAME=spike.example ADDR=IPV6:2001:db8::9 PORT=99\n");
  EXPECT_EQ(d.machine.stage(), Stage::kForward);
  EXPECT_EQ(d.said("250 ok\r\n"),
            "XFORWARD PROTO=ESMTP HELO=h+3De+20lo IDENT=" + m.out.id.text() + " SOURCE=REMOTE\n");
  EXPECT_EQ(d.said("501 what\r\n"), "MAIL FROM:<s@example>\n");  // its refusal changes nothing
  EXPECT_EQ(d.said("250 ok\r\n"), "RCPT TO:<r@example>\n");
}

TEST(DialoguePlain, XforwardOnlyWhatIsOfferedAndKnown) {
  Dialogue none(forwarding());
  set_origin(none.offer().envelope);
  EXPECT_EQ(none.open({"XFORWARD"}), "MAIL FROM:<s@example>\n");

  Dialogue some(forwarding());
  TestMessage& m = some.make();
  m.envelope.client_name = "unknown";
  m.envelope.forwarded_id = "4XYZ";
  some.machine.offer(m.out);
  EXPECT_EQ(some.open({"PIPELINING", "XFORWARD NAME ADDR IDENT SOURCE"}),
            "XFORWARD IDENT=4XYZ SOURCE=LOCAL\nMAIL FROM:<s@example>\nRCPT TO:<r@example>\nDATA\n");

  Dialogue unasked;
  set_origin(unasked.offer().envelope);
  EXPECT_EQ(unasked.open({"XFORWARD NAME ADDR PROTO"}), "MAIL FROM:<s@example>\n");
}

TEST(DialoguePlain, XforwardAnd421) {
  Dialogue d(forwarding());
  set_origin(d.offer().envelope);
  d.open({"PIPELINING", "XFORWARD PROTO"});
  d.said("421 4.3.2 later\r\n");
  ASSERT_EQ(d.sink.results.size(), 1u);
  EXPECT_TRUE(d.sink.results[0].starts_with("1 r@example deferred 4.3.2 next: "))
      << d.sink.results[0];
  EXPECT_TRUE(d.machine.closed());
}

TEST(DialoguePlain, VerpSender) {
  Dialogue d;
  for (const char* recipient : {"a@x", "b@x"}) {
    TestMessage& m = d.make({recipient});
    m.envelope.verp = "+=";
    d.machine.offer(m.out);
  }
  const std::string sent = d.open({"PIPELINING", "CHUNKING", "SIZE"});
  EXPECT_NE(sent.find("MAIL FROM:<s+a=x@example> SIZE="), std::string::npos) << sent;
  EXPECT_NE(sent.find("MAIL FROM:<s+b=x@example> SIZE="), std::string::npos) << sent;
  Dialogue plain;
  TestMessage& quoted = plain.make({"\"b c\"@x"});
  quoted.envelope.verp = "-~";
  plain.machine.offer(quoted.out);
  EXPECT_EQ(plain.open(), "MAIL FROM:<\"s-b c~x\"@example>\n");
  EXPECT_EQ(plain.said("250 ok\r\n"), "RCPT TO:<\"b c\"@x>\n");
  Dialogue bare;
  TestMessage& too_long = bare.make({std::string(300, 'l') + "@x"});
  too_long.envelope.sender = std::string(300, 's') + "@example";
  too_long.envelope.verp = "+=";
  bare.machine.offer(too_long.out);
  EXPECT_EQ(bare.open(), "MAIL FROM:<" + std::string(300, 's') + "@example>\n");
}

TEST(DialoguePlain, ResetOnlyAfterAnOpenTransaction) {
  struct Case {
    std::string_view name;
    std::vector<std::string_view> replies;  // to MAIL, RCPT, …
    std::string_view next;                  // how the next message begins
  };
  const Case cases[] = {
      {"MAIL refused", {"550 no\r\n"}, "RSET\n"},
      {"RCPT refused", {"250 ok\r\n", "550 no\r\n"}, "RSET\n"},
      {"DATA refused", {"250 ok\r\n", "250 ok\r\n", "451 no\r\n"}, "RSET\n"},
      {"dot refused",
       {"250 ok\r\n", "250 ok\r\n", "354 go\r\n", "451 no\r\n"},
       "MAIL FROM:<s@example>\n"},
      {"delivered",
       {"250 ok\r\n", "250 ok\r\n", "354 go\r\n", "250 ok\r\n"},
       "MAIL FROM:<s@example>\n"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    Dialogue d;
    d.offer();
    d.offer();
    d.open();
    std::string last;
    for (const std::string_view reply : c.replies) last = d.said(reply);
    EXPECT_EQ(last, c.next);
    if (c.next == "RSET\n") {
      EXPECT_EQ(d.machine.stage(), Stage::kReset);
      EXPECT_EQ(d.said("250 flushed\r\n"), "MAIL FROM:<s@example>\n");
    }
  }
}

TEST(DialoguePlain, AllRecipientsRefusedSkipsData) {
  Dialogue d;
  d.offer({"a@x", "b@x"});
  d.open();
  d.said("250 ok\r\n");
  EXPECT_EQ(d.said("550 no\r\n"), "RCPT TO:<b@x>\n");
  EXPECT_EQ(d.said("450 no\r\n"), "");
  EXPECT_EQ(d.sink.done, std::vector<uint64_t>{1});
  EXPECT_TRUE(d.machine.reusable());
}

TEST(DialoguePlain, ProtocolTroubleEndsWithQuit) {
  Dialogue d;
  d.offer();
  d.offer();
  d.open();
  EXPECT_EQ(d.said("503 5.5.1 what\r\n"), "QUIT\n");
  EXPECT_FALSE(d.machine.can_offer());
  EXPECT_EQ(d.sink.results.size(), 2u);
  EXPECT_EQ(d.sink.results[1],
            "2 r@example not-attempted 4.5.0: session with mx.example[192.0.2.1] not kept after a "
            "protocol error");
  d.said("221 bye\r\n");
  EXPECT_TRUE(d.machine.closed());
}

TEST(DialogueHello, Choice) {
  struct Case {
    std::string_view name;
    std::string_view banner;
    void (*change)(ClientOptions&);
    std::string_view want;
  };
  const Case cases[] = {
      {"EHLO always", "220 mx\r\n", [](ClientOptions&) {}, "EHLO client.example\n"},
      {"never", "220 mx ESMTP\r\n", [](ClientOptions& o) { o.never_send_ehlo = true; },
       "HELO client.example\n"},
      {"by banner: no", "220 mx SMTP\r\n", [](ClientOptions& o) { o.always_send_ehlo = false; },
       "HELO client.example\n"},
      {"by banner: yes", "220-mx\r\n220 esmtp here\r\n",
       [](ClientOptions& o) { o.always_send_ehlo = false; }, "EHLO client.example\n"},
      {"masked banner", "220 ****2*0****\r\n", [](ClientOptions&) {}, "HELO client.example\n"},
      {"masked banner, off", "220 ********\r\n",
       [](ClientOptions& o) { o.pix_disable_esmtp = false; }, "EHLO client.example\n"},
      {"LMTP", "220 mx\r\n", [](ClientOptions& o) { o.lmtp = true; }, "LHLO client.example\n"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    ClientOptions options = Dialogue::default_options();
    c.change(options);
    Dialogue d(options);
    EXPECT_EQ(d.said(c.banner), c.want);
  }
}

TEST(DialogueHello, DiscardedKeywordsAreNotUsed) {
  ClientOptions options = Dialogue::default_options();
  options.discard = {Feature::kPipelining, Feature::kSize};
  Dialogue d(options);
  d.offer();
  EXPECT_EQ(d.open({"PIPELINING", "SIZE 1", "DSN"}), "MAIL FROM:<s@example>\n");
}

TEST(DialogueDsn, ParametersArePassedOn) {
  Dialogue d;
  TestMessage& m = d.make();
  m.envelope.envid = "e1";
  m.envelope.dsn_return = DsnReturn::kFull;
  m.envelope.recipients[0].notify = kNotifySuccess;
  m.envelope.recipients[0].original = "rfc822;old@example";
  d.machine.offer(m.out);
  EXPECT_EQ(d.open({"PIPELINING", "DSN"}),
            "MAIL FROM:<s@example> RET=FULL ENVID=e1\n"
            "RCPT TO:<r@example> NOTIFY=SUCCESS ORCPT=rfc822;old@example\n"
            "DATA\n");
}

TEST(DialogueReuse, ProbeCostsNoRoundTripWithPipelining) {
  Dialogue d;
  d.offer();
  EXPECT_EQ(d.open({"PIPELINING"}), "MAIL FROM:<s@example>\nRCPT TO:<r@example>\nDATA\n");
  d.said("250 a\r\n250 b\r\n354 go\r\n");
  d.said("250 done\r\n");
  d.machine.probe_before_next();
  d.offer();
  EXPECT_EQ(d.sent(), "RSET\nMAIL FROM:<s@example>\nRCPT TO:<r@example>\nDATA\n");
  d.said("250 r\r\n250 a\r\n250 b\r\n354 go\r\n");
  d.said("250 done\r\n");
  EXPECT_EQ(d.sink.results[1], "2 r@example delivered 2.0.0: 250 done");
  EXPECT_EQ(d.sink.uses, (std::vector<uint32_t>{1, 2}));
}

TEST(DialogueReuse, AStaleConnectionIsNoAttempt) {
  struct Case {
    std::string_view name;
    std::vector<std::string_view> keywords;
    std::string_view reply;  // empty = lost
  };
  const Case cases[] = {
      {"lost", {"PIPELINING"}, ""},
      {"lost, one at a time", {"SIZE"}, ""},
      {"lost, chunked", {"PIPELINING", "CHUNKING"}, ""},
      {"421", {"PIPELINING"}, "421 4.4.2 idle too long\r\n"},
      {"RSET refused", {"PIPELINING"}, "500 what\r\n"},
      {"421, chunked", {"PIPELINING", "CHUNKING"}, "421 4.4.2 idle too long\r\n"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    Dialogue d;
    if (c.keywords.size() == 1)
      d.open({c.keywords[0]});
    else
      d.open({c.keywords[0], c.keywords[1]});
    d.machine.probe_before_next();
    d.offer();
    const std::string wire = d.sent();
    EXPECT_EQ(wire.substr(0, 5), "RSET\n");
    EXPECT_EQ(wire.find("BDAT"), std::string::npos) << "a loss now must not leave mail in doubt";
    if (c.reply.empty())
      d.machine.on_lost();
    else
      d.said(c.reply);
    ASSERT_EQ(d.sink.results.size(), 1u);
    EXPECT_EQ(d.sink.results[0].substr(0, 24), "1 r@example not-attempte");
    EXPECT_FALSE(d.machine.reusable());
    EXPECT_TRUE(d.machine.closed());
  }
}

TEST(DialogueContent, LeavesWithItsLastByte) {
  for (const bool chunking : {false, true}) {
    Dialogue d;
    d.open({"PIPELINING", chunking ? "CHUNKING" : "SIZE"});
    d.offer({"r@example"}, std::vector<std::string>(500, "line\r\n"));
    std::string wire = d.sent();
    if (!chunking) {
      EXPECT_TRUE(d.sink.leaving.empty());
      d.machine.on_bytes("250 ok\r\n250 ok\r\n354 go\r\n");
      wire.clear();
      while (d.sink.leaving.empty()) {
        const auto pieces = d.machine.output();
        ASSERT_FALSE(pieces.empty());
        const iovec& last = pieces.back();
        const std::string_view end(static_cast<const char*>(last.iov_base), last.iov_len);
        EXPECT_EQ(end.ends_with("\r\n.\r\n") || end == ".\r\n", !d.sink.leaving.empty());
        d.sent(1);
      }
    }
    EXPECT_EQ(d.sink.leaving, (std::vector<uint64_t>{1}));
    d.sent();
    EXPECT_EQ(d.sink.leaving.size(), 1u);  // once
  }
}

TEST(DialogueReuse, ServerThatCountsMessages) {
  // 421 to the second MAIL: about the connection, not about the message.
  Dialogue d;
  d.offer();
  d.offer();
  d.open();
  for (const std::string_view reply : {"250 a\r\n", "250 b\r\n", "354 go\r\n", "250 ok\r\n"})
    d.said(reply);
  d.said("421 4.7.0 enough\r\n");
  ASSERT_EQ(d.sink.results.size(), 2u);
  EXPECT_EQ(
      d.sink.results[1],
      "2 r@example not-attempted 4.7.0: host mx.example[192.0.2.1] said: 421 4.7.0 enough (in "
      "reply to MAIL FROM command)");
  EXPECT_TRUE(d.machine.closed());
}

TEST(DialogueReuse, UnaskedReplyEndsAnIdleSession) {
  Dialogue d;
  d.open({"PIPELINING"});
  d.said("421 4.4.2 idle\r\n");
  EXPECT_TRUE(d.machine.closed());
  EXPECT_FALSE(d.machine.can_offer());
  EXPECT_EQ(
      d.machine.failure_text(),
      "Protocol error: unexpected reply from mx.example[192.0.2.1] while idle: 421 4.4.2 idle");
}

TEST(DialogueLmtp, OneReplyPerAcceptedRecipient) {
  ClientOptions options = Dialogue::default_options();
  options.lmtp = true;
  Dialogue d(options);
  d.offer({"a@x", "b@x", "c@x", "d@x"});
  EXPECT_EQ(
      d.open({"PIPELINING"}),
      "MAIL FROM:<s@example>\nRCPT TO:<a@x>\nRCPT TO:<b@x>\nRCPT TO:<c@x>\nRCPT TO:<d@x>\nDATA\n");
  EXPECT_EQ(d.said("250 m\r\n250 a\r\n550 5.1.1 b\r\n250 c\r\n250 d\r\n354 go\r\n"),
            "Subject: x\n\nbody\n.\n");
  d.said("250 2.0.0 a\r\n");
  EXPECT_EQ(d.machine.stage(), Stage::kEndOfData);
  d.said("452 4.2.2 c\r\n");
  EXPECT_TRUE(d.sink.done.empty());
  d.said("552 5.2.2 d\r\n");
  EXPECT_EQ(
      d.sink.results,
      (std::vector<std::string>{
          "1 b@x failed 5.1.1: host mx.example[192.0.2.1] said: 550 5.1.1 b (in reply to RCPT TO "
          "command)",
          "1 a@x delivered 2.0.0: 250 2.0.0 a",
          "1 c@x deferred 4.2.2 next: host mx.example[192.0.2.1] said: 452 4.2.2 c (in reply to "
          "end of DATA command)",
          "1 d@x failed 5.2.2: host mx.example[192.0.2.1] said: 552 5.2.2 d (in reply to end of "
          "DATA command)"}));
  EXPECT_EQ(d.sink.done, std::vector<uint64_t>{1});
  EXPECT_TRUE(d.machine.reusable());
}

TEST(DialogueLmtp, LostAmongTheReplies) {
  ClientOptions options = Dialogue::default_options();
  options.lmtp = true;
  Dialogue d(options);
  d.offer({"a@x", "b@x"});
  d.open();
  for (const std::string_view reply : {"250 m\r\n", "250 a\r\n", "250 b\r\n", "354 go\r\n"})
    d.said(reply);
  d.said("250 2.0.0 a\r\n");
  d.machine.on_lost();
  ASSERT_EQ(d.sink.results.size(), 2u);
  EXPECT_EQ(d.sink.results[0], "1 a@x delivered 2.0.0: 250 2.0.0 a");
  EXPECT_EQ(d.sink.results[1].substr(0, 14), "1 b@x in-doubt");
}

TEST(DialogueLmtp, BdatWaitsForTheRecipients) {
  ClientOptions options = Dialogue::default_options();
  options.lmtp = true;
  Dialogue d(options);
  d.offer({"a@x", "b@x"});
  EXPECT_EQ(d.open({"PIPELINING", "CHUNKING"}),
            "MAIL FROM:<s@example>\nRCPT TO:<a@x>\nRCPT TO:<b@x>\n");
  EXPECT_EQ(d.said("250 m\r\n250 a\r\n550 b\r\n"), "BDAT 20 LAST\nSubject: x\n\nbody\n");
  d.said("250 ok\r\n");
  EXPECT_EQ(d.sink.done, std::vector<uint64_t>{1});
}

TEST(DialogueLmtp, GoAheadWithoutRecipientsEndsTheSession) {
  ClientOptions options = Dialogue::default_options();
  options.lmtp = true;
  Dialogue d(options);
  d.offer();
  d.open({"PIPELINING"});
  EXPECT_EQ(d.said("250 m\r\n550 no\r\n354 go\r\n"), "");
  EXPECT_TRUE(d.machine.closed());
}

}  // namespace
}  // namespace barid::smtp
