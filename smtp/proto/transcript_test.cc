// Goal: a transcript shows commands and replies and no secrets, stays within its bound, and knows
// which classes of trouble a session had.
// Method: rows of replies; sessions line by line.
#include "smtp/proto/transcript.h"

#include <gtest/gtest.h>

namespace barid::smtp {
namespace {

TEST(Transcript, TroubleOfAReply) {
  struct Row {
    std::string_view reply;
    uint8_t classes;
  };
  constexpr Row kRows[] = {
      {"250 2.0.0 Ok", 0},
      {"220 mx ESMTP", 0},
      {"", 0},
      {"5", 0},
      {"502 5.5.2 Error: command not recognized", kTroubleProtocol},
      {"503 5.5.1 Error: need MAIL command", kTroubleProtocol},
      {"501 Syntax: HELO hostname", kTroubleProtocol},
      {"555 5.5.4 Unsupported option", kTroubleProtocol},
      {"452 4.5.3 Error: too many recipients", kTroublePolicy},
      {"554 5.7.1 <x@y>: Relay access denied", kTroublePolicy},
      {"450 4.7.1 Client host rejected", kTroublePolicy},
      {"550-5.7.1 first of several lines", kTroublePolicy},
      {"450 4.1.8 <x@y>: Sender address rejected: Domain not found", kTroublePolicy},
      {"550 5.1.1 <x@y>: Recipient address rejected: User unknown", 0},
      {"452 4.3.1 Insufficient system storage", kTroubleResource},
      {"451 4.3.0 Error: queue file write error", kTroubleSoftware},
      {"451 4.3.0 <x@y>: Temporary lookup failure", kTroubleData},
      {"451 4.3.5 Server configuration error", kTroubleSoftware},
      {"421 4.3.2 Service shutting down", 0},
      {"421 4.4.2 mx Error: timeout exceeded", kTroubleProtocol},
      {"552 5.3.4 Message size exceeds limit", 0},
      {"451 4.6.0 Error: this message is being stored", 0},
  };
  for (const Row& row : kRows) EXPECT_EQ(trouble_of(row.reply), row.classes) << row.reply;
}

TEST(Transcript, WhatWasSaidWithoutSecretsAndControls) {
  Transcript transcript(4096);
  transcript.add_output("220 mx ESMTP\r\n");
  transcript.add_input("EHLO a\r\nMAIL FROM:<a@b>\r\n");
  transcript.add_output("250-mx\r\n250 SMTPUTF8\r\n503 5.5.1 no\r\n");
  transcript.add_input("auth plain AGJvYgBzZWNyZXQ=\r\n");
  transcript.add_input("AUTH LOGIN\r\n");
  transcript.add_input("bad\x01 \xff\n");
  transcript.add_note("Session ended: lost connection");
  EXPECT_EQ(transcript.text(),
            " Out: 220 mx ESMTP\r\n In:  EHLO a\r\n In:  MAIL FROM:<a@b>\r\n Out: 250-mx\r\n"
            " Out: 250 SMTPUTF8\r\n Out: 503 5.5.1 no\r\n In:  AUTH plain (left out)\r\n"
            " In:  AUTH LOGIN\r\n In:  bad? ?\r\n Session ended: lost connection\r\n");
  EXPECT_EQ(transcript.classes(), kTroubleProtocol);
  EXPECT_EQ(transcript.left_out_count(), 0u);
}

TEST(Transcript, OfALongSessionTheEndIsKept) {
  Transcript transcript(1000);
  for (int i = 0; i < 500; ++i) {
    transcript.add_input("NOOP " + std::to_string(i) + "\r\n");
    ASSERT_LE(transcript.text().size(), 1000u);
  }
  EXPECT_TRUE(transcript.text().ends_with(" In:  NOOP 499\r\n"));
  EXPECT_TRUE(transcript.text().starts_with(" In:  NOOP "));
  const auto lines = std::count(transcript.text().begin(), transcript.text().end(), '\n');
  EXPECT_EQ(transcript.left_out_count() + lines, 500u);
  transcript.add_input(std::string(5000, 'x') + "\r\n");
  EXPECT_LE(transcript.text().size(), 1000u);
}

}  // namespace
}  // namespace barid::smtp
