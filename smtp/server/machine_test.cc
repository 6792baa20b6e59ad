// Goal: lines, limits, counters and the end of sessions. Method: small sessions against the
// harness; each test names the rule it is about.
#include "smtp/server/machine.h"

#include <gtest/gtest.h>

#include <string>

#include "smtp/server/machine_harness.h"

namespace barid::smtp {
namespace {

using namespace std::string_literals;

std::string say(MachineHarness& session, std::string_view bytes) {
  const size_t before = session.transcript.output.size();
  session.feed_copy(bytes);
  return session.transcript.output.substr(before);
}

void greet(MachineHarness& session) {
  session.start();
  session.feed("EHLO c\r\n");
}

void begin_data(MachineHarness& session) {
  greet(session);
  session.feed("MAIL FROM:<s@a>\r\nRCPT TO:<r@b>\r\nDATA\r\n");
}

std::string note_line(Note note, std::string_view bytes) {
  return std::to_string(static_cast<int>(note)) + ":" + std::string(bytes) + "\n";
}

TEST(ServerMachineReplies, FooterOnRefusals) {
  ServerPolicy policy;
  policy.reject_footer = "\\c (see $localtime)";
  policy.reject_footer_maps = {
      "smtpd_reject_footer_maps", "regexp:{{/^501/ usage of $$server_name}}", {}};
  MachineHarness session(policy);
  session.machine.set_local_time("Nov  5 01:02:03");
  session.start();
  session.feed("WHAT\r\n");
  session.feed("HELO\r\n");
  session.feed("NOOP\r\n");
  EXPECT_EQ(session.transcript.output,
            "220 localhost ESMTP Postfix\r\n"
            "500 5.5.2 Error: command not recognized (see Nov  5 01:02:03)\r\n"
            "501-Syntax: HELO hostname\r\n501 usage of localhost\r\n250 2.0.0 Ok\r\n");
}

TEST(ServerMachineReplies, FilterOfRefusals) {
  ServerPolicy policy;
  policy.reject_filter_maps = {"smtpd_reject_filter_maps",
                               "regexp:{{/^500 .*/ 450 4.5.1 later\x01}, {/^501/ 250 2.0.0 no}, "
                               "{/^503 / 421 4.7.0 away}, {/^2/ 550 5.0.0 never}}",
                               {}};
  MachineHarness session(policy);
  session.start();
  session.feed("WHAT\r\n");
  session.feed("HELO\r\n");
  session.feed("NOOP\r\n");
  session.feed("RCPT TO:<a@b>\r\n");
  EXPECT_EQ(session.transcript.output,
            "220 localhost ESMTP Postfix\r\n"
            "450 4.5.1 later?\r\n501 Syntax: HELO hostname\r\n250 2.0.0 Ok\r\n"
            "421 4.7.0 away\r\n");
}

TEST(ServerMachineReplies, CommandFilter) {
  ServerPolicy policy;
  policy.command_filter = {"smtpd_command_filter", "regexp:{{/^FOO (.*)/ NOOP $1}}", {}};
  MachineHarness session(policy);
  session.start();
  session.feed(" foo  bar\r\n");
  session.feed("BAR\r\n");
  EXPECT_EQ(session.transcript.output,
            "220 localhost ESMTP Postfix\r\n250 2.0.0 Ok\r\n"
            "500 5.5.2 Error: command not recognized\r\n");
  EXPECT_EQ(session.transcript.notes,
            note_line(Note::kReplaced, "replacing command \" foo  bar\" with \"NOOP  bar\""));
  ServerPolicy broken;
  broken.command_filter = {"smtpd_command_filter", "nosuch:table", {}};
  MachineHarness closed(broken);
  closed.start();
  closed.feed("NOOP\r\n");
  EXPECT_TRUE(
      closed.transcript.output.ends_with("421 4.3.0 localhost Server local data error\r\n"));
  EXPECT_TRUE(closed.transcript.closed);
}

TEST(ServerMachineReplies, DiscardedKeywordsAreNoted) {
  ServerPolicy policy;
  MachineHarness session(policy, {.discard_note = "discarding EHLO keywords: DSN"});
  session.start();
  session.feed("HELO c\r\n");
  EXPECT_EQ(session.transcript.notes, "");
  session.feed("EHLO c\r\n");
  EXPECT_EQ(session.transcript.notes,
            note_line(Note::kDiscarding, "discarding EHLO keywords: DSN"));
}

TEST(Lines, LengthLimitIsExact) {
  ServerPolicy policy;
  policy.line_length_limit = 600;
  constexpr std::string_view kTooLong = "500 5.5.2 localhost Error: command too long\r\n";
  struct Case {
    size_t length;
    std::string_view reply;
  };
  constexpr Case kCases[] = {
      {600, "250 2.0.0 Ok\r\n"}, {601, kTooLong}, {602, kTooLong}, {100'000, kTooLong}};
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.length);
    const std::string line = "NOOP " + std::string(c.length - 5, 'x') + "\r\n";
    MachineHarness whole(policy);
    greet(whole);
    EXPECT_EQ(say(whole, line), c.reply);
    EXPECT_EQ(say(whole, "RSET\r\n"), "250 2.0.0 Ok\r\n");
    MachineHarness single(policy);
    greet(single);
    std::string got;
    for (const char byte : line) got += say(single, std::string_view(&byte, 1));
    EXPECT_EQ(got, c.reply);
    EXPECT_EQ(say(single, "RSET\r\n"), "250 2.0.0 Ok\r\n");
  }
}

TEST(Lines, BareNewlineNeverEndsACommand) {
  struct Case {
    BareNewline mode;
    std::string_view in;
    std::string_view reply;
    bool closed;
    bool noted;
  };
  constexpr std::string_view kRefused = "500 5.5.2 localhost Error: bare <LF> received\r\n";
  constexpr std::string_view kRejected = "550 5.5.2 localhost Error: bare <LF> received\r\n";
  constexpr Case kCases[] = {
      {BareNewline::kNormalize, "NOOP\n", kRefused, false, true},
      {BareNewline::kNormalize, "NOOP\nRSET\nNOOP\r\n", kRefused, false, true},
      {BareNewline::kNo, "NOOP\nRSET\r\n", kRefused, false, false},
      {BareNewline::kNote, "\n\r\n", kRefused, false, true},
      {BareNewline::kReject, "NOOP\nRSET\r\n", kRejected, true, true},
      {BareNewline::kNormalize, "NOOP \rRSET\r\n",
       "500 5.5.2 Error: control character in command\r\n", false, false},
  };
  const ServerPolicy policy;
  for (const Case& c : kCases) {
    SCOPED_TRACE(testing::PrintToString(std::string(c.in)));
    MachineHarness session(policy, {.bare_newline = c.mode});
    greet(session);
    EXPECT_EQ(say(session, c.in), c.reply);
    EXPECT_EQ(session.transcript.closed, c.closed);
    std::string summary;
    session.machine.append_summary(summary);
    EXPECT_EQ(summary.ends_with(" notes=bare_lf"), c.noted) << summary;
  }
}

TEST(Content, BareNewlineModes) {
  struct Case {
    BareNewline mode;
    bool stored;
    bool noted;
  };
  constexpr Case kCases[] = {{BareNewline::kNo, true, false},
                             {BareNewline::kNote, true, true},
                             {BareNewline::kNormalize, true, true},
                             {BareNewline::kReject, false, true}};
  const std::string content = "a\n.\nb\n.\r\nMAIL FROM:<evil@x>\r\n\0\x80\xff\rx\r\n"s;
  ServerPolicy policy;
  policy.bare_newline_reject_code = 554;
  for (const Case& c : kCases) {
    SCOPED_TRACE(static_cast<int>(c.mode));
    MachineHarness session(policy, {.bare_newline = c.mode});
    begin_data(session);
    const std::string reply = say(session, content + ".\r\n");
    if (c.stored) {
      EXPECT_EQ(reply, "250 2.0.0 Ok: queued as ID1\r\n");
      ASSERT_EQ(session.transcript.messages.size(), 1u);
      EXPECT_EQ(session.transcript.messages[0].content, content);
    } else {
      EXPECT_EQ(reply, "554 5.5.2 localhost Error: bare <LF> received\r\n");
      EXPECT_EQ(session.transcript.aborted, 1u);
      EXPECT_EQ(session.machine.phase(), Phase::kGreeted);
    }
    EXPECT_EQ(session.transcript.notes, c.noted ? note_line(Note::kBareNewline, "") : "");
  }
}

TEST(Content, BareNewlineInChunks) {
  const ServerPolicy policy;
  struct Case {
    std::string_view first;
    std::string_view second;
    bool refused;
  };
  constexpr Case kCases[] = {
      {"a\r", "\nb", false}, {"a\n", "b\r", true}, {"a", "\nb", true}, {"\r\n", "\r\n", false}};
  for (const Case& c : kCases) {
    MachineHarness session(policy, {.bare_newline = BareNewline::kReject});
    greet(session);
    session.feed("MAIL FROM:<s@a>\r\nRCPT TO:<r@b>\r\n");
    say(session, "BDAT 2\r\n" + std::string(c.first).append(2 - c.first.size(), 'x'));
    if (c.first.size() == 2) {
      const std::string reply = say(session, "BDAT 2 LAST\r\n" + std::string(c.second));
      EXPECT_EQ(reply.starts_with("550 5.5.2"), c.refused) << reply;
    }
  }
}

TEST(Content, TooBigIsConsumedToItsEnd) {
  ServerPolicy policy;
  policy.message_size_limit = 1000;
  MachineHarness session(policy);
  begin_data(session);
  const std::string line(98, 'x');
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(say(session, line + "\r\n"), "");
  EXPECT_EQ(session.transcript.aborted, 1u);  // the content is dropped as soon as it is too big
  EXPECT_FALSE(session.machine.message_open());
  EXPECT_TRUE(session.machine.in_content());
  EXPECT_EQ(session.machine.content_bytes(), 100'000u);
  EXPECT_EQ(say(session, ".\r\n"), "552 5.3.4 Error: message file too big\r\n");
  EXPECT_EQ(session.transcript.notes,
            note_line(Note::kRejected, "552 5.3.4 Error: message file too big"));
  EXPECT_EQ(say(session, "MAIL FROM:<s@a>\r\n"), "250 2.1.0 Ok\r\n");
}

TEST(Content, ChunkBeyondTheLimitIsConsumed) {
  ServerPolicy policy;
  policy.message_size_limit = 10;
  MachineHarness session(policy);
  greet(session);
  session.feed("MAIL FROM:<s@a>\r\nRCPT TO:<r@b>\r\n");
  EXPECT_EQ(say(session, "BDAT 6\r\n123456"), "250 2.0.0 Ok: 6 bytes\r\n");
  EXPECT_EQ(say(session, "BDAT 5 LAST\r\nQUIT\rNOOP\r\n"),
            "552 5.3.4 Chunk exceeds message size limit\r\n250 2.0.0 Ok\r\n");
  EXPECT_EQ(session.transcript.aborted, 1u);
  EXPECT_EQ(say(session, "MAIL FROM:<s@a>\r\nRCPT TO:<r@b>\r\nBDAT 10 LAST\r\n1234567890"),
            "250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n250 2.0.0 Ok: 10 bytes queued as ID1\r\n");
}

TEST(Errors, SoftLimitDelaysHardLimitEnds) {
  ServerPolicy policy;
  policy.soft_error_limit = 2;
  policy.hard_error_limit = 4;
  MachineHarness session(policy);
  greet(session);
  constexpr std::string_view kReply = "500 5.5.2 Error: command not recognized\r\n";
  EXPECT_EQ(say(session, "X1\r\n"), kReply);
  EXPECT_EQ(say(session, "X2\r\n"), kReply);
  EXPECT_EQ(session.transcript.delays, 0u);
  EXPECT_EQ(say(session, "X3\r\n"), kReply);
  EXPECT_EQ(say(session, "NOOP\r\n"), "250 2.0.0 Ok\r\n");
  EXPECT_EQ(session.transcript.delays, 2u);
  EXPECT_EQ(say(session, "X4\r\nNOOP\r\n"),
            std::string(kReply) + "421 4.7.0 localhost Error: too many errors\r\n");
  EXPECT_TRUE(session.transcript.closed);
  EXPECT_EQ(session.transcript.notes, note_line(Note::kTooManyErrors, ""));
  std::string summary;
  session.machine.append_summary(summary);
  EXPECT_EQ(summary, "ehlo=1 noop=1 unknown=0/4 commands=2/6");
}

TEST(Errors, ForgivenByAQueuedMessage) {
  ServerPolicy policy;
  policy.hard_error_limit = 3;
  MachineHarness session(policy);
  greet(session);
  for (int round = 0; round < 5; ++round) {
    session.feed("X1\r\nX2\r\nMAIL FROM:<s@a>\r\nRCPT TO:<r@b>\r\nDATA\r\n");
    session.feed("a\r\n.\r\n");
  }
  EXPECT_FALSE(session.transcript.closed);
  EXPECT_EQ(session.transcript.messages.size(), 5u);
}

TEST(Errors, JunkCommands) {
  ServerPolicy policy;
  policy.junk_command_limit = 3;
  policy.hard_error_limit = 2;
  MachineHarness session(policy);
  session.start();
  for (int i = 0; i < 5; ++i) session.feed("RSET\r\n");
  EXPECT_FALSE(session.transcript.closed);
  session.feed("NOOP\r\n");
  EXPECT_TRUE(session.transcript.closed);
  EXPECT_TRUE(
      session.transcript.output.ends_with("421 4.7.0 localhost Error: too many errors\r\n"));
}

TEST(Recipients, LimitAndOvershoot) {
  ServerPolicy policy;
  policy.recipient_limit = 2;
  policy.recipient_overshoot_limit = 3;
  policy.hard_error_limit = 2;
  MachineHarness session(policy);
  greet(session);
  session.feed("MAIL FROM:<s@a>\r\nRCPT TO:<a@b>\r\nRCPT TO:<c@d>\r\n");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(say(session, "RCPT TO:<e@f>\r\n"), "452 4.5.3 Error: too many recipients\r\n");
  }
  EXPECT_FALSE(session.transcript.closed);
  session.feed("RCPT TO:<e@f>\r\nRCPT TO:<e@f>\r\n");
  EXPECT_TRUE(session.transcript.closed);
  EXPECT_EQ(session.transcript.aborted, 1u);
}

TEST(Recipients, ManyAreStoredExactly) {
  ServerPolicy policy;
  policy.recipient_limit = 10'000;
  MachineHarness session(policy);
  greet(session);
  session.feed("MAIL FROM:<s@a>\r\n");
  std::string wire;
  for (int i = 0; i < 10'000; ++i) {
    wire += "RCPT TO:<user" + std::to_string(i) + "@example.org>\r\n";
  }
  session.feed(wire);
  session.feed("DATA\r\n");
  session.feed("x\r\n.\r\n");
  ASSERT_EQ(session.transcript.messages.size(), 1u);
  const auto& recipients = session.transcript.messages[0].envelope.recipients;
  ASSERT_EQ(recipients.size(), 10'000u);
  EXPECT_EQ(recipients[9'999].address, "user9999@example.org");
}

TEST(Pipelining, BeyondAGroupsEnd) {
  struct Case {
    std::string_view in;
    bool caught;
  };
  constexpr Case kCases[] = {
      {"EHLO c\r\nNOOP\r\n", true},
      {"NOOP\r\nNOOP\r\n", true},
      {"RSET\r\nNOOP\r\n", false},
      {"VRFY a@b\r\nRSET\r\n", true},
      {"MAIL FROM:<s@a>\r\nRCPT TO:<r@b>\r\nDATA\r\nx", true},
      {"MAIL FROM:<s@a>\r\nRCPT TO:<r@b>\r\nBDAT 1 LAST\r\nxQUIT\r\n", false},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.in);
    for (const bool forbid : {true, false}) {
      ServerPolicy policy;
      policy.forbid_unauth_pipelining = forbid;
      MachineHarness session(policy);
      greet(session);
      const std::string reply = say(session, c.in);
      EXPECT_EQ(reply.ends_with("554 5.5.0 Error: SMTP protocol synchronization\r\n"),
                c.caught && forbid);
      EXPECT_EQ(session.transcript.pipelining_notes, c.caught ? 1u : 0u);
      if (forbid && c.caught) EXPECT_TRUE(session.transcript.closed);
    }
  }
}

TEST(Pipelining, NoneWithoutEhlo) {
  const ServerPolicy policy;
  MachineHarness session(policy);
  session.start();
  session.feed("HELO c\r\n");
  EXPECT_EQ(say(session, "MAIL FROM:<s@a>\r\nRCPT TO:<r@b>\r\n"),
            "554 5.5.0 Error: SMTP protocol synchronization\r\n");
}

TEST(Start, EarlyTalkAndRefusals) {
  struct Case {
    ServerMachine::Start start;
    bool forbid;
    std::string_view output;
    bool closed;
  };
  const Case kCases[] = {
      {{}, true, "220 localhost ESMTP Postfix\r\n", false},
      {{.early_input = "EHLO x\r\n"},
       true,
       "554 5.5.0 Error: SMTP protocol synchronization\r\n",
       true},
      {{.early_input = "EHLO x\r\n"}, false, "220 localhost ESMTP Postfix\r\n", false},
      {{.refusal = "421 4.7.0 mx Error: too many connections"},
       true,
       "421 4.7.0 mx Error: too many connections\r\n",
       true},
      {{.refusal = "554 5.7.1 no"}, true, "554 5.7.1 no\r\n", false},
  };
  for (const Case& c : kCases) {
    ServerPolicy policy;
    policy.forbid_unauth_pipelining = c.forbid;
    MachineHarness session(policy);
    session.start(c.start);
    EXPECT_EQ(session.transcript.output, c.output);
    EXPECT_EQ(session.transcript.closed, c.closed);
    EXPECT_EQ(session.transcript.pipelining_notes, c.start.early_input.empty() ? 0u : 1u);
    EXPECT_EQ(session.machine.stage(), "CONNECT");
  }
}

TEST(Start, RefusedClientMayOnlyQuit) {
  const ServerPolicy policy;
  MachineHarness session(policy, {.name = "bad.example", .address = "192.0.2.9"});
  session.start({.refusal = "554 5.7.1 no"});
  for (const std::string_view command : {"EHLO c\r\n", "MAIL FROM:<a@b>\r\n", "HELP\r\n"}) {
    EXPECT_EQ(say(session, command),
              "503 5.7.0 Error: access denied for bad.example[192.0.2.9]\r\n");
  }
  EXPECT_EQ(say(session, "QUIT\r\n"), "221 2.0.0 Bye\r\n");
}

TEST(NonSmtp, EndsTheSession) {
  for (const std::string_view line : {"GET / HTTP/1.1", "post /x", "CONNECT a:1", "Subject: hello",
                                      "Host: x", "\x16\x03\x01", "<xml>", "250 ok"}) {
    const ServerPolicy policy;
    MachineHarness session(policy);
    session.start();
    EXPECT_EQ(say(session, std::string(line) + "\r\n"),
              "221 2.7.0 Error: I can break rules, too. Goodbye.\r\n");
    EXPECT_TRUE(session.transcript.closed);
    EXPECT_EQ(session.transcript.notes, note_line(Note::kNonSmtpCommand, line));
  }
}

TEST(End, TimeoutAndShutdownAbortWhatIsOpen) {
  const ServerPolicy policy;
  for (const bool timeout : {true, false}) {
    MachineHarness session(policy);
    begin_data(session);
    session.feed("half a mess");
    EXPECT_EQ(session.machine.stage(), "DATA");
    EXPECT_EQ(session.machine.content_bytes(), 11u);
    const size_t before = session.transcript.output.size();
    timeout ? session.machine.on_timeout() : session.machine.on_shutdown();
    session.feed({});
    EXPECT_EQ(session.transcript.output.substr(before),
              timeout ? "421 4.4.2 localhost Error: timeout exceeded\r\n"
                      : "421 4.3.2 localhost Service shutting down\r\n");
    EXPECT_TRUE(session.transcript.closed);
    EXPECT_EQ(session.transcript.aborted, 1u);
  }
}

TEST(Replies, ForeignTextCannotBreakTheLine) {
  const ServerPolicy policy;
  ServerMachine machine(policy, {});
  machine.start({});
  machine.clear_output();
  size_t consumed = 0;
  const std::string_view mail = "MAIL FROM:<a@b>\r\n";
  ASSERT_EQ(machine.next(mail, &consumed).kind, ActionKind::kCheckSender);
  machine.on_verdict("554 5.7.1 a\r\n250 Ok\x1b[2J" + std::string(2000, 'y'));
  EXPECT_EQ(machine.output().size(), 512u);
  EXPECT_TRUE(machine.output().starts_with("554 5.7.1 a??250 Ok?[2Jyyy"));
  EXPECT_EQ(machine.output().find('\r'), 510u);
}

TEST(Transaction, HeloNameIsBounded) {
  const ServerPolicy policy;
  MachineHarness session(policy);
  session.start();
  session.feed("EHLO " + std::string(2000, 'h') + "\r\n");
  EXPECT_EQ(session.machine.helo().size(), 255u);
}

TEST(Transaction, VerifyLeavesItAsItWas) {
  const ServerPolicy policy;
  MachineHarness session(policy);
  greet(session);
  session.feed("MAIL FROM:<s@a>\r\nRCPT TO:<r1@b>\r\n");
  session.feed("VRFY v@x\r\n");
  session.feed("VRFY reject@x\r\n");
  session.feed("RCPT TO:<reject@b>\r\nRCPT TO:<r2@b>\r\nDATA\r\n");
  session.feed("x\r\n.\r\n");
  ASSERT_EQ(session.transcript.messages.size(), 1u);
  const Envelope& envelope = session.transcript.messages[0].envelope;
  EXPECT_EQ(envelope.sender, "s@a");
  ASSERT_EQ(envelope.recipients.size(), 2u);
  EXPECT_EQ(envelope.recipients[0].address, "r1@b");
  EXPECT_EQ(envelope.recipients[1].address, "r2@b");
}

TEST(Output, LongPipelinedGroupsAreFlushedOnTheWay) {
  ServerPolicy policy;
  policy.forbid_unauth_pipelining = false;
  ServerMachine machine(policy, {});
  machine.start({});
  std::string wire;
  for (int i = 0; i < 2000; ++i) wire += "HELP\r\n";
  std::string_view input = wire;
  size_t flushes = 0;
  for (;;) {
    size_t consumed = 0;
    const Action action = machine.next(input, &consumed);
    input.remove_prefix(consumed);
    ASSERT_LT(machine.output().size(), 8192u);
    if (action.kind == ActionKind::kNeedInput) break;
    if (action.kind != ActionKind::kFlush) continue;
    EXPECT_EQ(action.delay, Duration::zero());
    ++flushes;
    machine.clear_output();
  }
  EXPECT_GT(flushes, 10u);
}

TEST(Memory, AnIdleMachineIsSmall) { EXPECT_LE(sizeof(ServerMachine), 1536u); }

}  // namespace
}  // namespace barid::smtp
