// Goal: what servers say falls into the class that a postmaster would choose; own rules come first;
// broken rules are named by file and line.
// Method: rows of replies as large receivers give them.
#include "policy/bounce_rules.h"

#include <gtest/gtest.h>

namespace barid::policy {
namespace {

lookup::OpenContext no_files(std::vector<std::string>* errors) {
  return {.read_file = [](const std::string&) -> Result<std::string> {
            return Error{.code = Code::kNotFound};
          },
          .errors = errors};
}

TEST(BounceRules, BuiltInRules) {
  std::vector<std::string> errors;
  const BounceRules rules("", no_files(&errors));
  ASSERT_TRUE(errors.empty()) << errors.front();
  const struct {
    DsnCode dsn;
    std::string_view text;
    BounceClass wanted;
  } cases[] = {
      {{5, 1, 1},
       "550 5.1.1 <x@y.example>: Recipient address rejected: User unknown",
       BounceClass::kInvalidRecipient},
      {{5, 1, 1},
       "550-5.1.1 The email account that you tried to reach does not exist.",
       BounceClass::kInvalidRecipient},
      {{5, 0, 0},
       "550 Requested action not taken: mailbox unavailable",
       BounceClass::kInvalidRecipient},
      {{5, 0, 0},
       "554 delivery error: dd This user doesn't have an account",
       BounceClass::kInvalidRecipient},
      {{5, 0, 0},
       "554 delivery error: dd This user doesn't have a mail.example account (joe@mail.example)",
       BounceClass::kInvalidRecipient},
      {{5, 4, 1},
       "550 5.4.1 Recipient address rejected: Access denied. [x.prod.example]",
       BounceClass::kInvalidRecipient},
      {{5, 0, 0}, "550 #5.1.0 Address rejected.", BounceClass::kInvalidRecipient},
      {{5, 0, 0}, "550 5.1.1 joe@y.example Account not available", BounceClass::kInactive},
      // About the sender: no reason to suppress the recipient.
      {{5, 1, 8},
       "553 5.1.8 <ann@x.example>: Sender address rejected: Domain not found",
       BounceClass::kPolicy},
      {{5, 1, 0},
       "550 5.1.0 <ann@x.example>: Sender address rejected: User unknown",
       BounceClass::kPolicy},
      {{5, 1, 7}, "550 5.1.7 Invalid address", BounceClass::kPolicy},
      {{5, 0, 0}, "550 Sender verify failed", BounceClass::kPolicy},
      {{5, 0, 0},
       "553 Domain of sender address ann@x.example does not exist",
       BounceClass::kPolicy},
      {{5, 0, 0}, "550 Sender domain not found in DNS", BounceClass::kPolicy},
      {{5, 0, 0},
       "550 Requested action not taken: mailbox unavailable invalid DNS MX or A resource record",
       BounceClass::kPolicy},
      {{5, 1, 1},
       "550 5.1.1 <sender@y.example>: Recipient address rejected: User unknown",
       BounceClass::kInvalidRecipient},
      {{4, 7, 0},
       "421-4.7.0 Our system has detected an unusual rate of unsolicited mail",
       BounceClass::kRateLimit},
      {{5, 4, 5}, "550 5.4.5 Daily user sending quota exceeded.", BounceClass::kRateLimit},
      {{5, 7, 606}, "550 5.7.606 Access denied, banned sending IP", BounceClass::kReputation},
      {{5, 7, 515},
       "550 5.7.515 sending domain doesn't meet the required authentication level",
       BounceClass::kAuthentication},
      {{5, 0, 0}, "550 High probability of spam", BounceClass::kSpam},
      {{5, 4, 4},
       "Host or domain name not found. Name service error for name=x.example",
       BounceClass::kInvalidDomain},
      {{5, 1, 10}, "Domain x.example does not accept mail (nullMX)", BounceClass::kInvalidDomain},
      {{5, 2, 1},
       "550 5.2.1 The email account that you tried to reach is disabled.",
       BounceClass::kInactive},
      {{5, 2, 2},
       "552 5.2.2 The email account that you tried to reach is over quota",
       BounceClass::kMailboxFull},
      {{4, 2, 2}, "452 4.2.2 Mailbox full", BounceClass::kMailboxFull},
      {{5, 7, 1},
       "550 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using Spamhaus",
       BounceClass::kReputation},
      {{5, 7, 26}, "550 5.7.26 This mail is unauthenticated", BounceClass::kAuthentication},
      {{5, 7, 1}, "554 5.7.1 <x@y.example>: Relay access denied", BounceClass::kRelaying},
      {{5, 7, 1},
       "550 5.7.1 Our system has detected that this message is likely unsolicited mail",
       BounceClass::kSpam},
      {{5, 7, 1}, "554 5.7.1 go away", BounceClass::kPolicy},
      {{4, 7, 28}, "421 4.7.28 rate limited", BounceClass::kRateLimit},
      {{5, 3, 4}, "552 5.3.4 Message size exceeds fixed limit", BounceClass::kTooLarge},
      {{5, 6, 0}, "554 5.6.0 rejected", BounceClass::kContent},
      {{4, 4, 1},
       "connect to mx.example[192.0.2.1]:25: Connection timed out",
       BounceClass::kConnection},
      {{5, 5, 2}, "500 5.5.2 Error: bad syntax", BounceClass::kProtocol},
      {{4, 4, 7}, "delivery time expired", BounceClass::kExpired},
      {{5, 0, 0}, "554 no", BounceClass::kOther},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(bounce_class_info(rules.classify(one.dsn, one.text)).name,
              bounce_class_info(one.wanted).name)
        << one.dsn.text() << ' ' << one.text;
  }
}

TEST(BounceRules, OwnRulesFirstBrokenOnesNamed) {
  std::vector<std::string> errors;
  lookup::OpenContext context = no_files(&errors);
  context.read_file = [](const std::string& path) -> Result<std::string> {
    if (path == "/etc/good")
      return std::string("# mine\n/^5\\.1\\.1 .*LOADING\\/X/i  rate_limit\n");
    if (path == "/etc/bad") return std::string("\n/(/ spam\n/a/ nosuch\nspam\n/a/x spam\n/a\n");
    return Error{.code = Code::kNotFound};
  };
  const BounceRules rules("pcre:/etc/good", context);
  EXPECT_TRUE(errors.empty());
  EXPECT_EQ(rules.classify({5, 1, 1}, "550 loading/x"), BounceClass::kRateLimit);
  EXPECT_EQ(rules.classify({5, 1, 1}, "550 other"), BounceClass::kInvalidRecipient);
  const BounceRules broken("/etc/bad, pcre:/etc/none", context);
  ASSERT_EQ(errors.size(), 6u);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_NE(errors[i].find("/etc/bad, line " + std::to_string(i + 2)), std::string::npos)
        << errors[i];
  }
  EXPECT_NE(errors[5].find("/etc/none"), std::string::npos);
}

TEST(BounceRules, HostileTextIsBounded) {
  std::vector<std::string> errors;
  const BounceRules rules("", no_files(&errors));
  EXPECT_EQ(rules.classify({}, std::string(1'000'000, 'a')), BounceClass::kOther);
  EXPECT_EQ(rules.classify({}, std::string("\xff\0\n", 3)), BounceClass::kOther);
}

}  // namespace
}  // namespace barid::policy
