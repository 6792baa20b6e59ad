// Goal: trusted proxies, and nobody else, replace the client (XCLIENT) or tell of one (XFORWARD).
// Method: dialogues; "|" is CRLF.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "smtp/server/machine_harness.h"

namespace barid::smtp {
namespace {

constexpr std::string_view kMessage = "MAIL FROM:<s@a.example>|RCPT TO:<r@b.example>|DATA|";
constexpr std::string_view kGo = "250 2.1.0 Ok|250 2.1.5 Ok|354 End data with <CR><LF>.<CR><LF>|";
constexpr std::string_view kBusy = "503 5.5.1 Error: MAIL transaction in progress|";
constexpr std::string_view kStranger = "550 5.7.0 Error: insufficient authorization|";

std::string crlf(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '|' ? "\r\n" : std::string(1, c);
  return out;
}

struct ForwardTest : testing::Test {
  ForwardTest() {
    policy.hostname = "mx.example";
    policy.banner = "mx.example ESMTP Postfix";
    policy.keywords |= kKeywordXclient | kKeywordXforward;
    policy.forbid_unauth_pipelining = false;
  }
  void begin(ClientFacts client = {.name = "proxy.example", .address = "192.0.2.1", .port = 4711}) {
    session = std::make_unique<MachineHarness>(policy, std::move(client));
    session->start();
  }
  /// What is answered.
  void say(std::string_view client, std::string_view server) {
    const size_t before = session->transcript.output.size();
    session->feed_copy(crlf(client));
    EXPECT_EQ(session->transcript.output.substr(before), crlf(server)) << client;
  }
  void send_message() {
    say(kMessage, kGo);
    session->feed_copy("x\r\n.\r\n");
  }
  const Envelope& last() { return session->transcript.messages.back().envelope; }

  ServerPolicy policy;
  std::unique_ptr<MachineHarness> session;
};

TEST_F(ForwardTest, KeywordsAreForThoseWhoMay) {
  begin();
  session->feed_copy("EHLO c\r\n");
  const std::string offered = session->transcript.output;
  EXPECT_NE(offered.find("250-ETRN\r\n250-XCLIENT NAME ADDR PROTO HELO REVERSE_NAME PORT LOGIN "
                         "DESTADDR DESTPORT\r\n250-XFORWARD NAME ADDR PROTO HELO SOURCE PORT "
                         "IDENT\r\n250-ENHANCEDSTATUSCODES"),
            std::string::npos)
      << offered;
  begin({.discarded = kKeywordXclient | kKeywordXforward});
  session->feed_copy("EHLO c\r\n");
  EXPECT_EQ(session->transcript.output.find("-X"), std::string::npos);
  say("XCLIENT NAME=x|", kStranger);
  say("XFORWARD NAME=x|", kStranger);
  say("XCLIENT|", "501 5.5.4 Syntax: XCLIENT attribute=value...|");
  say("XFORWARD|", "501 5.5.4 Syntax: XFORWARD attribute=value...|");
}

TEST_F(ForwardTest, XclientReplacesTheClient) {
  begin();
  say("XCLIENT NAME=spike.example ADDR=192.0.2.7 HELO=helo.example PROTO=ESMTP|",
      "220 mx.example ESMTP Postfix|");
  EXPECT_EQ(session->machine.client().name, "spike.example");
  EXPECT_EQ(session->machine.protocol(), "ESMTP");
  send_message();
  EXPECT_EQ(last().client_address, "192.0.2.7");
  EXPECT_EQ(last().helo, "helo.example");
  say("XCLIENT ADDR=[UNAVAILABLE]|", "220 mx.example ESMTP Postfix|");  // the name stays
  EXPECT_EQ(session->machine.client().name, "spike.example");
  EXPECT_EQ(session->machine.client().address, "unknown");
  EXPECT_EQ(session->machine.helo(), "helo.example");
  say("HELO other|", "250 mx.example|");
  EXPECT_EQ(session->machine.helo(), "other");
  say("MAIL FROM:<a@b.example>|", "250 2.1.0 Ok|");
  say("XCLIENT NAME=x|", kBusy);
  EXPECT_EQ(session->transcript.notes, "");
}

TEST_F(ForwardTest, XclientStartsAnew) {
  policy.helo_required = true;
  begin();
  say("HELO c|", "250 mx.example|");
  say("XCLIENT NAME=spike.example|", "220 mx.example ESMTP Postfix|");
  say("MAIL FROM:<a@b.example>|", "503 5.5.1 Error: send HELO/EHLO first|");
}

TEST_F(ForwardTest, XclientMeetsTheRulesForItsClient) {
  begin();
  say("XCLIENT NAME=reject.example|", "550 5.7.1 Refused|");
  say("MAIL FROM:<a@b.example>|", "503 5.7.0 Error: access denied for reject.example[192.0.2.1]|");
}

TEST_F(ForwardTest, BadAttributesChangeNothing) {
  begin();
  say("XCLIENT NAME=spike.example ADDR=1.2.3|", "501 5.5.4 Bad ADDR syntax: 1.2.3|");
  EXPECT_EQ(session->machine.client().name, "proxy.example");
  say("XFORWARD SOURCE=x|", "501 5.5.4 Bad SOURCE syntax: x|");
  send_message();
  EXPECT_EQ(last().client_name, "proxy.example");
  EXPECT_EQ(last().client_port, 4711);
  EXPECT_FALSE(last().client_is_local);
}

TEST_F(ForwardTest, XforwardTellsOfTheNextMessage) {
  begin();
  say("XFORWARD NAME=spike.example ADDR=IPV6:2001:db8::9 PORT=99|", "250 2.0.0 Ok|");
  say("XFORWARD SOURCE=LOCAL IDENT=4XYZ PROTO=SMTP HELO=[UNAVAILABLE]|", "250 2.0.0 Ok|");
  send_message();
  EXPECT_EQ(last().client_name, "spike.example");
  EXPECT_EQ(last().client_address, "2001:db8::9");
  EXPECT_EQ(last().client_port, 99);
  EXPECT_EQ(last().protocol, "SMTP");
  EXPECT_EQ(last().helo, "");
  EXPECT_EQ(last().forwarded_id, "4XYZ");
  EXPECT_TRUE(last().client_is_local);
  send_message();
  EXPECT_EQ(last().client_name, "proxy.example");
  EXPECT_EQ(last().forwarded_id, "");
  say("MAIL FROM:<a@b.example>|", "250 2.1.0 Ok|");
  say("XFORWARD NAME=x|", kBusy);
  say("RSET|XFORWARD NAME=gone.example|RSET|", "250 2.0.0 Ok|250 2.0.0 Ok|250 2.0.0 Ok|");
  send_message();
  EXPECT_EQ(last().client_name, "proxy.example");
}

}  // namespace
}  // namespace barid::smtp
