// Goal: every command has exactly one answer in every phase. Method: bring a machine into each
// phase by a dialogue, send each verb in its well-formed shape, compare the reply and the phase
// after it with a table written independently of rules.h.
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "smtp/server/machine_harness.h"

namespace barid::smtp {
namespace {

constexpr std::array<std::string_view, kPhaseCount> kWayTo = {
    "",
    "EHLO c\r\n",
    "EHLO c\r\nMAIL FROM:<s@x>\r\n",
    "EHLO c\r\nMAIL FROM:<s@x>\r\nRCPT TO:<reject@x>\r\n",
    "EHLO c\r\nMAIL FROM:<s@x>\r\nRCPT TO:<r@x>\r\n",
    "EHLO c\r\nMAIL FROM:<s@x>\r\nRCPT TO:<r@x>\r\nBDAT 1\r\nx",
    "EHLO c\r\nMAIL FROM:<s@x>\r\nRCPT TO:<r@x>\r\nBDAT 0\r\n",
};

struct Row {
  Verb verb;
  std::string_view command;
  /// For each phase: the start of the reply, and the phase after it as one letter (initials of
  /// Connected, Greeted, Mail, refuSed, Rcpt, cHunks, Fault; d = reading data; q = closed).
  std::array<std::string_view, kPhaseCount> expected;
};

constexpr std::string_view kLetters = "CGMSRHF";

#define SAME(reply) \
  { "C" reply, "G" reply, "M" reply, "S" reply, "R" reply, "H" reply, "F" reply }
#define TO(phase, reply) \
  { phase reply, phase reply, phase reply, phase reply, phase reply, phase reply, phase reply }
#define BUSY "503 Error: MAIL transaction in progress"
#define IN_MAIL "503 5.5.1 Error: MAIL transaction in progress"

constexpr Row kRows[] = {
    {Verb::kHelo, "HELO d", TO("G", "250 localhost")},
    {Verb::kEhlo, "EHLO d", TO("G", "250-localhost")},
    {Verb::kXclient,
     "XCLIENT NAME=x",
     {"C550 5.7.0", "G550 5.7.0", "M" IN_MAIL, "S" IN_MAIL, "R" IN_MAIL, "H" IN_MAIL, "F" IN_MAIL}},
    {Verb::kXforward,
     "XFORWARD NAME=x",
     {"C550 5.7.0", "G550 5.7.0", "M" IN_MAIL, "S" IN_MAIL, "R" IN_MAIL, "H" IN_MAIL, "F" IN_MAIL}},
    {Verb::kStarttls, "STARTTLS", SAME("502 5.5.1")},
    {Verb::kAuth, "AUTH PLAIN x", SAME("503 5.5.1 Error: authentication not enabled")},
    {Verb::kMail,
     "MAIL FROM:<t@x>",
     {"M250 2.1.0 Ok", "M250 2.1.0 Ok", "M503 5.5.1 Error: nested MAIL command",
      "S503 5.5.1 Error: nested MAIL command", "R503 5.5.1 Error: nested MAIL command",
      "H503 5.5.1 Error: nested MAIL command", "F503 5.5.1 Error: MAIL after BDAT"}},
    {Verb::kRcpt,
     "RCPT TO:<q@x>",
     {"C503 5.5.1 Error: need MAIL command", "G503 5.5.1 Error: need MAIL command", "R250 2.1.5 Ok",
      "R250 2.1.5 Ok", "R250 2.1.5 Ok", "H503 5.5.1 Error: RCPT after BDAT",
      "F503 5.5.1 Error: RCPT after BDAT"}},
    {Verb::kData,
     "DATA",
     {"C503 5.5.1 Error: need RCPT command", "G503 5.5.1 Error: need RCPT command",
      "M503 5.5.1 Error: need RCPT command", "S554 5.5.1 Error: no valid recipients",
      "d354 End data with <CR><LF>.<CR><LF>", "H503 5.5.1 Error: DATA after BDAT",
      "F503 5.5.1 Error: DATA after BDAT"}},
    {Verb::kBdat,
     "BDAT 3\r\nabc",
     {"F503 5.5.1 Error: need RCPT command", "F503 5.5.1 Error: need RCPT command",
      "F503 5.5.1 Error: need RCPT command", "F554 5.5.1 Error: no valid recipients",
      "H250 2.0.0 Ok: 3 bytes", "H250 2.0.0 Ok: 3 bytes",
      "F551 5.0.0 Discarded 3 bytes after earlier error"}},
    {Verb::kRset,
     "RSET",
     {"C250 2.0.0 Ok", "G250 2.0.0 Ok", "G250 2.0.0 Ok", "G250 2.0.0 Ok", "G250 2.0.0 Ok",
      "G250 2.0.0 Ok", "G250 2.0.0 Ok"}},
    {Verb::kNoop, "NOOP", SAME("250 2.0.0 Ok")},
    {Verb::kVrfy, "VRFY <v@x>", SAME("252 2.0.0 v@x")},
    {Verb::kEtrn,
     "ETRN x.example",
     {"C250 Queuing started", "G250 Queuing started", "M" BUSY, "S" BUSY, "R" BUSY, "H" BUSY,
      "F" BUSY}},
    {Verb::kQuit, "QUIT", TO("q", "221 2.0.0 Bye")},
    {Verb::kHelp, "HELP", SAME("214 2.0.0 Commands: ")},
    {Verb::kUnknown, "WHAT", SAME("500 5.5.2 Error: command not recognized")},
};
static_assert(std::size(kRows) == kVerbCount);

/// What follows the last banner or reply of the way.
std::string reply_to(MachineHarness& session, std::string_view bytes) {
  const size_t before = session.transcript.output.size();
  session.feed_copy(bytes);
  return session.transcript.output.substr(before);
}

TEST(ServerMachineExhaustive, PhaseByVerb) {
  ServerPolicy policy;
  policy.forbid_unauth_pipelining = false;  // the way to a phase is fed in one piece
  for (size_t phase = 0; phase < kPhaseCount; ++phase) {
    for (const Row& row : kRows) {
      SCOPED_TRACE(testing::Message() << row.command << " in phase " << kLetters[phase]);
      MachineHarness session(policy);
      session.start();
      session.feed_copy(kWayTo[phase]);
      ASSERT_EQ(static_cast<size_t>(session.machine.phase()), phase);
      const bool was_open = session.machine.message_open();

      const std::string reply = reply_to(session, std::string(row.command) + "\r\n");
      const std::string_view expected = row.expected[phase].substr(1);
      const char after = row.expected[phase].front();
      EXPECT_EQ(reply.substr(0, expected.size()), expected);
      EXPECT_TRUE(reply.ends_with("\r\n"));
      EXPECT_EQ(session.transcript.closed, after == 'q');
      EXPECT_EQ(session.machine.in_content(), after == 'd');
      if (after != 'q' && after != 'd') {
        EXPECT_EQ(kLetters[static_cast<size_t>(session.machine.phase())], after);
      }
      // A message stays open exactly while recipients of its transaction stand.
      if (was_open && after != 'R' && after != 'H' && after != 'd') {
        EXPECT_EQ(session.transcript.aborted, 1u);
      }
      const CommandCount count = session.machine.counts()[static_cast<size_t>(row.verb)];
      EXPECT_GE(count.total + (after == 'd' ? 1 : 0), 1u);
    }
  }
}

/// A second walk: whatever was answered, RSET and a full transaction work afterwards.
TEST(ServerMachineExhaustive, EveryPairRecovers) {
  ServerPolicy policy;
  policy.forbid_unauth_pipelining = false;  // the way to a phase is fed in one piece
  for (size_t phase = 0; phase < kPhaseCount; ++phase) {
    for (const Row& row : kRows) {
      if (row.verb == Verb::kQuit || row.expected[phase].front() == 'd') continue;
      SCOPED_TRACE(testing::Message() << row.command << " in phase " << kLetters[phase]);
      MachineHarness session(policy);
      session.start();
      session.feed_copy(kWayTo[phase]);
      session.feed_copy(std::string(row.command) + "\r\n");
      session.feed_copy("RSET\r\n");
      session.feed_copy("MAIL FROM:<s@x>\r\n");
      session.feed_copy("RCPT TO:<r@x>\r\n");
      session.feed_copy("DATA\r\n");
      session.feed_copy("Subject: x\r\n\r\n.\r\n");
      ASSERT_EQ(session.transcript.messages.size(), 1u);
      EXPECT_EQ(session.transcript.messages[0].content, "Subject: x\r\n\r\n");
      EXPECT_EQ(session.transcript.opened, session.transcript.aborted + 1);
    }
  }
}

}  // namespace
}  // namespace barid::smtp
