// Goal: whatever a program pipes into sendmail becomes a message with CRLF, the fields it must
// have, and no trace of Bcc. Method: rows of input and message.
#include "tools/barid/sendmail_message.h"

#include <gtest/gtest.h>

namespace barid::tools {
namespace {

constexpr std::string_view kAdded = "Message-Id: <1@h>\r\nDate: today\r\nFrom: me@h\r\n";

MessageRules rules() { return {.from = "me@h", .date = "today", .message_id = "<1@h>"}; }

TEST(SendmailMessage, HeaderAndBody) {
  const std::string added(kAdded);
  struct Case {
    std::string_view in;
    std::string out;
  };
  const Case kCases[] = {
      {"", added + "\r\n"},
      {"\n", added + "\r\n"},
      {"body only\n", added + "\r\nbody only\r\n"},
      {"\nbody\n", added + "\r\nbody\r\n"},
      {"Subject: x\n\nbody\n", "Subject: x\r\n" + added + "\r\nbody\r\n"},
      {"Subject: x\r\n\r\nbody\r\n", "Subject: x\r\n" + added + "\r\nbody\r\n"},
      {"Subject: x\n folded\n\nbody", "Subject: x\r\n folded\r\n" + added + "\r\nbody\r\n"},
      {"Subject: x\nno field\nmore\n", "Subject: x\r\n" + added + "\r\nno field\r\nmore\r\n"},
      {" folded first\n\nx\n", added + "\r\n folded first\r\n\r\nx\r\n"},
      {"From a@b Mon Jan\nSubject: x\n\n", "Subject: x\r\n" + added + "\r\n"},
      {">From a@b Mon Jan\nSubject: x\n\n", "Subject: x\r\n" + added + "\r\n"},
      {"FROM: you\nDATE: then\nMESSAGE-ID : <2@h>\n\n",
       "FROM: you\r\nDATE: then\r\nMESSAGE-ID : <2@h>\r\n\r\n"},
      {"Bcc: a@b,\n c@d\nTo: e@f\nReturn-Path: <x>\n\n", "To: e@f\r\n" + added + "\r\n"},
      {"Resent-To: a@b\nTo: c@d\n\n",
       "Resent-To: a@b\r\nTo: c@d\r\nResent-Message-Id: <1@h>\r\nResent-Date: today\r\n"
       "Resent-From: me@h\r\n\r\n"},
      {"S: x\n\na\rb\n", "S: x\r\n" + added + "\r\na b\r\n"},
      {"S: x\n\na\n.\nb\n", "S: x\r\n" + added + "\r\na\r\n"},
      {"S: x\n\n..\n", "S: x\r\n" + added + "\r\n..\r\n"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(std::string(c.in));
    EXPECT_EQ(prepare_message(c.in, rules()).content, c.out);
  }
}

TEST(SendmailMessage, Recipients) {
  struct Case {
    std::string_view in;
    std::vector<std::string> recipients;
  };
  const Case kCases[] = {
      {"To: A <a@b>, root\nCc: c@d (x)\nBcc: e@f,\n g@h\n\nTo: no@body\n",
       {"a@b", "root", "c@d", "e@f", "g@h"}},
      {"To: a@b\nResent-Cc: c@d\nResent-Bcc: e@f\n\n", {"c@d", "e@f"}},
      {"To: undisclosed-recipients:;\n\n", {}},
      {"Subject: x\n\n", {}},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(std::string(c.in));
    EXPECT_EQ(prepare_message(c.in, rules()).recipients, c.recipients);
  }
}

TEST(SendmailMessage, LineEndings) {
  struct Case {
    FixLineEndings fix;
    std::string_view in;
    std::string_view body;
  };
  constexpr Case kCases[] = {
      {FixLineEndings::kAlways, "S: x\n\na\r\nb\n", "a\r\nb\r\n"},
      {FixLineEndings::kStrict, "S: x\n\na\r\nb\n", "a \r\nb\r\n"},
      {FixLineEndings::kStrict, "S: x\r\n\r\na\r\nb\n", "a\r\nb\r\n"},
      {FixLineEndings::kNever, "S: x\n\na\r\nb\n", "a \r\nb\r\n"},
  };
  for (const Case& c : kCases) {
    MessageRules own = rules();
    own.line_endings = c.fix;
    const std::string content = prepare_message(c.in, own).content;
    EXPECT_EQ(content.substr(content.find("\r\n\r\n") + 4), c.body);
  }
}

TEST(SendmailMessage, WhatTheRulesSwitch) {
  MessageRules own = rules();
  own.add_fields = false;
  own.dot_ends = false;
  EXPECT_EQ(prepare_message("S: x\n\n.\nb\n", own).content, "S: x\r\n\r\n.\r\nb\r\n");
  own = rules();
  own.undisclosed = "To: undisclosed-recipients:;";
  EXPECT_NE(
      prepare_message("S: x\n\n", own).content.find("\r\nTo: undisclosed-recipients:;\r\n\r\n"),
      std::string::npos);
  EXPECT_EQ(prepare_message("Cc: x@y\n\n", own).content.find("undisclosed"), std::string::npos);
}

TEST(SendmailMessage, EightBit) {
  EXPECT_FALSE(prepare_message("S: x\n\nb\n", rules()).has_8bit);
  const SendmailMessage body = prepare_message("S: x\n\n\xc3\xa4\n", rules());
  EXPECT_TRUE(body.has_8bit);
  EXPECT_FALSE(body.header_is_8bit);
  EXPECT_TRUE(prepare_message("S: \xc3\xa4\n\n\n", rules()).header_is_8bit);
}

TEST(SendmailMessage, From) {
  EXPECT_EQ(format_from("", "a@b"), "a@b");
  EXPECT_EQ(format_from("My Name", "a@b"), "My Name <a@b>");
  EXPECT_EQ(format_from("N. \"Q\" (x)", "a@b"), "\"N. \\\"Q\\\" (x)\" <a@b>");
  EXPECT_EQ(format_from("a\r\nBcc: x", "a@b"), "\"aBcc: x\" <a@b>");
}

}  // namespace
}  // namespace barid::tools
