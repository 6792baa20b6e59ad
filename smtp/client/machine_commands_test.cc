// Goal: MAIL and RCPT lines hold exactly what the server offered and what RFCs allow, and nothing
// an address could smuggle in; EHLO replies are read right. Method: rows.
#include "smtp/client/machine_commands.h"

#include <gtest/gtest.h>

#include <string>

namespace barid::smtp {
namespace {

Capabilities offering(std::initializer_list<Feature> features) {
  Capabilities capabilities;
  capabilities.features = FeatureSet(features);
  return capabilities;
}

const Capabilities kNone;
const Capabilities kAll =
    offering({Feature::kSize, Feature::k8BitMime, Feature::kSmtpUtf8, Feature::kDsn,
              Feature::kBinaryMime, Feature::kChunking, Feature::kMtPriority});

TEST(WriteMail, ParametersFollowTheOffer) {
  Envelope plain;
  plain.sender = "a@example";
  Envelope full = plain;
  full.envid = "id+1=x y";
  full.dsn_return = DsnReturn::kHeaders;
  full.body = BodyType::k8BitMime;
  full.smtputf8 = true;
  Envelope binary = plain;
  binary.body = BodyType::kBinaryMime;
  Envelope urgent = plain;
  urgent.priority = 9;
  Envelope slow = plain;
  slow.priority = -3;
  Envelope null_sender;
  Envelope long_envid = plain;
  long_envid.envid = std::string(51, '+');  // 153 characters of xtext
  long_envid.dsn_return = DsnReturn::kFull;

  struct Case {
    const Envelope& envelope;
    MailParameters parameters;
    const Capabilities& server;
    std::string_view want;
  };
  const Case cases[] = {
      {plain, {.size = 10}, kNone, "MAIL FROM:<a@example>\r\n"},
      {plain, {.sender = "a+r=b@example"}, kNone, "MAIL FROM:<a+r=b@example>\r\n"},
      {null_sender, {.size = 10}, kAll, "MAIL FROM:<> SIZE=10\r\n"},
      {plain,
       {.size = 10, .has_8bit = true},
       kAll,
       "MAIL FROM:<a@example> SIZE=10 BODY=8BITMIME\r\n"},
      {full, {.size = 10}, kNone, "MAIL FROM:<a@example>\r\n"},
      {full,
       {.size = 18446744073709551615u, .utf8 = true},
       kAll,
       "MAIL FROM:<a@example> SIZE=18446744073709551615 BODY=8BITMIME SMTPUTF8 RET=HDRS "
       "ENVID=id+2B1+3Dx+20y\r\n"},
      {urgent, {.size = 1}, kNone, "MAIL FROM:<a@example>\r\n"},
      {urgent, {.size = 1}, kAll, "MAIL FROM:<a@example> SIZE=1 MT-PRIORITY=9\r\n"},
      {slow, {.size = 1}, kAll, "MAIL FROM:<a@example> SIZE=1 MT-PRIORITY=-3\r\n"},
      {binary, {.size = 1}, kAll, "MAIL FROM:<a@example> SIZE=1 BODY=BINARYMIME\r\n"},
      {long_envid, {.size = 1}, kAll, "MAIL FROM:<a@example> SIZE=1 RET=FULL\r\n"},
  };
  for (const Case& c : cases) {
    CommandLine line;
    MailParameters parameters = c.parameters;
    if (parameters.sender.empty()) parameters.sender = c.envelope.sender;
    write_mail(c.envelope, parameters, c.server, line);
    EXPECT_EQ(line.view(), c.want);
  }
}

TEST(WriteRcpt, DsnParameters) {
  struct Case {
    std::string original;
    uint8_t notify;
    bool utf8;
    std::string_view want;  // behind the address
  };
  const Case cases[] = {
      {"", 0, false, ""},
      {"", kNotifyNever, false, " NOTIFY=NEVER"},
      {"", kNotifyNever | kNotifyDelay, false, " NOTIFY=NEVER"},
      {"", kNotifySuccess | kNotifyFailure | kNotifyDelay, false, " NOTIFY=SUCCESS,FAILURE,DELAY"},
      {"", kNotifyDelay, false, " NOTIFY=DELAY"},
      {"rfc822;a+b=c@example", 0, false, " ORCPT=rfc822;a+2Bb+3Dc@example"},
      {"rfc822;a b\r\n@example", 0, false, " ORCPT=rfc822;a+20b+0D+0A@example"},
      {"no type", 0, false, ""},
      {";x", 0, false, ""},
      {"bad type;x", 0, false, ""},
      {"rfc822;", 0, false, ""},
      {"rfc822;" + std::string(494, 'x'), 0, false, ""},
      {"utf-8;gr\xc3\xbc\xc3\x9f+x@example", 0, false,
       " ORCPT=utf-8;gr\\x{FC}\\x{DF}\\x{2B}x@example"},
      {"UTF-8;gr\xc3\xbc\xc3\x9f\\@example", 0, true,
       " ORCPT=UTF-8;gr\xc3\xbc\xc3\x9f\\x{5C}@example"},
      {"utf-8;\n\xf0\x9f\x93\xa8", 0, false, " ORCPT=utf-8;\\x{0A}\\x{1F4E8}"},
      {"utf-8;\xc3", 0, false, ""},
      {"utf-8;\xed\xa0\x80", 0, false, ""},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.original);
    const Recipient recipient{.address = "r@example", .original = c.original, .notify = c.notify};
    CommandLine with;
    write_rcpt(recipient, c.utf8, kAll, with);
    EXPECT_EQ(with.view(), "RCPT TO:<r@example>" + std::string(c.want) + "\r\n");
    CommandLine without;
    write_rcpt(recipient, c.utf8, kNone, without);
    EXPECT_EQ(without.view(), "RCPT TO:<r@example>\r\n");
  }
}

TEST(WriteRcpt, TheLongestLineFits) {
  const Recipient recipient{.address = std::string(kCommandBytesMax - 14, 'a'),
                            .original = "rfc822;" + std::string(493, 'x'),
                            .notify = kNotifySuccess | kNotifyFailure | kNotifyDelay};
  ASSERT_EQ(check_address(recipient.address).fault, AddressFault::kNone);
  CommandLine line;
  write_rcpt(recipient, false, kAll, line);
  EXPECT_FALSE(line.overflowed());
  EXPECT_TRUE(line.view().find(" ORCPT=") != std::string_view::npos);
}

TEST(CheckAddress, NothingCanEndTheCommand) {
  struct Case {
    std::string address;
    AddressFault fault;
    bool non_ascii;
  };
  const Case cases[] = {
      {"", AddressFault::kNone, false},
      {"a@example", AddressFault::kNone, false},
      {"\"a b>\"@example", AddressFault::kNone, false},
      {"\"a\\\" >\"@example", AddressFault::kNone, false},
      {"gr\xc3\xbc\xc3\x9f@example", AddressFault::kNone, true},
      {"a@[IPv6:::1]", AddressFault::kNone, false},
      {"a@example> SIZE=1", AddressFault::kControl, false},
      {"a b@example", AddressFault::kControl, false},
      {"a@example\r\nDATA", AddressFault::kControl, false},
      {"\"a\rb\"@example", AddressFault::kControl, false},
      {"\"a\\\nb\"@example", AddressFault::kControl, false},
      {std::string("a\0b@example", 11), AddressFault::kControl, false},
      {"\"open@example", AddressFault::kControl, false},
      {"\"open\\\"@example> x", AddressFault::kControl, false},
      {"a\x7f@example", AddressFault::kControl, false},
      {std::string(498, 'a'), AddressFault::kNone, false},
      {std::string(499, 'a'), AddressFault::kTooLong, false},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.address);
    EXPECT_EQ(check_address(c.address).fault, c.fault);
    EXPECT_EQ(check_address(c.address).non_ascii, c.non_ascii);
  }
}

TEST(Capabilities, Rfc5321_4_1_1_1) {
  struct Case {
    std::string_view lines;
    FeatureSet discard;
    FeatureSet want;
    uint64_t size;
    std::string_view auth;
    std::string_view name;
  };
  using enum Feature;
  const Case cases[] = {
      {"250 mx.example", {}, {}, 0, "", "mx.example"},
      {"250-mx.example Hello\n250-PIPELINING\n250-SIZE 1000\n250 dsn",
       {},
       {kPipelining, kSize, kDsn},
       1000,
       "",
       "mx.example"},
      {"250-x\n250-8BITMIME\n250-CHUNKING\n250-BINARYMIME\n250 ENHANCEDSTATUSCODES",
       {},
       {k8BitMime, kChunking, kBinaryMime, kEnhancedStatusCodes},
       0,
       "",
       "x"},
      {"250-x\n250-SMTPUTF8\n250 STARTTLS", {}, {kSmtpUtf8, k8BitMime, kStartTls}, 0, "", "x"},
      {"250-x\n250-AUTH PLAIN LOGIN\n250 SIZE", {}, {kAuth, kSize}, 0, "PLAIN LOGIN", "x"},
      {"250-x\n250 AUTH=PLAIN LOGIN", {}, {kAuth}, 0, "PLAIN LOGIN", "x"},
      {"250-x\n250-SIZE many\n250 PIPELINING", {kPipelining}, {kSize}, 0, "", "x"},
      {"250-x\n250 SIZE 99999999999999999999999", {}, {kSize}, 0, "", "x"},
      {"250-PIPELINING\n250-XFOO\n250-\n250", {}, {}, 0, "", "PIPELINING"},
      {"250", {}, {}, 0, "", ""},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.lines);
    const Capabilities got = parse_capabilities(c.lines, c.discard);
    EXPECT_EQ(got.features, c.want);
    EXPECT_EQ(got.size_limit, c.size);
    EXPECT_EQ(got.auth_mechanisms, c.auth);
    EXPECT_EQ(got.server_name, c.name);
  }
}

TEST(Capabilities, KeywordsForTheDiscardList) {
  EXPECT_EQ(feature_from_keyword("chunking"), Feature::kChunking);
  EXPECT_EQ(feature_from_keyword("8BitMime"), Feature::k8BitMime);
  EXPECT_EQ(feature_from_keyword("silent-discard"), std::nullopt);
  EXPECT_EQ(feature_from_keyword(""), std::nullopt);
}

}  // namespace
}  // namespace barid::smtp
