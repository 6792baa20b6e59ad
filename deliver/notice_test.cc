// Goal: a notice says what RFC 3464 and Postfix's readers expect, reaches only who wants it, and
// returns no more of the original than asked. Method: one golden message, then rows of what varies.
// tests/notice/check_notice.py reads such notices with an independent MIME parser.
#include "deliver/notice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "deliver/notice_test_names.h"
#include "deliver/notice_text.h"

namespace barid {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kOriginal =
    "From: joe@example.net\r\nMessage-ID: <m1@example.net>\r\nReferences: <m0@example.net>\r\n"
    "\t<m00@example.net>\r\nSubject: Hello\r\n\r\nBody.\r\n";

/// A failed message with one recipient; tests change what they are about.
struct Fixture {
  Envelope envelope;
  Recipient recipient{.address = "who@example.org"};
  Outcome outcome{.disposition = Disposition::kFailed,
                  .dsn = {5, 1, 1},
                  .text =
                      "host mx.example.org[192.0.2.9] said: 550 5.1.1 <who@example.org>: no such "
                      "user here (in reply to RCPT TO command)",
                  .relay = "mx.example.org[192.0.2.9]:25",
                  .remote_mta = "mx.example.org",
                  .diagnostic = "550 5.1.1 <who@example.org>: no such user here"};
  NoticeAction action = NoticeAction::kFailed;
  std::vector<NoticeRecipient> others;
  NoticeTemplates words = builtin_notice_templates(
      TestNames{{"myhostname", "mail.example.com"}, {"myorigin", "example.com"}},
      {.delay_warning = 4h, .queue_lifetime = std::chrono::days(5)});
  NoticeFacts facts;

  Fixture() {
    envelope.sender = "joe@example.net";
    facts = {.host_name = "mail.example.com",
             .origin = "example.com",
             .mail_name = "Postfix",
             .queue_id = *QueueId::parse("0123456789AB"),
             .notice_id = *QueueId::parse("0123456789AC"),
             .arrival_time = WallTime(1767366245s),
             .now = WallTime(1767366305s),
             .retry_until = WallTime(1767366245s + std::chrono::days(5)),
             .envelope = &envelope,
             .words = &words.failure};
  }
  ComposedNotice compose(std::vector<std::string_view> original = {kOriginal}) {
    std::vector<NoticeRecipient> about = {{.recipient = &recipient,
                                           .action = action,
                                           .dsn = outcome.dsn,
                                           .text = outcome.text,
                                           .remote_mta = outcome.remote_mta,
                                           .diagnostic = outcome.diagnostic}};
    about.insert(about.end(), others.begin(), others.end());
    facts.recipients = about;
    if (facts.notice_recipient.empty()) facts.notice_recipient = envelope.sender;
    return compose_notice(facts, original);
  }
  std::string content(std::vector<std::string_view> original = {kOriginal}) {
    return compose(std::move(original)).content;
  }
};

TEST(Notice, Golden) {
  constexpr std::string_view kWant =
      "Received: by mail.example.com (Postfix)\r\n"
      "\tid 0123456789AC; Fri, 2 Jan 2026 15:05:05 +0000\r\n"
      "Date: Fri, 2 Jan 2026 15:05:05 +0000\r\n"
      "From: Mail Delivery System <MAILER-DAEMON@example.com>\r\n"
      "Subject: Undelivered Mail Returned to Sender\r\n"
      "To: joe@example.net\r\n"
      "Message-Id: <0123456789AC@mail.example.com>\r\n"
      "Auto-Submitted: auto-replied\r\n"
      "MIME-Version: 1.0\r\n"
      "Content-Type: multipart/report; report-type=delivery-status;\r\n"
      "\tboundary=\"0123456789AB.1767366305/mail.example.com\"\r\n"
      "Content-Transfer-Encoding: 7bit\r\n"
      "\r\n"
      "This is a MIME-encapsulated message.\r\n"
      "\r\n"
      "--0123456789AB.1767366305/mail.example.com\r\n"
      "Content-Description: Notification\r\n"
      "Content-Type: text/plain; charset=us-ascii\r\n"
      "\r\n"
      "This is the mail server mail.example.com.\r\n"
      "\r\n"
      "Your message did not reach everyone it was addressed to. The addresses\r\n"
      "below have failed, each with its reason, and no further attempt will be\r\n"
      "made for them. Please check the address, or ask the recipient's side.\r\n"
      "\r\n"
      "Technical details and your message, or its headers, are attached. If you\r\n"
      "need help, send this whole notice to postmaster@example.com.\r\n"
      "\r\n"
      "<who@example.org>: host mx.example.org[192.0.2.9] said: 550 5.1.1\r\n"
      "    <who@example.org>: no such user here (in reply to RCPT TO command)\r\n"
      "\r\n"
      "--0123456789AB.1767366305/mail.example.com\r\n"
      "Content-Description: Delivery report\r\n"
      "Content-Type: message/delivery-status\r\n"
      "\r\n"
      "Reporting-MTA: dns; mail.example.com\r\n"
      "X-Postfix-Queue-ID: 0123456789AB\r\n"
      "X-Postfix-Sender: rfc822; joe@example.net\r\n"
      "Arrival-Date: Fri, 2 Jan 2026 15:04:05 +0000\r\n"
      "\r\n"
      "Final-Recipient: rfc822; who@example.org\r\n"
      "Original-Recipient: rfc822;who@example.org\r\n"
      "Action: failed\r\n"
      "Status: 5.1.1\r\n"
      "Remote-MTA: dns; mx.example.org\r\n"
      "Diagnostic-Code: smtp; 550 5.1.1 <who@example.org>: no such user here\r\n"
      "\r\n"
      "--0123456789AB.1767366305/mail.example.com\r\n"
      "Content-Description: Undelivered Message\r\n"
      "Content-Type: message/rfc822\r\n"
      "\r\n"
      "Return-Path: <joe@example.net>\r\n"
      "From: joe@example.net\r\n"
      "Message-ID: <m1@example.net>\r\n"
      "References: <m0@example.net>\r\n"
      "\t<m00@example.net>\r\n"
      "Subject: Hello\r\n"
      "\r\n"
      "Body.\r\n"
      "\r\n"
      "--0123456789AB.1767366305/mail.example.com--\r\n";
  Fixture f;
  const auto notice = f.compose();
  EXPECT_EQ(notice.content, kWant);
  EXPECT_EQ(notice.envelope.sender, "");
  ASSERT_EQ(notice.envelope.recipients.size(), 1u);
  EXPECT_EQ(notice.envelope.recipients[0].address, "joe@example.net");
  EXPECT_EQ(notice.envelope.body, BodyType::k7Bit);
  EXPECT_FALSE(notice.envelope.smtputf8);
}

TEST(Notice, SeveralRecipients) {
  Fixture f;
  const Recipient other{.address = "other@example.org", .notify = kNotifyFailure};
  f.others.push_back({.recipient = &other,
                      .dsn = {4, 4, 1},
                      .text = "connect to b[192.0.2.3]:25: timed out",
                      .expanded_from = "list@example.com"});
  const std::string content = f.content();
  EXPECT_THAT(
      content,
      HasSubstr("\r\n\r\n<other@example.org> (expanded from <list@example.com>): connect to\r\n"
                "    b[192.0.2.3]:25: timed out\r\n"));
  EXPECT_THAT(
      content,
      HasSubstr("\r\n\r\nFinal-Recipient: rfc822; other@example.org\r\n"
                "Original-Recipient: rfc822;list@example.com\r\n"
                "Action: failed\r\nStatus: 4.4.1\r\n"
                "Diagnostic-Code: X-Postfix; connect to b[192.0.2.3]:25: timed out\r\n\r\n--"));
}

TEST(Notice, DsnParametersComeBack) {
  Fixture f;
  f.envelope.envid = "id with\nfeed";
  f.recipient.original = "rfc822;Orig@Example.org";
  const std::string content = f.content();
  EXPECT_THAT(
      content,
      HasSubstr(
          "\r\nReporting-MTA: dns; mail.example.com\r\nOriginal-Envelope-Id: id with?feed\r\n"));
  EXPECT_THAT(content, HasSubstr("\r\nOriginal-Recipient: rfc822;Orig@Example.org\r\n"));
}

TEST(Notice, WhatComesBack) {
  const std::string large = std::string(kOriginal) + std::string(60'000, 'x') + "\r\n";
  struct Case {
    ReturnedPart returned;
    BodyType body;
    std::string_view original;
    uint64_t limit;
    bool full;
  };
  const Case cases[] = {
      {ReturnedPart::kFull, BodyType::k7Bit, kOriginal, 50'000, true},
      {ReturnedPart::kFull, BodyType::k8BitMime, kOriginal, 50'000, true},
      {ReturnedPart::kHeaders, BodyType::k7Bit, kOriginal, 50'000, false},
      {ReturnedPart::kFull, BodyType::k7Bit, large, 50'000, false},
      {ReturnedPart::kFull, BodyType::k7Bit, large, 100'000, true},
      {ReturnedPart::kFull, BodyType::k7Bit, kOriginal, kOriginal.size(), true},
      {ReturnedPart::kFull, BodyType::k7Bit, kOriginal, kOriginal.size() - 1, false},
      {ReturnedPart::kFull, BodyType::kBinaryMime, kOriginal, 50'000, false},
  };
  for (const Case& c : cases) {
    Fixture f;
    f.facts.returned = c.returned;
    f.envelope.body = c.body;
    f.facts.bounce_size_limit = c.limit;
    const std::string content = f.content({c.original});
    const std::string whole = std::string("Return-Path: <joe@example.net>\r\n").append(c.original);
    EXPECT_EQ(content.find(whole) != std::string::npos, c.full);
    EXPECT_EQ(content.find("Undelivered Message\r\nContent-Type: message/rfc822\r\n") !=
                  std::string::npos,
              c.full);
    EXPECT_EQ(
        content.find("Undelivered Message Headers\r\nContent-Type: text/rfc822-headers\r\n\r\n"
                     "Return-Path: <joe@example.net>\r\nFrom: joe@example.net\r\n") !=
            std::string::npos,
        !c.full);
    EXPECT_EQ(content.find("Body.") != std::string::npos, c.full);
  }
}

TEST(Notice, PiecesMakeNoDifference) {
  Fixture f;
  for (const ReturnedPart returned : {ReturnedPart::kFull, ReturnedPart::kHeaders}) {
    f.facts.returned = returned;
    std::vector<std::string_view> bytes;
    for (size_t i = 0; i < kOriginal.size(); ++i) bytes.push_back(kOriginal.substr(i, 1));
    EXPECT_EQ(f.content(bytes), f.content({kOriginal}));
  }
}

TEST(Notice, OddOriginals) {
  Fixture f;
  EXPECT_THAT(f.content({}), HasSubstr("\r\n\r\nReturn-Path: <joe@example.net>\r\n\r\n\r\n--0123"));
  EXPECT_THAT(f.content({"Subject: no line end"}), HasSubstr("Subject: no line end\r\n\r\n--0123"));
  f.facts.returned = ReturnedPart::kHeaders;
  EXPECT_THAT(f.content({"Subject: no line end"}), Not(HasSubstr("no line end")));
  EXPECT_THAT(f.content({"\r\nbody only\r\n"}), Not(HasSubstr("body only")));
}

TEST(Notice, EightBitContent) {
  Fixture f;
  f.outcome.text = "caf\xc3\xa9 closed";
  f.outcome.diagnostic = "550 caf\xc3\xa9 closed";
  const auto notice = f.compose({"Subject: x\r\n\r\n\xe4\r\n"});
  EXPECT_EQ(notice.envelope.body, BodyType::k8BitMime);
  EXPECT_FALSE(notice.envelope.smtputf8);
  EXPECT_THAT(notice.content,
              HasSubstr("\r\nContent-Transfer-Encoding: 8bit\r\n\r\nThis is a MIME"));
  EXPECT_THAT(notice.content, HasSubstr("<who@example.org>: caf\xc3\xa9 closed\r\n"));
  EXPECT_THAT(
      notice.content,
      HasSubstr("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit"));
  EXPECT_THAT(notice.content, HasSubstr("Content-Type: message/delivery-status\r\n\r\n"));
  EXPECT_THAT(notice.content, HasSubstr("Diagnostic-Code: smtp; 550 caf?? closed\r\n"));
  EXPECT_THAT(
      notice.content,
      HasSubstr("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\nReturn"));
}

TEST(Notice, Internationalised) {
  Fixture f;
  f.envelope.smtputf8 = true;
  f.envelope.sender = "j\xc3\xb6@example.net";
  f.recipient.address = "w\xc3\xa4r@example.org";
  f.outcome.diagnostic = "550 w\xc3\xa4r?";
  const auto notice = f.compose();
  EXPECT_TRUE(notice.envelope.smtputf8);
  EXPECT_EQ(notice.envelope.body, BodyType::k8BitMime);
  for (const std::string_view part :
       {"Content-Type: message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n",
        "Content-Type: message/global\r\nContent-Transfer-Encoding: 8bit\r\n",
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n",
        "\r\nTo: j\xc3\xb6@example.net\r\n", "X-Postfix-Sender: utf-8; j\xc3\xb6@example.net\r\n",
        "Final-Recipient: utf-8; w\xc3\xa4r@example.org\r\n",
        "Return-Path: <j\xc3\xb6@example.net>\r\n", "Diagnostic-Code: smtp; 550 w\xc3\xa4r?\r\n"}) {
    EXPECT_THAT(notice.content, HasSubstr(part));
  }
  f.facts.returned = ReturnedPart::kHeaders;
  EXPECT_THAT(f.content(), HasSubstr("Content-Type: message/global-headers\r\n"));
  f.facts.notice_recipient = "joe@example.net";
  const auto plain_sender = f.compose();
  EXPECT_FALSE(plain_sender.envelope.smtputf8);
}

TEST(Notice, Threading) {
  Fixture f;
  EXPECT_THAT(f.content(), Not(HasSubstr("In-Reply-To")));
  f.facts.threaded = true;
  EXPECT_THAT(f.content(),
              HasSubstr("\r\nReferences: <m0@example.net> <m00@example.net> <m1@example.net>\r\n"
                        "In-Reply-To: <m1@example.net>\r\nAuto-Submitted"));
  EXPECT_THAT(f.content({"Subject: no id\r\n\r\nMessage-ID: <x@y>\r\n"}),
              Not(HasSubstr("In-Reply-To")));
}

// An original that contains the boundary must not be able to forge a report.
TEST(Notice, BoundaryIsNotInTheOriginal) {
  Fixture f;
  const std::string hostile =
      "Subject: x\r\n\r\n--0123456789AB.1767366305/mail.example.com\r\nContent-Type: "
      "text/html\r\n\r\nforged\r\n"
      "--0123456789AB.1767366305/mail.example.com.1\r\n";
  const std::string content = f.content({hostile});
  EXPECT_THAT(content, HasSubstr("\tboundary=\"0123456789AB.1767366305/mail.example.com.2\"\r\n"));
  EXPECT_THAT(content, HasSubstr(hostile));
}

TEST(Notice, BoundaryKeepsItsLength) {
  Fixture f;
  const std::string host(255, 'h');
  f.facts.host_name = host;
  const std::string first = "0123456789AB.1767366305/" + std::string(46, 'h');
  EXPECT_THAT(f.content(), HasSubstr("boundary=\"" + first + "\"\r\n"));
  EXPECT_THAT(f.content({"\r\n--" + first}),
              HasSubstr("boundary=\"" + first.substr(0, 68) + ".1\"\r\n"));
}

TEST(Notice, PeersTextCannotAddLines) {
  Fixture f;
  f.outcome.text = "a\r\nb";
  f.outcome.diagnostic = "550 a\r\n\r\nFinal-Recipient: rfc822; forged@example.org";
  f.outcome.remote_mta = "mx\r\nStatus: 2.0.0";
  f.recipient.original = "rfc822;a\nStatus: 2.0.0";
  f.envelope.sender = "\"a\r\nBcc: x\"@example.net";
  f.words.failure.subject = "x\r\nBcc: y";
  const std::string content = f.content();
  for (const std::string_view line :
       {"\r\nFinal-Recipient: rfc822; forged", "\r\nStatus: 2", "\nStatus: 2", "\r\nBcc"}) {
    EXPECT_THAT(content, Not(HasSubstr(line)));
  }
}

// A notice of each kind, byte for byte, as tests/golden/notice has it (with LF for CRLF).
TEST(Notice, GoldenFiles) {
  struct Case {
    std::string_view file;
    NoticeKind kind;
    Audience audience;
    NoticeAction action;
    std::string_view to;
    NoticeTemplate NoticeTemplates::*words;
    ReturnedPart returned;
    DsnCode dsn;
  };
  const Case cases[] = {
      {"failure_postmaster",
       NoticeKind::kFailure,
       Audience::kPostmaster,
       NoticeAction::kFailed,
       "postmaster@example.com",
       &NoticeTemplates::failure,
       ReturnedPart::kHeaders,
       {5, 1, 1}},
      {"delay",
       NoticeKind::kDelay,
       Audience::kSender,
       NoticeAction::kDelayed,
       "joe@example.net",
       &NoticeTemplates::delay,
       ReturnedPart::kHeaders,
       {4, 4, 1}},
      {"delay_postmaster",
       NoticeKind::kDelay,
       Audience::kPostmaster,
       NoticeAction::kDelayed,
       "postmaster@example.com",
       &NoticeTemplates::delay,
       ReturnedPart::kHeaders,
       {4, 4, 1}},
      {"success_delivered",
       NoticeKind::kSuccess,
       Audience::kSender,
       NoticeAction::kDelivered,
       "joe@example.net",
       &NoticeTemplates::success,
       ReturnedPart::kHeaders,
       {2, 0, 0}},
      {"success_relayed_full",
       NoticeKind::kSuccess,
       Audience::kSender,
       NoticeAction::kRelayed,
       "joe@example.net",
       &NoticeTemplates::success,
       ReturnedPart::kFull,
       {2, 0, 0}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.file);
    Fixture f;
    f.facts.kind = c.kind;
    f.facts.audience = c.audience;
    f.facts.returned = c.returned;
    f.facts.words = &(f.words.*c.words);
    f.facts.notice_recipient = c.to;
    f.action = c.action;
    f.outcome.dsn = c.dsn;
    f.outcome.text = c.dsn.klass == 2 ? "250 2.0.0 Ok: queued" : "host mx.example.org said: no";
    f.outcome.diagnostic = c.dsn.klass == 2 ? "250 2.0.0 Ok: queued" : "";
    if (c.audience == Audience::kPostmaster) {
      f.facts.notice_sender = "double-bounce@mail.example.com";
    }
    const ComposedNotice notice = f.compose();
    EXPECT_EQ(notice.envelope.sender, f.facts.notice_sender);
    EXPECT_EQ(notice.envelope.recipients.at(0).address, c.to);
    std::string content;
    for (const char byte : notice.content) {
      if (byte != '\r') content += byte;
    }
    const std::string path = "tests/golden/notice/" + std::string(c.file);
    if (std::getenv("BARID_WRITE_GOLDEN") != nullptr) std::ofstream(path) << content;
    std::ostringstream want;
    want << std::ifstream(path).rdbuf();
    EXPECT_EQ(content, want.str());
  }
}

// What was refused for good and is kept by soft_bounce is only late.
TEST(Notice, DelayedIsOfClassFour) {
  Fixture f;
  f.facts.kind = NoticeKind::kDelay;
  f.facts.words = &f.words.delay;
  f.action = NoticeAction::kDelayed;
  EXPECT_THAT(f.content(), HasSubstr("Action: delayed\r\nStatus: 4.1.1\r\n"));
}

// A bounce that failed: its own sender is null.
TEST(Notice, NullSenderOfTheOriginal) {
  Fixture f;
  f.envelope.sender = "";
  f.facts.audience = Audience::kPostmaster;
  f.facts.notice_recipient = "postmaster@example.com";
  const std::string content = f.content();
  EXPECT_THAT(content, HasSubstr("\r\nReturn-Path: <>\r\n"));
  EXPECT_THAT(content, Not(HasSubstr("X-Postfix-Sender")));
  EXPECT_THAT(content, Not(HasSubstr("This is the mail server")));
}

TEST(NoticeText, CompleteMailbox) {
  struct Case {
    std::string_view in;
    std::string_view out;
  };
  constexpr Case kCases[] = {
      {"postmaster", "postmaster@o.example"},
      {"joe@x.example", "joe@x.example"},
      {"Mail System <MAILER-DAEMON>", "Mail System <MAILER-DAEMON@o.example>"},
      {"Mail System <m@x.example>", "Mail System <m@x.example>"},
      {"MAILER-DAEMON (Mail System)", "MAILER-DAEMON@o.example (Mail System)"},
      {"", ""},
  };
  for (const Case& c : kCases) EXPECT_EQ(complete_mailbox(c.in, "o.example"), c.out);
}

TEST(NoticeText, Wrap) {
  struct Case {
    std::string in;
    std::string out;
  };
  const std::string w40(40, 'w');
  const std::string long_word(2000, 'l');
  const Case cases[] = {
      {"", "\r\n"},
      {"a  b ", "a  b\r\n"},
      {w40 + " " + std::string(38, 'x'), w40 + " " + std::string(38, 'x') + "\r\n"},
      {w40 + " " + std::string(39, 'x'), w40 + "\r\n    " + std::string(39, 'x') + "\r\n"},
      {w40 + " " + w40 + " " + std::string(34, 'x'),
       w40 + "\r\n    " + w40 + " " + std::string(34, 'x') + "\r\n"},
      {"a " + std::string(100, 'x') + " b", "a\r\n    " + std::string(100, 'x') + "\r\n    b\r\n"},
      {long_word, std::string(900, 'l') + "\r\n    " + std::string(900, 'l') + "\r\n    " +
                      std::string(200, 'l') + "\r\n"},
  };
  for (const Case& c : cases) {
    std::string out;
    append_wrapped(out, c.in);
    EXPECT_EQ(out, c.out);
  }
}

TEST(NoticeText, Headers) {
  constexpr std::string_view kHeaders =
      "A: 1\r\nx-Long : a\r\n b\r\n\tc \r\nx-long: second\r\nno colon\r\nEmpty:\r\n";
  EXPECT_EQ(header_value(kHeaders, "a"), "1");
  EXPECT_EQ(header_value(kHeaders, "X-Long"), "a b c");
  EXPECT_EQ(header_value(kHeaders, "empty"), "");
  EXPECT_EQ(header_value(kHeaders, "none"), "");
  EXPECT_EQ(header_bytes("A: 1\r\nB: 2\r\n\r\nbody"), 12u);
  EXPECT_EQ(header_bytes("A: 1\r\nB: cut"), 6u);
  EXPECT_EQ(header_bytes("\r\nbody"), 0u);
  EXPECT_EQ(header_bytes(""), 0u);
}

}  // namespace
}  // namespace barid
