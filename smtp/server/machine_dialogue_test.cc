// Goal: whole sessions answer as documented, to the byte. Method: golden dialogues; each line pair
// is what the client sends in one piece and what must come back, CRLF written as "|".
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "smtp/server/machine_harness.h"

namespace barid::smtp {
namespace {

struct Turn {
  std::string_view client;
  std::string_view server;
};

std::string crlf(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') {
      out += "\r\n";
    } else {
      out += c;
    }
  }
  return out;
}

void converse(MachineHarness& session, const std::vector<Turn>& turns) {
  session.start();
  EXPECT_EQ(session.transcript.output, "220 mx.example ESMTP Postfix\r\n");
  for (const Turn& turn : turns) {
    SCOPED_TRACE(std::string(turn.client.substr(0, 80)));
    const size_t before = session.transcript.output.size();
    session.feed_copy(crlf(turn.client));
    EXPECT_EQ(session.transcript.output.substr(before), crlf(turn.server));
  }
}

ServerPolicy test_policy() {
  ServerPolicy policy;
  policy.hostname = "mx.example";
  policy.banner = "mx.example ESMTP Postfix";
  return policy;
}

constexpr std::string_view kEhloReply =
    "250-mx.example|250-PIPELINING|250-SIZE 10240000|250-VRFY|250-ETRN|"
    "250-ENHANCEDSTATUSCODES|250-8BITMIME|250-DSN|250-SMTPUTF8|250 CHUNKING|";

TEST(Dialogue, OneMessageStepByStep) {
  const ServerPolicy policy = test_policy();
  MachineHarness session(policy, {.name = "c.example", .address = "192.0.2.1"});
  converse(
      session,
      {
          {"EHLO client.example|", kEhloReply},
          {"MAIL FROM:<s@a.example> SIZE=100 BODY=8BITMIME RET=HDRS ENVID=q+2Bq|", "250 2.1.0 Ok|"},
          {"RCPT TO:<r@b.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;o+40b|", "250 2.1.5 Ok|"},
          {"RCPT TO:<reject@b.example>|", "550 5.7.1 Refused|"},
          {"DATA|", "354 End data with <CR><LF>.<CR><LF>|"},
          {"Subject: x||..dot|.|", "250 2.0.0 Ok: queued as ID1|"},
          {"QUIT|", "221 2.0.0 Bye|"},
      });
  EXPECT_TRUE(session.transcript.closed);
  ASSERT_EQ(session.transcript.messages.size(), 1u);
  const StoredMessage& message = session.transcript.messages[0];
  EXPECT_EQ(message.content, "Subject: x\r\n\r\n.dot\r\n");
  const Envelope& envelope = message.envelope;
  EXPECT_EQ(envelope.sender, "s@a.example");
  EXPECT_EQ(envelope.envid, "q+q");
  EXPECT_EQ(envelope.dsn_return, DsnReturn::kHeaders);
  EXPECT_EQ(envelope.body, BodyType::k8BitMime);
  EXPECT_FALSE(envelope.smtputf8);
  ASSERT_EQ(envelope.recipients.size(), 1u);
  EXPECT_EQ(envelope.recipients[0].address, "r@b.example");
  EXPECT_EQ(envelope.recipients[0].original, "rfc822;o@b");
  EXPECT_EQ(envelope.recipients[0].notify, kNotifyFailure | kNotifyDelay);
  EXPECT_EQ(envelope.client_name, "c.example");
  EXPECT_EQ(envelope.client_address, "192.0.2.1");
  EXPECT_EQ(envelope.helo, "client.example");
  EXPECT_EQ(envelope.protocol, "ESMTP");
  std::string summary;
  session.machine.append_summary(summary);
  EXPECT_EQ(summary, "ehlo=1 mail=1 rcpt=1/2 data=1 quit=1 commands=5/6");
  EXPECT_EQ(session.machine.stage(), "QUIT");
}

TEST(Dialogue, PipelinedGroupsAndTwoMessages) {
  const ServerPolicy policy = test_policy();
  MachineHarness session(policy);
  converse(session,
           {
               {"EHLO c|", kEhloReply},
               {"MAIL FROM:<>|RCPT TO:<r@b>|RCPT TO:<t@b>|DATA|",
                "250 2.1.0 Ok|250 2.1.5 Ok|250 2.1.5 Ok|354 End data with <CR><LF>.<CR><LF>|"},
               {"a|.|MAIL FROM:<s@a> SMTPUTF8|RCPT TO:<\xc3\xa9@b>|DATA|",
                "250 2.0.0 Ok: queued as ID1|250 2.1.0 Ok|250 2.1.5 Ok|"
                "354 End data with <CR><LF>.<CR><LF>|"},
               {"b|.|QUIT|", "250 2.0.0 Ok: queued as ID2|221 2.0.0 Bye|"},
           });
  ASSERT_EQ(session.transcript.messages.size(), 2u);
  EXPECT_EQ(session.transcript.messages[0].envelope.sender, "");
  EXPECT_EQ(session.transcript.messages[0].envelope.recipients.size(), 2u);
  EXPECT_EQ(session.transcript.messages[1].envelope.protocol, "UTF8SMTP");
  EXPECT_TRUE(session.transcript.messages[1].envelope.smtputf8);
  EXPECT_EQ(session.transcript.messages[1].envelope.recipients.size(), 1u);
  EXPECT_EQ(session.transcript.pipelining_notes, 0u);
}

TEST(Dialogue, Chunks) {
  const ServerPolicy policy = test_policy();
  MachineHarness session(policy);
  converse(
      session,
      {
          {"EHLO c|", kEhloReply},
          {"MAIL FROM:<s@a>|RCPT TO:<r@b>|BDAT 6|.|a\nbBDAT 3 LAST|x|MAIL FROM:<s@a>|",
           "250 2.1.0 Ok|250 2.1.5 Ok|250 2.0.0 Ok: 6 bytes|250 2.0.0 Ok: 9 bytes queued as ID1|"
           "250 2.1.0 Ok|"},
          {"RCPT TO:<r@b>|BDAT 0 LAST|", "250 2.1.5 Ok|250 2.0.0 Ok: 0 bytes queued as ID2|"},
          {"BDAT 5 LAST|12345NOOP|", "503 5.5.1 Error: need RCPT command|250 2.0.0 Ok|"},
          {"MAIL FROM:<s@a>|RCPT TO:<r@b>|BDAT 0|BDAT 2|xyBDAT 1 LAST|zMAIL FROM:<s@a>|",
           "250 2.1.0 Ok|250 2.1.5 Ok|551 5.7.1 Null BDAT request|"
           "551 5.0.0 Discarded 2 bytes after earlier error|"
           "551 5.0.0 Discarded 1 bytes after earlier error|250 2.1.0 Ok|"},
          {"RCPT TO:<r@b>|BDAT 9223372036854775807|",
           "250 2.1.5 Ok|"},  // the answer waits for the payload, which is thrown away
      });
  ASSERT_EQ(session.transcript.messages.size(), 2u);
  EXPECT_EQ(session.transcript.messages[0].content, ".\r\na\nbx\r\n");
  EXPECT_EQ(session.transcript.messages[1].content, "");
  EXPECT_EQ(session.transcript.opened, 4u);
  EXPECT_EQ(session.transcript.aborted, 2u);
}

TEST(Dialogue, BadChunkSizeEndsTheSession) {
  for (const std::string_view size : {"9223372036854775808", "x", "-1", "", "1 2"}) {
    const ServerPolicy policy = test_policy();
    MachineHarness session(policy);
    converse(session,
             {{"EHLO c|", kEhloReply},
              {"MAIL FROM:<s@a>|RCPT TO:<r@b>|", "250 2.1.0 Ok|250 2.1.5 Ok|"},
              {"BDAT " + std::string(size) + "|NOOP|", "521 5.5.4 Syntax: BDAT count [LAST]|"}});
    EXPECT_TRUE(session.transcript.closed);
    EXPECT_EQ(session.transcript.aborted, 1u);
  }
}

TEST(Dialogue, RefusalsOfArguments) {
  ServerPolicy policy = test_policy();
  policy.hard_error_limit = policy.soft_error_limit = 100;
  MachineHarness session(policy);
  converse(session,
           {
               {"EHLO|", "501 Syntax: EHLO hostname|"},
               {"HELO|", "501 Syntax: HELO hostname|"},
               {"EHLO c|", kEhloReply},
               {"MAIL FROM:|", "501 5.5.4 Syntax: MAIL FROM:<address>|"},
               {"MAIL FROM:<a|", "501 5.1.7 Bad sender address syntax|"},
               {"MAIL FROM:<a@b> SIZE=10240001|", "552 5.3.4 Message size exceeds fixed limit|"},
               {"MAIL FROM:<a@b> SIZE=99999999999999999999|",
                "552 5.3.4 Message size exceeds fixed limit|"},
               {"MAIL FROM:<a@b> SIZE=x|", "501 5.5.4 Bad message size syntax|"},
               {"MAIL FROM:<a@b> X\x1bY=1|", "500 5.5.2 Error: control character in command|"},
               {"MAIL FROM:<a@b> XY=1|", "555 5.5.4 Unsupported option: XY=1|"},
               {"MAIL FROM:<a@b> RET=FULL RET=FULL|", "501 5.5.4 Error: duplicate option: RET|"},
               {"MAIL FROM:<a@b> RET=X|", "501 5.5.4 Bad RET parameter syntax|"},
               {"MAIL FROM:<a@b> ENVID=+|", "501 5.5.4 Bad ENVID parameter syntax|"},
               {"MAIL FROM:<reject@b>|", "550 5.7.1 Refused|"},
               {"MAIL FROM:<a@b> SIZE=10240000|", "250 2.1.0 Ok|"},
               {"RCPT TO:|", "501 5.5.4 Syntax: RCPT TO:<address>|"},
               {"RCPT TO:<>|", "501 5.1.3 Bad recipient address syntax|"},
               {"RCPT TO:<a@b> NOTIFY=X|", "501 5.5.4 Error: Bad NOTIFY parameter syntax|"},
               {"RCPT TO:<a@b> ORCPT=x|", "501 5.5.4 Error: Bad ORCPT parameter syntax|"},
               {"RCPT TO:<noopen@b>|", "452 4.3.1 Insufficient system storage|"},
               {"DATA|", "554 5.5.1 Error: no valid recipients|"},
               {"RCPT TO:<a@b>|", "250 2.1.5 Ok|"},
               {"DATA x|", "501 5.5.4 Syntax: DATA|"},
               {"RSET x|", "501 5.5.4 Syntax: RSET|"},
               {"VRFY|", "501 5.5.4 Syntax: VRFY address [SMTPUTF8]|"},
               {"VRFY a@b FOO|", "501 5.5.4 Syntax: VRFY address [SMTPUTF8]|"},
               {"VRFY a@b SMTPUTF8|", "252 2.0.0 a@b|"},
               {"VRFY <a@@b>|", "501 5.1.3 Bad recipient address syntax|"},
               {"VRFY reject@b|", "550 5.7.1 Refused|"},
               {"RSET|", "250 2.0.0 Ok|"},
               {"ETRN|", "500 Syntax: ETRN domain|"},
               {"ETRN a b|", "500 Syntax: ETRN domain|"},
               {"ETRN a..b|", "501 Error: invalid parameter syntax|"},
               {"ETRN @|", "501 Error: invalid parameter syntax|"},
               {"ETRN @a.b|", "250 Queuing started|"},
               {"|", "500 5.5.2 Error: bad syntax|"},
               {"NOOP \xff|", "500 5.5.2 Error: bad UTF-8 syntax|"},
               {"MAILFROM:<a>|", "221 2.7.0 Error: I can break rules, too. Goodbye.|"},
           });
  EXPECT_TRUE(session.transcript.closed);
}

TEST(Dialogue, EndOfDataOutcomes) {
  ServerPolicy policy = test_policy();
  policy.message_size_limit = 20;
  policy.hopcount_limit = 3;
  policy.hard_error_limit = policy.soft_error_limit = 100;
  MachineHarness session(policy);
  session.start();
  session.feed("EHLO c\r\n");
  struct Case {
    std::string_view content;
    std::string_view reply;
  };
  constexpr Case kCases[] = {
      {"12345678901234567890|.|", "552 5.3.4 Error: message file too big|"},
      {"123456789012345678|.|", "250 2.0.0 Ok: queued as ID1|"},
      {"Received:|Received:", ""},
      {"|.|", "552 5.3.4 Error: message file too big|"},  // both limits: the size is seen first
      {"X-Fail: yes|.|", "451 4.3.0 Error: queue file write error|"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.content);
    if (session.machine.phase() == Phase::kGreeted) {
      session.feed("MAIL FROM:<s@a>\r\nRCPT TO:<r@b>\r\nDATA\r\n");
    }
    const size_t before = session.transcript.output.size();
    session.feed_copy(crlf(c.content));
    EXPECT_EQ(session.transcript.output.substr(before), crlf(c.reply));
  }
  EXPECT_EQ(session.machine.stage(), "END-OF-MESSAGE");
}

TEST(Dialogue, TooManyHops) {
  ServerPolicy policy = test_policy();
  policy.hopcount_limit = 3;
  for (const auto& [content, reply] :
       {std::pair{"Received: a||.|", "250 2.0.0 Ok: queued as ID1|"},
        std::pair{"Received: a|Received: b||.|", "554 5.4.0 Error: too many hops|"}}) {
    MachineHarness session(policy);
    converse(session, {{"EHLO c|", kEhloReply},
                       {"MAIL FROM:<s@a>|RCPT TO:<r@b>|DATA|",
                        "250 2.1.0 Ok|250 2.1.5 Ok|354 End data with <CR><LF>.<CR><LF>|"},
                       {content, reply}});
  }
}

TEST(Dialogue, HeloSessionAndDiscardedKeywords) {
  const ServerPolicy policy = test_policy();
  MachineHarness session(
      policy, {.discarded = kKeywordDsn | kKeywordChunking | kKeywordSmtpUtf8 | kKeywordPipelining |
                            kKeywordSize | kKeywordEtrn | kKeyword8BitMime});
  converse(session,
           {
               {"HELO c|", "250 mx.example|"},
               {"EHLO c|", "250-mx.example|250-VRFY|250 ENHANCEDSTATUSCODES|"},
               {"MAIL FROM:<a@b> RET=FULL|", "501 5.7.1 DSN support is disabled|"},
               {"MAIL FROM:<a@b> SMTPUTF8|", "555 5.5.4 Unsupported option: SMTPUTF8|"},
               {"MAIL FROM:<a@b> BODY=8BITMIME|", "555 5.5.4 Unsupported option: BODY=8BITMIME|"},
               {"MAIL FROM:<\xc3\xa9@b>|", "501 5.1.7 Bad sender address syntax|"},
               {"ETRN a|", "502 5.5.1 Error: command not implemented|"},
               {"MAIL FROM:<a@b> SIZE=1|RCPT TO:<a@b>|", "250 2.1.0 Ok|250 2.1.5 Ok|"},
               {"BDAT 1|x", "521 5.5.1 Error: command not implemented|"},
           });
  EXPECT_TRUE(session.transcript.closed);
}

TEST(Dialogue, Xverp) {
  ServerPolicy policy = test_policy();
  policy.keywords |= kKeywordXverp;
  policy.message_size_limit = 0;
  MachineHarness session(policy);
  converse(session, {{"EHLO c|",
                      "250-mx.example|250-PIPELINING|250-SIZE|250-VRFY|250-ETRN|250-XVERP|"
                      "250-ENHANCEDSTATUSCODES|250-8BITMIME|250-DSN|250-SMTPUTF8|250 CHUNKING|"},
                     {"MAIL FROM:<> XVERP|", "503 5.5.4 Error: XVERP requires non-null sender|"},
                     {"MAIL FROM:<l@a.example> XVERP=%%|",
                      "501 5.5.4 Error: XVERP needs two characters from -=+|"},
                     {"MAIL FROM:<l@a.example> XVERP|RCPT TO:<a@b>|DATA|",
                      "250 2.1.0 Ok|250 2.1.5 Ok|354 End data with <CR><LF>.<CR><LF>|"}});
  Envelope envelope;
  session.machine.fill_envelope(envelope);
  EXPECT_EQ(envelope.verp, "+=");

  MachineHarness plain(policy, {.discarded = kKeywordXverp});
  converse(plain, {{"HELO c|", "250 mx.example|"},
                   {"MAIL FROM:<l@a.example> XVERP|", "555 5.5.4 Unsupported option: XVERP|"}});
}

TEST(Dialogue, PriorityAndStream) {
  ServerPolicy policy = test_policy();
  policy.keywords = kKeywordsServed;
  const auto sent_with = [&](const ClientFacts& client, std::string_view parameter,
                             std::string_view reply) {
    MachineHarness session(policy, client);
    const std::string mail = "MAIL FROM:<a@b>" + std::string(parameter) + "|";
    converse(session, {{"HELO c|", "250 mx.example|"},
                       {mail, reply},
                       {"RCPT TO:<c@d>|", "250 2.1.5 Ok|"},
                       {"DATA|", "354 End data with <CR><LF>.<CR><LF>|"},
                       {"x|.|", "250 2.0.0 Ok: queued as ID1|"}});
    return session.transcript.messages.front().envelope;
  };
  struct Row {
    Stream configured;
    int8_t priority_max;
    std::string_view parameter, reply;
    int priority;
    Stream stream;
  };
  constexpr std::string_view kOk = "250 2.1.0 Ok|";
  constexpr std::string_view kLowered = "250 2.3.6 0 is the new priority assigned to the message|";
  const Row rows[] = {
      {Stream::kTransactional, 9, "", kOk, 0, Stream::kTransactional},
      {Stream::kTransactional, 9, " MT-PRIORITY=3", kOk, 3, Stream::kTransactional},
      {Stream::kTransactional, 9, " MT-PRIORITY=-1", kOk, -1, Stream::kBulk},
      {Stream::kTransactional, 0, " MT-PRIORITY=-1", kOk, -1, Stream::kBulk},
      {Stream::kTransactional, 0, " MT-PRIORITY=1", kLowered, 0, Stream::kTransactional},
      {Stream::kBulk, 9, " MT-PRIORITY=9", kOk, 9, Stream::kBulk},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.parameter);
    policy.default_stream = row.configured;
    const Envelope got = sent_with({.priority_max = row.priority_max}, row.parameter, row.reply);
    EXPECT_EQ(got.priority, row.priority);
    EXPECT_EQ(got.stream, row.stream);
  }
}

TEST(Dialogue, AllKeywordsInOrder) {
  ServerPolicy policy = test_policy();
  policy.keywords = kKeywordsServed;
  MachineHarness session(policy);
  std::string all(kEhloReply.substr(0, kEhloReply.rfind("250 ")));
  converse(session,
           {{"EHLO c|", all + "250-CHUNKING|250-BINARYMIME|250 MT-PRIORITY|"},
            {"MAIL FROM:<a@b> MT-PRIORITY=+1|", "501 5.5.4 Bad MT-PRIORITY parameter syntax|"}});
  MachineHarness plain(policy, {.discarded = kKeywordChunking | kKeywordMtPriority});
  converse(plain, {{"EHLO c|", all.replace(all.rfind("250-"), 4, "250 ")},
                   {"MAIL FROM:<a@b> BODY=BINARYMIME|",
                    "555 5.5.4 Unsupported option: BODY=BINARYMIME|"}});
}

TEST(Dialogue, Starttls) {
  ServerPolicy policy = test_policy();
  policy.keywords |= kKeywordStarttls;
  MachineHarness session(policy, {.name = "c.example", .address = "192.0.2.1"});
  std::string offered(kEhloReply);
  offered.insert(offered.find("250-ENHANCED"), "250-STARTTLS|");
  converse(session, {{"EHLO client.example|", offered},
                     {"STARTTLS now|", "501 5.5.4 Syntax: STARTTLS|"},
                     {"MAIL FROM:<a@b>|", "250 2.1.0 Ok|"},
                     {"STARTTLS|", "503 5.5.1 Error: MAIL transaction in progress|"},
                     {"RSET|", "250 2.0.0 Ok|"},
                     // What stands behind STARTTLS came in clear: it is never seen (RFC 3207 4).
                     {"STARTTLS|MAIL FROM:<evil@b>|", "220 2.0.0 Ready to start TLS|"},
                     {"RCPT TO:<r@b>|", "503 5.5.1 Error: need MAIL command|"}});
  EXPECT_EQ(session.machine.helo(), "");
  EXPECT_EQ(session.machine.phase(), Phase::kConnected);
  const size_t before = session.transcript.output.size();
  session.feed_copy(crlf("EHLO again.example|"));
  session.feed_copy(crlf("STARTTLS|"));
  EXPECT_EQ(session.transcript.output.substr(before),
            crlf(std::string(kEhloReply) + "554 5.5.1 Error: TLS already active|"));
  EXPECT_EQ(session.machine.protocol(), "ESMTP");
  EXPECT_EQ(session.machine.transport_protocol(), "ESMTPS");
}

TEST(Dialogue, StarttlsIsHiddenWhereItIsDiscarded) {
  ServerPolicy policy = test_policy();
  policy.keywords |= kKeywordStarttls;
  MachineHarness session(policy, {.discarded = kKeywordStarttls});
  converse(session,
           {{"EHLO c|", kEhloReply}, {"STARTTLS|", "502 5.5.1 Error: command not implemented|"}});
}

TEST(Dialogue, MandatoryTlsLeavesOnlyTheWayThere) {
  ServerPolicy policy = test_policy();
  policy.keywords |= kKeywordStarttls;
  policy.tls_required = true;
  MachineHarness session(policy);
  constexpr std::string_view kMust = "530 5.7.0 Must issue a STARTTLS command first|";
  converse(session, {{"MAIL FROM:<a@b>|", kMust},
                     {"RCPT TO:<a@b>|", kMust},
                     {"VRFY a@b|", kMust},
                     {"RSET|", kMust},
                     {"AUTH PLAIN x|", kMust},
                     {"NOOP|", "250 2.0.0 Ok|"},
                     {"STARTTLS|", "220 2.0.0 Ready to start TLS|"},
                     {"MAIL FROM:<a@b>|", "250 2.1.0 Ok|"},
                     {"QUIT|", "221 2.0.0 Bye|"}});
}

ServerPolicy auth_policy() {
  ServerPolicy policy = test_policy();
  policy.keywords |= kKeywordAuth | kKeywordStarttls;
  policy.broken_sasl_auth_clients = true;
  policy.sasl_response_limit = 40;
  return policy;
}

TEST(Dialogue, Auth) {
  const ServerPolicy policy = auth_policy();
  MachineHarness session(policy);
  session.machine.set_auth_offer({.mechanisms = {"PLAIN", "LOGIN"}, .needs_encryption = false});
  session.feed("EHLO c\r\n");
  EXPECT_NE(session.transcript.output.find(
                "250-STARTTLS\r\n250-AUTH PLAIN LOGIN\r\n250-AUTH=PLAIN LOGIN\r\n250-ENHANCED"),
            std::string::npos)
      << session.transcript.output;
  session.transcript.output.clear();
  constexpr std::string_view kWrong = "535 5.7.8 Error: authentication failed: wrong|";
  converse(session, {{"AUTH|", "501 5.5.4 Syntax: AUTH mechanism|"},
                     {"AUTH PLAIN x y|", "501 5.5.4 Syntax: AUTH mechanism|"},
                     {"AUTH plain bad|", kWrong},
                     {"AUTH LOGIN|", "334 VXNlcjo=|"},
                     {"*|", "501 5.7.0 Authentication aborted|"},
                     {"auth login|", "334 VXNlcjo=|"},
                     {"bad|", kWrong},
                     {"AUTH LOGIN|", "334 VXNlcjo=|"},
                     {"0123456789012345678901234567890123456789x|",
                      "500 5.5.6 SASL response limit exceeded|"},
                     {"MAIL FROM:<a@b> AUTH=a+ZZ|", "501 5.5.4 Bad AUTH parameter syntax|"},
                     {"MAIL FROM:<a@b> AUTH=a+3Db|", "250 2.1.0 Ok|"},
                     {"AUTH PLAIN x|", "503 5.5.1 Error: MAIL transaction in progress|"},
                     {"RSET|", "250 2.0.0 Ok|"},
                     {"AUTH LOGIN|", "334 VXNlcjo=|"},
                     {"QUIT|", "235 2.7.0 Authentication successful|"},  // no command here
                     {"AUTH PLAIN x|", "503 5.5.1 Error: already authenticated|"}});
  EXPECT_EQ(session.machine.auth_user(), "user");
  EXPECT_EQ(session.machine.transport_protocol(), "ESMTPA");
  EXPECT_GE(session.transcript.delays, 2);  // each failure waits
  // RFC 3207 4.2: what was learnt in clear does not count.
  session.feed("STARTTLS\r\n");
  EXPECT_TRUE(session.machine.secured());
  EXPECT_EQ(session.machine.auth_user(), "");
}

TEST(Dialogue, AuthThatIsNotOffered) {
  const ServerPolicy policy = auth_policy();
  MachineHarness session(policy);
  converse(session, {{"AUTH PLAIN x|", "503 5.5.1 Error: authentication not enabled|"}});
  session.machine.set_auth_offer({.mechanisms = {}, .needs_encryption = true});
  session.feed("EHLO c\r\n");
  EXPECT_EQ(session.transcript.output.find("AUTH"), std::string::npos);
  session.transcript.output.clear();
  converse(session, {{"AUTH PLAIN x|",
                      "504 5.5.4 Encryption required for requested authentication mechanism|"}});
}

TEST(Dialogue, PolicyToggles) {
  ServerPolicy policy = test_policy();
  policy.helo_required = true;
  policy.disable_vrfy_command = true;
  policy.strict_rfc821_envelopes = true;
  policy.strict_smtputf8 = true;
  policy.soft_bounce = true;
  policy.message_size_limit = 0;
  policy.keywords |= kKeywordBinaryMime;
  policy.noop_commands = {"smtpd_noop_commands", "XNOTHING", {}};
  policy.checks = kCheckAtHelo | kCheckAtData;
  MachineHarness session(policy);
  converse(
      session,
      {
          {"MAIL FROM:<a@b>|", "403 4.5.1 Error: send HELO/EHLO first|"},
          {"EHLO reject|", "450 4.7.1 Refused|"},
          {"EHLO c|",
           "250-mx.example|250-PIPELINING|250-SIZE|250-ETRN|250-ENHANCEDSTATUSCODES|250-8BITMIME|"
           "250-DSN|250-SMTPUTF8|250-CHUNKING|250 BINARYMIME|"},
          {"xnothing at all|", "250 2.0.0 Ok|"},
          {"VRFY a@b|", "402 4.5.1 VRFY command is disabled|"},
          {"MAIL FROM: <a@b>|", "401 4.1.7 Bad sender address syntax|"},
          {"MAIL FROM:<\xc3\xa9@b>|", "401 4.1.7 Bad sender address syntax|"},
          {"MAIL FROM:<reject@b> BODY=BINARYMIME SIZE=99999999999|", "250 2.1.0 Ok|"},
          {"RCPT TO:<\xc3\xa9@b>|", "401 4.1.3 Bad recipient address syntax|"},
          {"RCPT TO:<nodata@b>|DATA|",
           "250 2.1.5 Ok|403 4.5.1 Error: BODY=BINARYMIME requires BDAT|"},
          {"BDAT 2|ab", "450 4.7.1 Refused|"},
          {"BDAT 1|c", "451 4.0.0 Discarded 1 bytes after earlier error|"},
          {"RSET|MAIL FROM:<a@b>|RCPT TO:<nodata@b>|DATA|",
           "250 2.0.0 Ok|250 2.1.0 Ok|250 2.1.5 Ok|450 4.7.1 Refused|"},
          {"RCPT TO:<drop@b>|NOOP|", "421 4.7.1 Go away|"},
      });
  EXPECT_TRUE(session.transcript.closed);
  EXPECT_EQ(session.transcript.opened, session.transcript.aborted);
}

}  // namespace
}  // namespace barid::smtp
