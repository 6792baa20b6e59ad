// Goal: the sink's conversation is right for every extension and fault, and byte by byte the same
// as all at once.
#include "bench/sink_session.h"

#include <gtest/gtest.h>

#include <string>

namespace barid::bench {
namespace {

struct Fixture {
  SinkExtensions extensions;
  FaultScript faults;
  SequenceTracker tracker;
  SinkCounts counts;

  /// Greeting and all replies to `in`, given in pieces of `step` bytes; "<closed>" at the end when
  /// the sink closes.
  std::string talk(std::string_view in, size_t step) {
    FaultDecider decider(faults, 1);
    SinkSession session({.extensions = &extensions,
                         .faults = &decider,
                         .tracker = &tracker,
                         .counts = &counts,
                         .ledger = nullptr});
    std::string out, carry;
    bool closed = session.greet(out).next == SinkSession::Next::kClose;
    for (size_t at = 0; at < in.size() && !closed; at += step) {
      carry += in.substr(at, step);
      const auto result = session.feed(carry, out, MonoTime{});
      carry.erase(0, result.taken);
      closed = result.next == SinkSession::Next::kClose;
    }
    return closed ? out + "<closed>" : out;
  }
};

/// The reply codes of a transcript, "220 250 354 …".
std::string codes(const std::string& replies) {
  std::string out;
  for (size_t at = 0; at < replies.size();) {
    const size_t end = replies.find("\r\n", at);
    if (end == std::string::npos) return out + replies.substr(at);
    if (replies[at + 3] == ' ') out += replies.substr(at, 4);
    at = end + 2;
  }
  return out;
}

constexpr std::string_view kEnvelope =
    "EHLO c\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<r0@c.example>\r\n";

TEST(SinkSession, Conversations) {
  struct Row {
    std::string_view in;
    std::string_view want;
    uint64_t messages;
  };
  const std::string envelope(kEnvelope);
  const std::string data = envelope + "DATA\r\nSubject: x\r\n\r\nbody\r\n.\r\nQUIT\r\n";
  const std::string bdat = envelope + "BDAT 5\r\nhelloBDAT 2 LAST\r\n\r\nBDAT 1 LAST\r\nxNOOP\r\n";
  const std::string bdat_empty = envelope + "BDAT 0 LAST\r\nRSET\r\n";
  const std::string nested = envelope + "MAIL FROM:<x@y>\r\n";
  for (const Row& row :
       {Row{data, "220 250 250 250 354 250 221 <closed>", 1},
        Row{bdat, "220 250 250 250 250 250 503 250 ", 1},
        Row{bdat_empty, "220 250 250 250 250 250 ", 1}, Row{nested, "220 250 250 250 503 ", 0},
        Row{"HELO c\r\nRCPT TO:<a@b>\r\nDATA\r\n", "220 250 503 503 ", 0},
        Row{"EHLO c\r\nMAIL FROM:<a>\r\nDATA\r\n", "220 250 250 554 ", 0},
        Row{"MAIL FROM:a@b\r\nMAIL FROM:<\"x>y\"@b> SIZE=9\r\n", "220 501 250 ", 0},
        Row{"EHLO c\r\nMAIL FROM:<a> SIZE=999999999999\r\n", "220 250 552 ", 0},
        Row{"BDAT x\r\n", "220 501 <closed>", 0},
        Row{"STARTTLS\r\nVRFY a\r\nnoop\r\n", "220 502 252 250 ", 0}}) {
    for (const size_t step : {size_t{1}, size_t{7}, row.in.size()}) {
      SCOPED_TRACE(testing::Message() << row.in << " by " << step);
      Fixture fixture;
      EXPECT_EQ(codes(fixture.talk(row.in, step)), row.want);
      EXPECT_EQ(fixture.counts.messages, row.messages);
    }
  }
}

TEST(SinkSession, ExtensionsCanBeSwitchedOff) {
  Fixture all, none;
  all.extensions.dsn = true;
  none.extensions = {.pipelining = false,
                     .eight_bit_mime = false,
                     .smtputf8 = false,
                     .chunking = false,
                     .dsn = false,
                     .enhanced_codes = false,
                     .size_max = 0};
  const std::string offered = all.talk("EHLO c\r\n", 100);
  const std::string bare = none.talk("EHLO c\r\nBDAT 3 LAST\r\n", 100);
  for (const char* keyword : {"PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "CHUNKING", "DSN"}) {
    EXPECT_NE(offered.find(keyword), std::string::npos) << keyword;
    EXPECT_EQ(bare.find(keyword), std::string::npos) << keyword;
  }
  EXPECT_EQ(codes(bare), "220 250 502 ");
}

TEST(SinkSession, FaultsAtEveryStage) {
  struct Row {
    Stage stage;
    std::string_view tempfail;
    std::string_view drop;
    uint64_t messages;
  };
  const std::string in = std::string(kEnvelope) + "DATA\r\nx\r\n.\r\n";
  for (const Row& row :
       {Row{Stage::kConnect, "421 <closed>", "<closed>", 0},
        Row{Stage::kHelo, "220 451 250 250 354 250 ", "220 <closed>", 1},
        Row{Stage::kMail, "220 250 451 503 503 502 502 ", "220 250 <closed>", 0},
        Row{Stage::kRcpt, "220 250 250 451 554 502 502 ", "220 250 250 <closed>", 0},
        Row{Stage::kData, "220 250 250 250 451 502 502 ", "220 250 250 250 <closed>", 0},
        Row{Stage::kDot, "220 250 250 250 354 451 ", "220 250 250 250 354 <closed>", 0}}) {
    SCOPED_TRACE(static_cast<int>(row.stage));
    Fixture fails, drops;
    fails.faults.tempfail_fraction = 1;
    fails.faults.tempfail_stage = row.stage;
    drops.faults.drop_fraction = 1;
    drops.faults.drop_stage = row.stage;
    EXPECT_EQ(codes(fails.talk(in, in.size())), row.tempfail);
    EXPECT_EQ(fails.counts.messages, row.messages);
    EXPECT_EQ(fails.counts.tempfailed, 1u);
    EXPECT_EQ(codes(drops.talk(in, in.size())), row.drop);
    EXPECT_EQ(drops.counts.messages, 0u);
    EXPECT_EQ(drops.counts.dropped, 1u);
  }
}

TEST(SinkSession, DroppedReplyStillCounts) {
  Fixture fixture;
  fixture.faults.drop_fraction = 1;
  fixture.faults.drop_stage = Stage::kReply;
  const std::string in = std::string(kEnvelope) + "DATA\r\nx\r\n.\r\n";
  EXPECT_EQ(codes(fixture.talk(in, in.size())), "220 250 250 250 354 <closed>");
  EXPECT_EQ(fixture.counts.messages, 1u);
}

TEST(SinkSession, PatternAndGreylist) {
  Fixture pattern;
  pattern.faults.permfail_pattern = "BAD*@*";
  EXPECT_EQ(
      codes(pattern.talk("EHLO c\r\nMAIL FROM:<a>\r\nRCPT TO:<bad1@x>\r\nRCPT TO:<ok@x>\r\n", 9)),
      "220 250 250 550 250 ");
  FaultDecider grey({.greylist = std::chrono::seconds(10)}, 1);
  const MonoTime now = MonoTime{} + std::chrono::hours(1);
  EXPECT_EQ(grey.decide_recipient("a", "b", now), Verdict::kGreylist);
  EXPECT_EQ(grey.decide_recipient("a", "b", now + std::chrono::seconds(9)), Verdict::kGreylist);
  EXPECT_EQ(grey.decide_recipient("a", "b", now + std::chrono::seconds(10)), Verdict::kAccept);
  EXPECT_EQ(grey.decide_recipient("x", "b", now + std::chrono::seconds(10)), Verdict::kGreylist);
}

TEST(SinkSession, DelayHoldsTheReplyAndWhatFollows) {
  SinkExtensions extensions;
  SequenceTracker tracker;
  SinkCounts counts;
  FaultDecider decider({.delay = std::chrono::seconds(1), .delay_stage = Stage::kMail}, 1);
  SinkSession session({.extensions = &extensions,
                       .faults = &decider,
                       .tracker = &tracker,
                       .counts = &counts,
                       .ledger = nullptr});
  std::string out;
  (void)session.greet(out);
  std::string in = "MAIL FROM:<a>\r\nNOOP\r\n";
  out.clear();
  auto step = session.feed(in, out, MonoTime{});
  EXPECT_EQ(step.next, SinkSession::Next::kDelay);
  EXPECT_EQ(step.delay, Duration(std::chrono::seconds(1)));
  EXPECT_EQ(out, "");
  in.erase(0, step.taken);
  session.take_held_reply(out);
  step = session.feed(in, out, MonoTime{});
  EXPECT_EQ(codes(out), "250 250 ");
}

TEST(SinkSession, EndlessLineIsRefused) {
  Fixture fixture;
  EXPECT_EQ(codes(fixture.talk(std::string(10000, 'x'), 1000)), "220 500 <closed>");
}

}  // namespace
}  // namespace barid::bench
