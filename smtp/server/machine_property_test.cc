// Goal: TCP segmentation never changes meaning. Method: random dialogues from fragments, good and
// bad, run whole, byte by byte and in random pieces; replies, stored messages, notes and delays
// must be the same. The seed of a failure is printed.
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "core/base/rng.h"
#include "smtp/server/machine_harness.h"

namespace barid::smtp {
namespace {

using namespace std::string_view_literals;

constexpr std::array kFragments = {
    "EHLO c\r\n"sv,
    "HELO d\r\n"sv,
    "MAIL FROM:<s@a>\r\n"sv,
    "MAIL FROM:<> SIZE=50 SMTPUTF8\r\n"sv,
    "MAIL FROM:<reject@a>\r\n"sv,
    "RCPT TO:<r@b>\r\n"sv,
    "RCPT TO:<q@b> NOTIFY=NEVER\r\n"sv,
    "RCPT TO:<reject@b>\r\n"sv,
    "RCPT TO:<noopen@b>\r\n"sv,
    "RCPT TO:<\"a b\"@c>\r\n"sv,
    "DATA\r\n"sv,
    "DATA\r\n"sv,
    "BDAT 5\r\n12\r\n5"sv,
    "BDAT 3 LAST\r\n.\r\n"sv,
    "BDAT 0\r\n"sv,
    "BDAT 0 LAST\r\n"sv,
    "BDAT 100\r\n"sv,
    "RSET\r\n"sv,
    "NOOP\r\n"sv,
    "VRFY x@y\r\n"sv,
    "ETRN a.b\r\n"sv,
    "HELP\r\n"sv,
    "WHAT\r\n"sv,
    "\r\n"sv,
    "\n"sv,
    "\r"sv,
    "."sv,
    ".\r\n"sv,
    "\r\n.\r\n"sv,
    "\n.\r\n"sv,
    "\r\n.\n"sv,
    "..\r\n"sv,
    "text"sv,
    "Received: x\r\n"sv,
    "X-Fail: yes\r\n"sv,
    "\0\xff"sv,
    "NOOP \n x\r\n"sv,
    "QUIT\r\n"sv,
    "a line that is longer than the limit of sixty-four bytes, to be refused\r\n"sv};

template <typename NextLength>
MachineHarness& run(MachineHarness& session, std::string_view wire, NextLength next_length) {
  session.start();
  while (!wire.empty() && !session.transcript.closed) {
    const std::string_view piece = wire.substr(0, next_length(wire.size()));
    session.feed_copy(piece);
    wire.remove_prefix(piece.size());
  }
  return session;
}

void expect_same(const Transcript& a, const Transcript& b) {
  EXPECT_EQ(a.output, b.output);
  EXPECT_EQ(a.notes, b.notes);
  EXPECT_EQ(a.delays, b.delays);
  EXPECT_EQ(a.opened, b.opened);
  EXPECT_EQ(a.aborted, b.aborted);
  EXPECT_EQ(a.closed, b.closed);
  ASSERT_EQ(a.messages.size(), b.messages.size());
  for (size_t i = 0; i < a.messages.size(); ++i) {
    EXPECT_EQ(a.messages[i].content, b.messages[i].content);
    EXPECT_EQ(a.messages[i].envelope.sender, b.messages[i].envelope.sender);
    EXPECT_EQ(a.messages[i].envelope.recipients.size(), b.messages[i].envelope.recipients.size());
  }
}

TEST(ServerMachineProperty, SegmentationNeverChangesMeaning) {
  size_t stored = 0;
  for (uint64_t seed = 1; seed <= 4000 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Rng rng(seed);
    ServerPolicy policy;
    policy.forbid_unauth_pipelining = false;  // what is pending depends on segments, by nature
    policy.line_length_limit = 64;
    policy.message_size_limit = rng.chance(500) ? 0 : 60;
    policy.hopcount_limit = 3;
    policy.checks = static_cast<uint8_t>(rng.below(8));
    policy.soft_error_limit = static_cast<uint32_t>(1 + rng.below(20));
    policy.hard_error_limit = static_cast<uint32_t>(5 + rng.below(40));
    ClientFacts client;
    client.bare_newline = static_cast<BareNewline>(rng.below(4));
    std::string wire = "EHLO c\r\nMAIL FROM:<s@a>\r\nRCPT TO:<r@b>\r\n";
    for (uint64_t i = rng.below(40); i > 0; --i) wire += kFragments[rng.below(kFragments.size())];

    MachineHarness whole(policy, client);
    run(whole, wire, [](size_t left) { return left; });
    MachineHarness single(policy, client);
    run(single, wire, [](size_t) { return size_t{1}; });
    expect_same(whole.transcript, single.transcript);
    MachineHarness pieces(policy, client);
    run(pieces, wire, [&rng](size_t) { return static_cast<size_t>(1 + rng.below(12)); });
    expect_same(whole.transcript, pieces.transcript);
    stored += whole.transcript.messages.size();
  }
  EXPECT_GT(stored, 200u);  // the fragments do make whole messages
}

}  // namespace
}  // namespace barid::smtp
