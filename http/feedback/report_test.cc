// Goal: bounces and complaints as other systems write them are understood; others are no reports.
// Method: whole messages through the MIME reader; rows.
#include "http/feedback/report.h"

#include <gtest/gtest.h>

namespace barid::http {
namespace {

constexpr std::string_view kId = "01a213c0-bd7a-80ae-9681-0000930841b6";

std::string report_of(std::string_view type, std::string_view status, std::string_view third) {
  return "From: <>\r\nContent-Type: multipart/report; report-type=" + std::string(type) +
         "; boundary=\"x\"\r\n\r\n--x\r\n\r\nIt did not work.\r\n--x\r\nContent-Type: message/" +
         std::string(type) + "\r\n\r\n" + std::string(status) + "\r\n--x\r\n" + std::string(third) +
         "\r\n--x--\r\n";
}

TEST(Report, DeliveryStatus) {
  const Report report = read_report(read_mime_parts(report_of(
      "delivery-status",
      "Reporting-MTA: dns; mx.example.net\r\nArrival-Date: x\r\n\r\n"
      "Original-Recipient: rfc822;Joe@Example.net\r\nFinal-Recipient: rfc822; j@inner.example\r\n"
      "Action: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1\r\n no such user\r\n\r\n"
      "Final-Recipient: rfc822; late@example.net\r\nAction: delayed\r\nStatus: 4.4.1\r\n",
      "Content-Type: text/rfc822-headers\r\n\r\nSubject: s\r\nMessage-ID: <" + std::string(kId) +
          "@client.example>\r\n")));
  EXPECT_EQ(report.kind, Report::Kind::kBounce);
  EXPECT_EQ(report.email_id, kId);
  ASSERT_EQ(report.recipients.size(), 1u);
  EXPECT_EQ(report.recipients[0].address, "joe@example.net");
  EXPECT_EQ(report.recipients[0].status, (DsnCode{5, 1, 1}));
  EXPECT_EQ(report.recipients[0].diagnostic, "550 5.1.1 no such user");
}

TEST(Report, OnlyFailuresAreBounces) {
  for (const std::string_view action : {"delayed", "delivered", "relayed", "expanded", ""}) {
    const Report report = read_report(read_mime_parts(
        report_of("delivery-status",
                  "Final-Recipient: rfc822; j@inner.example\r\nAction: " + std::string(action) +
                      "\r\nStatus: 4.4.1\r\n",
                  "Content-Type: text/rfc822-headers\r\n\r\nMessage-ID: <x@y.example>\r\n")));
    EXPECT_EQ(report.kind, Report::Kind::kNone) << action;
  }
}

TEST(Report, NotEveryFeedbackIsAComplaint) {
  for (const std::string_view type : {"not-spam", "Not-Spam", "auth-failure"}) {
    const Report report = read_report(read_mime_parts(
        report_of("feedback-report",
                  "User-Agent: x/1\r\nFeedback-Type: " + std::string(type) + "\r\nVersion: 1\r\n",
                  "Content-Type: message/rfc822\r\n\r\nMessage-ID: <x@y.example>\r\n\r\n")));
    EXPECT_EQ(report.kind, Report::Kind::kNone) << type;
  }
}

TEST(Report, OwnMessageIds) {
  const Report report = read_report(read_mime_parts(report_of(
      "delivery-status", "Final-Recipient: rfc822; j@x.example\r\nAction: failed (bounced)\r\n",
      "Content-Type: text/rfc822-headers\r\n\r\nX-Barid-Email-ID: " + std::string(kId) +
          "\r\nMessage-ID: <order-7@shop.example>\r\n")));
  EXPECT_EQ(report.kind, Report::Kind::kBounce);
  EXPECT_EQ(report.email_id, kId);
}

TEST(Report, AnsweredEmail) {
  const std::string ours = '<' + std::string(kId) + ".2@client.example>";
  EXPECT_EQ(answered_email({{.name = "Subject", .value = ours}}), "");
  EXPECT_EQ(answered_email({{.name = "in-reply-to", .value = ours}}), kId);
  EXPECT_EQ(answered_email({{.name = "In-Reply-To", .value = "<x@y.example>"},
                            {.name = "References", .value = "<a@b.example> " + ours}}),
            kId);
}

TEST(Report, Complaint) {
  const Report report = read_report(read_mime_parts(
      report_of("feedback-report",
                "Feedback-Type: abuse\r\nUser-Agent: x/1\r\nVersion: 1\r\n"
                "Original-Rcpt-To: <joe@example.net>\r\nOriginal-Mail-From: <a@b.example>\r\n",
                "Content-Type: message/rfc822\r\n\r\nMessage-ID: <" + std::string(kId) +
                    ".3@client.example>\r\nSubject: s\r\n\r\nbody\r\n")));
  EXPECT_EQ(report.kind, Report::Kind::kComplaint);
  EXPECT_EQ(report.feedback_type, "abuse");
  EXPECT_EQ(report.return_path, "a@b.example");
  EXPECT_EQ(report.email_id, kId);
  ASSERT_EQ(report.recipients.size(), 1u);
  EXPECT_EQ(report.recipients[0].address, "joe@example.net");
}

TEST(Report, OthersAreNone) {
  for (const std::string_view text : {"", "Subject: out of office\r\n\r\nI am away.\r\n"}) {
    EXPECT_EQ(read_report(read_mime_parts(text)).kind, Report::Kind::kNone);
  }
  const Report odd = read_report(read_mime_parts(
      report_of("delivery-status", "Action: failed\r\nFinal-Recipient: nobody\r\nStatus: 9.x\r\n",
                "Content-Type: message/rfc822\r\n\r\nMessage-ID: <other@example.net>\r\n\r\n")));
  EXPECT_EQ(odd.kind, Report::Kind::kBounce);
  EXPECT_TRUE(odd.recipients.empty());
  EXPECT_EQ(odd.email_id, "");
}

TEST(Report, VerpAddresses) {
  const struct {
    std::string_view address, recipient;
  } cases[] = {
      {"bounces+joe=example.net@client.example", "joe@example.net"},
      {"Bounces+Joe+x=y=example.net@Client.example", "joe+x=y@example.net"},
      {"bounces@client.example", ""},
      {"bounces+@client.example", ""},
      {"bounces+joe@client.example", ""},
      {"bounces+=x@client.example", ""},
      {"other+joe=example.net@client.example", ""},
      {"bounces+joe=example.net@other.example", ""},
      {"bounces", ""},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(verp_recipient(one.address, "bounces@client.example").value_or(""), one.recipient)
        << one.address;
  }
}

}  // namespace
}  // namespace barid::http
