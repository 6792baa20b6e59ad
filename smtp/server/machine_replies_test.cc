// Goal: every refused command, parameter, address, line and size has its reply, and every fixed
// reply of replies.h is said somewhere. Method: one table of dialogues, each with what must come
// back to its last piece; then the names in replies.h are looked for in what was said.
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <string>
#include <vector>

#include "smtp/server/machine_harness.h"

namespace barid::smtp {
namespace {

/// What is special about the server of a row.
enum Setting : uint32_t {
  kPlain = 0,
  kHeloRequired = 1,
  kNoVrfy = 2,
  kStrict = 4,
  kSmall = 8,      ///< message_size_limit 100
  kFewHops = 16,   ///< hopcount_limit 3
  kTls = 32,       ///< STARTTLS is offered
  kMustTls = 64,   ///< and needed
  kAuth = 128,     ///< AUTH PLAIN LOGIN
  kAuthTls = 256,  ///< AUTH under TLS only
  kProxies = 512,  ///< XCLIENT, XFORWARD, XVERP
  kBinary = 1024,  ///< BINARYMIME, MT-PRIORITY
  kFewErrors = 2048,
  kOneRcpt = 4096,
  kNoKeywords = 8192,  ///< nothing but the commands of RFC 821 is for this client
  kBareLf = 16384,     ///< smtpd_forbid_bare_newline = reject
  kLowPriority = 32768,
};

struct Row {
  uint32_t settings;
  std::string_view before;  ///< pieces, each a group of lines; CRLF is "|", pieces end in "^"
  std::string_view client;
  std::string_view reply;  ///< of `client` alone
  bool closes = false;
};

#define HI "EHLO c|^"
#define MAIL HI "MAIL FROM:<s@a>|^"
#define RCPT MAIL "RCPT TO:<r@b>|^"
#define DATA RCPT "DATA|^"
#define SYNC "554 5.5.0 Error: SMTP protocol synchronization|"

const Row kRows[] = {
    // Lines (spec: order of checks per line)
    {kPlain, HI, "|", "500 5.5.2 Error: bad syntax|"},
    {kPlain, HI, "   |", "500 5.5.2 Error: bad syntax|"},
    {kPlain, HI, "NOOP \xff|", "500 5.5.2 Error: bad UTF-8 syntax|"},
    {kPlain, HI, "NOOP \x01|", "500 5.5.2 Error: control character in command|"},
    {kPlain, HI, "NOOP x\n|", "500 5.5.2 mx Error: bare <LF> received|"},
    {kBareLf, HI, "NOOP x\n|", "550 5.5.2 mx Error: bare <LF> received|", true},
    {kPlain, HI, "WHAT|", "500 5.5.2 Error: command not recognized|"},
    {kPlain, HI, "Subject: x|", "221 2.7.0 Error: I can break rules, too. Goodbye.|", true},
    {kPlain, HI, "GET / HTTP/1.1|", "221 2.7.0 Error: I can break rules, too. Goodbye.|", true},
    {kPlain, HI, "POST / HTTP/1.1|", "221 2.7.0 Error: I can break rules, too. Goodbye.|", true},
    {kPlain, HI, "CONNECT x:25|", "221 2.7.0 Error: I can break rules, too. Goodbye.|", true},
    {kPlain, HI, "\x16|", "221 2.7.0 Error: I can break rules, too. Goodbye.|", true},
    // Pipelining (RFC 2920 3.1)
    {kPlain, "", "EHLO c|NOOP|", SYNC, true},
    {kPlain, HI, "NOOP|RSET|", SYNC, true},
    {kPlain, HI, "VRFY a@b|RSET|", SYNC, true},
    {kPlain, RCPT, "DATA|x|", SYNC, true},
    {kPlain, "HELO c|^", "MAIL FROM:<s@a>|RCPT TO:<r@b>|", SYNC, true},
    // HELO, EHLO
    {kPlain, "", "HELO|", "501 Syntax: HELO hostname|"},
    {kPlain, "", "EHLO|", "501 Syntax: EHLO hostname|"},
    {kPlain, "", "HELO c|", "250 mx|"},
    {kHeloRequired, "", "MAIL FROM:<s@a>|", "503 5.5.1 Error: send HELO/EHLO first|"},
    // MAIL
    {kPlain, HI, "MAIL|", "501 5.5.4 Syntax: MAIL FROM:<address>|"},
    {kPlain, HI, "MAIL TO:<s@a>|", "501 5.5.4 Syntax: MAIL FROM:<address>|"},
    {kPlain, HI, "MAIL FROM:|", "501 5.5.4 Syntax: MAIL FROM:<address>|"},
    {kPlain, HI, "MAIL FROM:<s@a|", "501 5.1.7 Bad sender address syntax|"},
    {kPlain, HI, "MAIL FROM:<s@@a>|", "501 5.1.7 Bad sender address syntax|"},
    {kPlain, HI, "MAIL FROM:<s@a..b>|", "501 5.1.7 Bad sender address syntax|"},
    {kPlain, HI, "MAIL FROM:<s@[300.1.1.1]>|", "501 5.1.7 Bad sender address syntax|"},
    {kStrict, HI, "MAIL FROM: <s@a>|", "501 5.1.7 Bad sender address syntax|"},
    {kPlain, MAIL, "MAIL FROM:<s@a>|", "503 5.5.1 Error: nested MAIL command|"},
    {kPlain, RCPT "BDAT 0|^", "MAIL FROM:<s@a>|", "503 5.5.1 Error: MAIL after BDAT|"},
    {kPlain, HI, "MAIL FROM:<reject@a>|", "550 5.7.1 Refused|"},
    // Parameters of MAIL
    {kPlain, HI, "MAIL FROM:<s@a> SIZE=x|", "501 5.5.4 Bad message size syntax|"},
    {kPlain, HI, "MAIL FROM:<s@a> SIZE|", "501 5.5.4 Bad message size syntax|"},
    {kPlain, HI, "MAIL FROM:<s@a> SIZE=-1|", "501 5.5.4 Bad message size syntax|"},
    {kSmall, HI, "MAIL FROM:<s@a> SIZE=101|", "552 5.3.4 Message size exceeds fixed limit|"},
    {kSmall, HI, "MAIL FROM:<s@a> SIZE=99999999999999999999|",
     "552 5.3.4 Message size exceeds fixed limit|"},
    {kSmall, HI, "MAIL FROM:<s@a> SIZE=100000000000000000000|",  // RFC 1870 3: 20 digits at most
     "501 5.5.4 Bad message size syntax|"},
    {kPlain, HI, "MAIL FROM:<s@a> FOO=1|", "555 5.5.4 Unsupported option: FOO=1|"},
    {kPlain, HI, "MAIL FROM:<s@a> BODY=9BIT|", "555 5.5.4 Unsupported option: BODY=9BIT|"},
    {kPlain, HI, "MAIL FROM:<s@a> SMTPUTF8=1|", "555 5.5.4 Unsupported option: SMTPUTF8=1|"},
    {kPlain, HI, "MAIL FROM:<s@a> AUTH=<>|", "555 5.5.4 Unsupported option: AUTH=<>|"},
    {kPlain, HI, "MAIL FROM:<s@a> RET=FULL RET=HDRS|", "501 5.5.4 Error: duplicate option: RET|"},
    {kPlain, HI, "MAIL FROM:<s@a> RET=X|", "501 5.5.4 Bad RET parameter syntax|"},
    {kPlain, HI, "MAIL FROM:<s@a> ENVID=+ZZ|", "501 5.5.4 Bad ENVID parameter syntax|"},
    {kAuth, HI, "MAIL FROM:<s@a> AUTH=+ZZ|", "501 5.5.4 Bad AUTH parameter syntax|"},
    {kBinary, HI, "MAIL FROM:<s@a> MT-PRIORITY=10|", "501 5.5.4 Bad MT-PRIORITY parameter syntax|"},
    {kBinary | kLowPriority, HI, "MAIL FROM:<s@a> MT-PRIORITY=5|",
     "250 2.3.6 0 is the new priority assigned to the message|"},
    {kProxies, HI, "MAIL FROM:<s@a> XVERP=ab|",
     "501 5.5.4 Error: XVERP needs two characters from -=+|"},
    {kProxies, HI, "MAIL FROM:<> XVERP|", "503 5.5.4 Error: XVERP requires non-null sender|"},
    {kNoKeywords, HI, "MAIL FROM:<s@a> RET=FULL|", "501 5.7.1 DSN support is disabled|"},
    {kNoKeywords, HI, "MAIL FROM:<s@a> ENVID=x|", "501 5.7.1 DSN support is disabled|"},
    {kNoKeywords, HI, "MAIL FROM:<s@a> SMTPUTF8|", "555 5.5.4 Unsupported option: SMTPUTF8|"},
    // RCPT
    {kPlain, HI, "RCPT TO:<r@b>|", "503 5.5.1 Error: need MAIL command|"},
    {kPlain, MAIL, "RCPT|", "501 5.5.4 Syntax: RCPT TO:<address>|"},
    {kPlain, MAIL, "RCPT TO:|", "501 5.5.4 Syntax: RCPT TO:<address>|"},
    {kPlain, MAIL, "RCPT FROM:<r@b>|", "501 5.5.4 Syntax: RCPT TO:<address>|"},
    {kPlain, MAIL, "RCPT TO:<>|", "501 5.1.3 Bad recipient address syntax|"},
    {kPlain, MAIL, "RCPT TO:<r@b|", "501 5.1.3 Bad recipient address syntax|"},
    {kPlain, MAIL, "RCPT TO:<r@b..c>|", "501 5.1.3 Bad recipient address syntax|"},
    {kPlain, MAIL, "RCPT TO:<r@b> NOTIFY=NEVER,DELAY|",
     "501 5.5.4 Error: Bad NOTIFY parameter syntax|"},
    {kPlain, MAIL, "RCPT TO:<r@b> NOTIFY=|", "501 5.5.4 Error: Bad NOTIFY parameter syntax|"},
    {kPlain, MAIL, "RCPT TO:<r@b> ORCPT=x|", "501 5.5.4 Error: Bad ORCPT parameter syntax|"},
    {kPlain, MAIL, "RCPT TO:<r@b> SIZE=1|", "555 5.5.4 Unsupported option: SIZE=1|"},
    {kNoKeywords, MAIL, "RCPT TO:<r@b> NOTIFY=NEVER|", "501 5.7.1 DSN support is disabled|"},
    {kNoKeywords, MAIL, "RCPT TO:<r@b> ORCPT=rfc822;x|", "501 5.7.1 DSN support is disabled|"},
    {kOneRcpt, RCPT, "RCPT TO:<q@b>|", "452 4.5.3 Error: too many recipients|"},
    {kPlain, RCPT "BDAT 1|x^", "RCPT TO:<q@b>|", "503 5.5.1 Error: RCPT after BDAT|"},
    {kPlain, MAIL, "RCPT TO:<noopen@b>|", "452 4.3.1 Insufficient system storage|"},
    {kPlain, MAIL, "RCPT TO:<drop@b>|", "421 4.7.1 Go away|", true},
    // DATA: a recipient that could not even be read was refused like any other
    {kPlain, HI, "DATA|", "503 5.5.1 Error: need RCPT command|"},
    {kPlain, MAIL, "DATA|", "503 5.5.1 Error: need RCPT command|"},
    {kPlain, MAIL "RCPT TO:<reject@b>|^", "DATA|", "554 5.5.1 Error: no valid recipients|"},
    {kPlain, MAIL "RCPT TO:<r@b|^", "DATA|", "554 5.5.1 Error: no valid recipients|"},
    {kPlain, MAIL "RCPT|^", "DATA|", "554 5.5.1 Error: no valid recipients|"},
    {kPlain, MAIL "RCPT TO:<r@b> FOO|^", "DATA|", "554 5.5.1 Error: no valid recipients|"},
    {kPlain, RCPT "RCPT TO:<r@b|^", "DATA|", "354 End data with <CR><LF>.<CR><LF>|"},
    {kPlain, RCPT, "DATA x|", "501 5.5.4 Syntax: DATA|"},
    {kPlain, RCPT "BDAT 1|x^", "DATA|", "503 5.5.1 Error: DATA after BDAT|"},
    {kBinary, HI "MAIL FROM:<s@a> BODY=BINARYMIME|^RCPT TO:<r@b>|^", "DATA|",
     "503 5.5.1 Error: BODY=BINARYMIME requires BDAT|"},
    // The end of data
    {kPlain, DATA, "x|.|", "250 2.0.0 Ok: queued as ID1|"},
    {kSmall, DATA,
     "123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123"
     "4"
     "567890|.|",
     "552 5.3.4 Error: message file too big|"},
    {kFewHops, DATA, "Received: a|Received: b||.|", "554 5.4.0 Error: too many hops|"},
    {kPlain, DATA, "X-Fail: yes|.|", "451 4.3.0 Error: queue file write error|"},
    {kBareLf, DATA, "a\nb|.|", "550 5.5.2 mx Error: bare <LF> received|"},
    // BDAT
    {kPlain, RCPT, "BDAT|", "521 5.5.4 Syntax: BDAT count [LAST]|", true},
    {kPlain, RCPT, "BDAT x|", "521 5.5.4 Syntax: BDAT count [LAST]|", true},
    {kPlain, RCPT, "BDAT 1 2|", "521 5.5.4 Syntax: BDAT count [LAST]|", true},
    {kPlain, RCPT, "BDAT 1 LAST x|", "521 5.5.4 Syntax: BDAT count [LAST]|", true},
    {kPlain, RCPT, "BDAT 0|", "551 5.7.1 Null BDAT request|"},
    {kPlain, RCPT "BDAT 0|^", "BDAT 2|xy", "551 5.0.0 Discarded 2 bytes after earlier error|"},
    {kSmall,
     RCPT "BDAT 99|"
          "1234567890123456789012345678901234567890123456789012345678901234567890"
          "12345678901234567890123456789^",
     "BDAT 2|xy", "552 5.3.4 Chunk exceeds message size limit|"},
    {kNoKeywords, RCPT, "BDAT 1|x", "521 5.5.1 Error: command not implemented|", true},
    {kPlain, MAIL, "BDAT 1|x", "503 5.5.1 Error: need RCPT command|"},
    {kPlain, MAIL "RCPT TO:<r@b|^", "BDAT 1|x", "554 5.5.1 Error: no valid recipients|"},
    {kPlain, RCPT, "BDAT 1|x", "250 2.0.0 Ok: 1 bytes|"},
    {kPlain, RCPT "BDAT 1|x^", "BDAT 1 LAST|y", "250 2.0.0 Ok: 2 bytes queued as ID1|"},
    // Simple commands
    {kPlain, HI, "RSET x|", "501 5.5.4 Syntax: RSET|"},
    {kPlain, HI, "NOOP x|", "250 2.0.0 Ok|"},
    {kPlain, HI, "HELP|",
     "214 2.0.0 Commands: HELO EHLO MAIL RCPT DATA BDAT RSET NOOP VRFY ETRN QUIT HELP|"},
    {kPlain, HI, "QUIT|", "221 2.0.0 Bye|", true},
    {kPlain, HI, "VRFY|", "501 5.5.4 Syntax: VRFY address [SMTPUTF8]|"},
    {kPlain, HI, "VRFY a@b x|", "501 5.5.4 Syntax: VRFY address [SMTPUTF8]|"},
    {kPlain, HI, "VRFY a@@b|", "501 5.1.3 Bad recipient address syntax|"},
    {kPlain, HI, "VRFY reject@b|", "550 5.7.1 Refused|"},
    {kPlain, HI, "VRFY a@b|", "252 2.0.0 a@b|"},
    {kNoVrfy, HI, "VRFY a@b|", "502 5.5.1 VRFY command is disabled|"},
    {kPlain, HI, "ETRN|", "500 Syntax: ETRN domain|"},
    {kPlain, HI, "ETRN a b|", "500 Syntax: ETRN domain|"},
    {kPlain, HI, "ETRN a..b|", "501 Error: invalid parameter syntax|"},
    {kPlain, HI, "ETRN a.b|", "250 Queuing started|"},
    {kPlain, MAIL, "ETRN a.b|", "503 Error: MAIL transaction in progress|"},
    {kNoKeywords, HI, "ETRN a.b|", "502 5.5.1 Error: command not implemented|"},
    // STARTTLS
    {kPlain, HI, "STARTTLS|", "502 5.5.1 Error: command not implemented|"},
    {kTls, HI, "STARTTLS x|", "501 5.5.4 Syntax: STARTTLS|"},
    {kTls, MAIL, "STARTTLS|", "503 5.5.1 Error: MAIL transaction in progress|"},
    {kTls, HI "STARTTLS|^EHLO c|^", "STARTTLS|", "554 5.5.1 Error: TLS already active|"},
    {kTls, HI, "STARTTLS|", "220 2.0.0 Ready to start TLS|"},
    {kMustTls, HI, "MAIL FROM:<s@a>|", "530 5.7.0 Must issue a STARTTLS command first|"},
    // AUTH
    {kPlain, HI, "AUTH PLAIN x|", "503 5.5.1 Error: authentication not enabled|"},
    {kAuth, "HELO c|^", "AUTH PLAIN x|", "503 5.5.1 Error: send EHLO first|"},
    {kAuth, HI, "AUTH|", "501 5.5.4 Syntax: AUTH mechanism|"},
    {kAuth, HI, "AUTH PLAIN x y|", "501 5.5.4 Syntax: AUTH mechanism|"},
    {kAuth, HI, "AUTH PLAIN bad|", "535 5.7.8 Error: authentication failed: wrong|"},
    {kAuth, HI "AUTH LOGIN|^", "*|", "501 5.7.0 Authentication aborted|"},
    {kAuth, HI "AUTH LOGIN|^", "01234567890123456789012345678901234567890|",
     "500 5.5.6 SASL response limit exceeded|"},
    {kAuth, HI, "AUTH PLAIN x|", "235 2.7.0 Authentication successful|"},
    {kAuth, HI "AUTH PLAIN x|^", "AUTH PLAIN x|", "503 5.5.1 Error: already authenticated|"},
    {kAuth, MAIL, "AUTH PLAIN x|", "503 5.5.1 Error: MAIL transaction in progress|"},
    {kAuthTls, HI, "AUTH PLAIN x|",
     "504 5.5.4 Encryption required for requested authentication mechanism|"},
    // XCLIENT, XFORWARD
    {kPlain, HI, "XCLIENT NAME=x|", "550 5.7.0 Error: insufficient authorization|"},
    {kPlain, HI, "XFORWARD NAME=x|", "550 5.7.0 Error: insufficient authorization|"},
    {kProxies, HI, "XCLIENT|", "501 5.5.4 Syntax: XCLIENT attribute=value...|"},
    {kProxies, HI, "XFORWARD|", "501 5.5.4 Syntax: XFORWARD attribute=value...|"},
    {kProxies, HI, "XCLIENT NAME|", "501 5.5.4 Error: attribute=value expected|"},
    {kProxies, HI, "XCLIENT FOO=x|", "501 5.5.4 Bad XCLIENT attribute name: FOO|"},
    {kProxies, HI, "XCLIENT ADDR=1.2.3|", "501 5.5.4 Bad ADDR syntax: 1.2.3|"},
    {kProxies, HI, "XFORWARD NAME=+ZZ|", "501 5.5.4 Bad attribute value syntax: +ZZ|"},
    {kProxies, MAIL, "XCLIENT NAME=x|", "503 5.5.1 Error: MAIL transaction in progress|"},
    {kProxies, HI "XCLIENT NAME=reject.example|^", "MAIL FROM:<s@a>|",
     "503 5.7.0 Error: access denied for reject.example[127.0.0.1]|"},
    // Errors
    {kFewErrors, HI "WHAT|^", "WHAT|",
     "500 5.5.2 Error: command not recognized|421 4.7.0 mx Error: too many errors|", true},
};

#undef HI
#undef MAIL
#undef RCPT
#undef DATA
#undef SYNC

ServerPolicy policy_of(uint32_t settings) {
  const auto is = [settings](Setting setting) { return (settings & setting) != 0; };
  ServerPolicy policy;
  policy.hostname = "mx";
  policy.helo_required = is(kHeloRequired);
  policy.disable_vrfy_command = is(kNoVrfy);
  policy.strict_rfc821_envelopes = is(kStrict);
  policy.message_size_limit = is(kSmall) ? 100 : 10'000;
  policy.hopcount_limit = is(kFewHops) ? 3 : 50;
  policy.sasl_response_limit = 40;
  policy.hard_error_limit = is(kFewErrors) ? 2 : 20;
  policy.recipient_limit = is(kOneRcpt) ? 1 : 100;
  policy.tls_required = is(kMustTls);
  if (is(kTls) || is(kMustTls)) policy.keywords |= kKeywordStarttls;
  if (is(kAuth) || is(kAuthTls)) policy.keywords |= kKeywordAuth;
  if (is(kProxies)) policy.keywords |= kKeywordXclient | kKeywordXforward | kKeywordXverp;
  if (is(kBinary)) policy.keywords = kKeywordsServed;
  return policy;
}

ClientFacts client_of(uint32_t settings) {
  ClientFacts client;
  if ((settings & kNoKeywords) != 0) client.discarded = ~KeywordSet{0};
  if ((settings & kBareLf) != 0) client.bare_newline = BareNewline::kReject;
  if ((settings & kLowPriority) != 0) client.priority_max = 0;
  return client;
}

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

/// What a row's server says; the whole of it is added to `*all`.
std::string reply_of(const Row& row, std::string* all) {
  const ServerPolicy policy = policy_of(row.settings);
  MachineHarness session(policy, client_of(row.settings));
  const bool needs_encryption = (row.settings & kAuthTls) != 0;
  if (needs_encryption || (row.settings & kAuth) != 0) {
    session.machine.set_auth_offer({.mechanisms = needs_encryption
                                                      ? std::vector<std::string>{}
                                                      : std::vector<std::string>{"PLAIN", "LOGIN"},
                                    .needs_encryption = needs_encryption});
  }
  session.start();
  std::string_view before = row.before;
  while (!before.empty()) {
    const size_t end = before.find('^');
    session.feed_copy(crlf(before.substr(0, end)));
    before.remove_prefix(end + 1);
  }
  EXPECT_FALSE(session.transcript.closed);
  const size_t start = session.transcript.output.size();
  session.feed_copy(crlf(row.client));
  EXPECT_EQ(session.transcript.closed, row.closes);
  all->append(session.transcript.output);
  return session.transcript.output.substr(start);
}

TEST(Replies, EachRefusalHasItsReply) {
  std::string all;
  for (const Row& row : kRows) {
    SCOPED_TRACE(testing::Message() << row.before << " " << row.client);
    EXPECT_EQ(reply_of(row, &all), crlf(row.reply));
  }
}

TEST(Replies, AtTheStart) {
  const ServerPolicy policy = policy_of(kPlain);
  struct Case {
    ServerMachine::Start start;
    std::string_view reply;
  };
  const Case cases[] = {
      {{.early_input = "EHLO x\r\n", .refusal = {}},
       "554 5.5.0 Error: SMTP protocol synchronization\r\n"},
      {{.early_input = {}, .refusal = "421 4.7.0 mx Error: too many connections from 192.0.2.1"},
       "421 4.7.0 mx Error: too many connections from 192.0.2.1\r\n"},
      {{.early_input = {}, .refusal = "554 5.7.1 <x>: Client host rejected: Access denied"},
       "554 5.7.1 <x>: Client host rejected: Access denied\r\n"},
  };
  for (const Case& c : cases) {
    MachineHarness session(policy);
    session.start(c.start);
    EXPECT_EQ(session.transcript.output, c.reply);
    EXPECT_EQ(session.transcript.closed, !c.reply.starts_with("554 5.7.1"));
  }
  // A session that is not wanted gets one answer to all but QUIT.
  MachineHarness refused(policy);
  refused.start(cases[2].start);
  refused.feed("MAIL FROM:<a@b>\r\n");
  EXPECT_TRUE(refused.transcript.output.ends_with(
      "503 5.7.0 Error: access denied for unknown[127.0.0.1]\r\n"));
  refused.feed("QUIT\r\n");
  EXPECT_TRUE(refused.transcript.output.ends_with("221 2.0.0 Bye\r\n"));
}

TEST(Replies, ThoseThatTimeAndOperatorsCause) {
  const ServerPolicy policy = policy_of(kPlain);
  MachineHarness slow(policy);
  slow.start();
  slow.machine.on_timeout();
  slow.feed({});
  EXPECT_TRUE(slow.transcript.output.ends_with("421 4.4.2 mx Error: timeout exceeded\r\n"));
  EXPECT_TRUE(slow.transcript.closed);
  MachineHarness late(policy);
  late.start();
  late.machine.on_shutdown();
  late.feed({});
  EXPECT_TRUE(late.transcript.output.ends_with("421 4.3.2 mx Service shutting down\r\n"));
  EXPECT_TRUE(late.transcript.closed);
}

TEST(Replies, LineThatIsTooLong) {
  const ServerPolicy policy = policy_of(kPlain);
  for (const size_t bytes : {2048u, 2049u, 1'000'000u}) {
    MachineHarness session(policy);
    session.start();
    session.feed("EHLO c\r\n");
    const size_t before = session.transcript.output.size();
    session.feed_copy("NOOP " + std::string(bytes - 5, 'x') + "\r\n");
    EXPECT_EQ(session.transcript.output.substr(before),
              bytes <= 2048 ? "250 2.0.0 Ok\r\n" : "500 5.5.2 mx Error: command too long\r\n");
  }
}

/// Said by the session, which knows what the machine does not; tests of it are elsewhere.
bool is_said_elsewhere(const std::string& name) {
  return name == "kTlsUnavailable" || name == "kLocalErrorCode" || name == "kLocalError" ||
         name == "kShutdown" || name == "kShutdownCode" || name == "kTimeout" ||
         name == "kTimeoutCode" || name == "kAttributeTooLong" || name == "kLineTooLong";
}

TEST(Replies, NoneIsLeftOut) {
  std::string all;
  for (const Row& row : kRows) (void)reply_of(row, &all);
  std::ifstream header("smtp/server/replies.h");
  std::stringstream text;
  text << header.rdbuf();
  const std::string source = text.str();
  const std::regex declaration(R"re(string_view (k\w+) =\s*"([^"]+)";)re");
  int seen = 0;
  for (auto it = std::sregex_iterator(source.begin(), source.end(), declaration);
       it != std::sregex_iterator(); ++it) {
    ++seen;
    if (is_said_elsewhere((*it)[1])) continue;
    EXPECT_NE(all.find((*it)[2].str()), std::string::npos) << (*it)[1] << " has no row";
  }
  EXPECT_GT(seen, 80);
}

}  // namespace
}  // namespace barid::smtp
