// Goal: our Received header has Postfix's shape and cannot be shaped by a peer; foreign ones are
// counted in the header block and nowhere else. Method: rows, each whole and byte by byte.
#include "smtp/proto/received.h"

#include <gtest/gtest.h>

#include <string>

namespace barid::smtp {
namespace {

ReceivedFacts sample() {
  return {.helo = "client.example",
          .client_name = "unknown",
          .client_address = "192.0.2.7",
          .hostname = "mx.example",
          .mail_name = "Postfix",
          .protocol = "ESMTP",
          .queue_id = "0aBcDeFgHiJk",
          .recipient = "bob@dest.example",
          .unix_seconds = 1795497900,
          .zone = {.minutes_east = 60, .name = "CET"}};
}

std::string header(const ReceivedFacts& facts) {
  std::string out;
  append_received(out, facts);
  return out;
}

TEST(AppendReceived, OneRecipient) {
  EXPECT_EQ(header(sample()),
            "Received: from client.example (unknown [192.0.2.7])\r\n"
            "\tby mx.example (Postfix) with ESMTP id 0aBcDeFgHiJk\r\n"
            "\tfor <bob@dest.example>; Tue, 24 Nov 2026 06:25:00 +0100 (CET)\r\n");
}

TEST(AppendReceived, SeveralRecipientsIpv6NoHelo) {
  ReceivedFacts facts = sample();
  facts.helo = {};
  facts.client_name = "host.example";
  facts.client_address = "2001:db8::7";
  facts.recipient = {};
  EXPECT_EQ(header(facts),
            "Received: from host.example (host.example [IPv6:2001:db8::7])\r\n"
            "\tby mx.example (Postfix) with ESMTP id 0aBcDeFgHiJk;\r\n"
            "\tTue, 24 Nov 2026 06:25:00 +0100 (CET)\r\n");
}

TEST(AppendReceived, HiddenClient) {
  ReceivedFacts facts = sample();
  facts.hide_client = true;
  EXPECT_EQ(header(facts),
            "Received: by mx.example (Postfix) with ESMTP id 0aBcDeFgHiJk\r\n"
            "\tfor <bob@dest.example>; Tue, 24 Nov 2026 06:25:00 +0100 (CET)\r\n");
}

TEST(AppendReceived, HeloCannotShapeIt) {
  ReceivedFacts facts = sample();
  facts.helo = "x (bank.example [1.2.3.4])\r\nBcc: y\\";
  const std::string got = header(facts);
  EXPECT_TRUE(got.starts_with("Received: from x ?bank.example [1.2.3.4]???Bcc: y? (unknown"));
}

TEST(ReceivedCounter, Rows) {
  struct Case {
    std::string_view in;
    uint32_t count;
    bool done;
  };
  constexpr Case kCases[] = {
      {"", 0, false},
      {"Received: a\r\n", 1, false},
      {"received: a\r\nRECEIVED: b\r\n\r\n", 2, true},
      {"Received : a\r\nReceived\t:b\r\n\r\n", 2, true},
      {"Received: a\r\n\tReceived: folded\r\n\r\n", 1, true},
      {"Received-SPF: pass\r\nX-Received: a\r\nReceive: d\r\nReceivedx: e\r\n\r\n", 0, true},
      {"Subject: a\r\n\r\nReceived: in the body\r\n", 0, true},
      {"Subject: a\r\nno header\r\nReceived: after it\r\n", 0, true},
      {"From someone Mon\r\nReceived: a\r\n\r\n", 1, true},
      {">From someone\r\nReceived: a\r\n", 1, false},
      {"\r\nReceived: a\r\n", 0, true},
      {"Subject: a\nReceived: behind a bare LF\r\n\r\n", 0, true},
      {"Subject: a\rReceived: behind a bare CR\r\nReceived: b\r\n\r\n", 1, true},
      {"Subject: a\r\r\nReceived: b\r\n\r\n", 1, true},
      {"\rReceived: a\r\nReceived: b\r\n", 1, false},
      {"\r\r\nReceived: b\r\n", 1, false},
      {"Rec\reived: a\r\nReceived: b\r\n", 1, false},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(testing::PrintToString(std::string(c.in)));
    ReceivedCounter whole;
    whole.feed(c.in);
    EXPECT_EQ(whole.count(), c.count);
    EXPECT_EQ(whole.done(), c.done);
    ReceivedCounter single;
    for (size_t i = 0; i < c.in.size(); ++i) single.feed(c.in.substr(i, 1));
    EXPECT_EQ(single.count(), c.count);
    EXPECT_EQ(single.done(), c.done);
  }
}

TEST(ReceivedCounter, ResetsForTheNextMessage) {
  ReceivedCounter counter;
  counter.feed("Received: a\r\n\r\nbody");
  counter.reset();
  counter.feed("Received: b\r\n");
  EXPECT_EQ(counter.count(), 1u);
  EXPECT_FALSE(counter.done());
}

}  // namespace
}  // namespace barid::smtp
