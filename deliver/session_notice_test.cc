// Goal: the notice about a session has Postfix's subject and text, and nothing of a peer breaks its
// header. Method: one whole notice; a hostile client name.
#include "deliver/session_notice.h"

#include <gtest/gtest.h>

namespace barid {
namespace {

SessionNoticeFacts facts() {
  return {.host_name = "mx.example",
          .origin = "example.org",
          .mail_name = "Barid",
          .from = "MAILER-DAEMON (Mail Delivery System)",
          .notice_sender = "double-bounce@mx.example",
          .notice_recipient = "postmaster@example.org",
          .peer_name = "client.example",
          .peer_address = "192.0.2.1",
          .notice_id = QueueId{.micros = 1'700'000'000'000'000, .partition = 1},
          .now = WallTime(std::chrono::seconds(1'700'000'000)),
          .left_out_count = 0};
}

TEST(SessionNotice, Whole) {
  smtp::Transcript transcript(1000);
  transcript.add_output("220 mx\r\n");
  transcript.add_input("FOO\r\n");
  transcript.add_output("502 5.5.2 Error: command not recognized\r\n");
  const ComposedNotice notice = compose_session_notice(facts(), transcript);
  const std::string id = facts().notice_id.text();
  EXPECT_EQ(notice.content,
            "Received: by mx.example (Barid)\r\n\tid " + id +
                "; Tue, 14 Nov 2023 22:13:20 +0000\r\n"
                "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
                "From: MAILER-DAEMON@example.org (Mail Delivery System)\r\n"
                "To: postmaster@example.org\r\n"
                "Subject: Barid SMTP server: errors from client.example[192.0.2.1]\r\n"
                "Message-Id: <" +
                id +
                "@mx.example>\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                "Content-Type: text/plain; charset=us-ascii\r\n\r\n"
                "What the client (In) and this server (Out) said to each other:\r\n\r\n"
                " Out: 220 mx\r\n In:  FOO\r\n Out: 502 5.5.2 Error: command not recognized\r\n"
                "\r\nThe mail log of this host tells the rest.\r\n");
  EXPECT_EQ(notice.envelope.sender, "double-bounce@mx.example");
  EXPECT_EQ(notice.envelope.recipients.at(0).address, "postmaster@example.org");
}

TEST(SessionNotice, OfOurClients) {
  struct Row {
    smtp::SessionRole role;
    std::string_view subject;
  };
  for (const Row& row : {Row{smtp::SessionRole::kSmtpClient, "Barid SMTP client: errors from "},
                         Row{smtp::SessionRole::kLmtpClient, "Barid LMTP client: errors from "}}) {
    smtp::Transcript transcript(1000);
    transcript.add_input("502 what?\r\n");
    SessionNoticeFacts of_client = facts();
    of_client.role = row.role;
    const std::string content = compose_session_notice(of_client, transcript).content;
    EXPECT_NE(
        content.find("\r\nSubject: " + std::string(row.subject) + "client.example[192.0.2.1]"),
        std::string::npos);
    EXPECT_NE(content.find("What the server (In) and this client (Out) said to each other:\r\n\r\n"
                           " In:  502 what?\r\n"),
              std::string::npos);
  }
}

TEST(SessionNotice, APeerAddsNoLineAndCountsAreTold) {
  smtp::Transcript transcript(200);
  for (int i = 0; i < 50; ++i) transcript.add_input("NOOP\r\n");
  SessionNoticeFacts hostile = facts();
  hostile.peer_name = "x\r\nBcc: victim@example.org\r\n\r\n";
  hostile.left_out_count = 7;
  const std::string content = compose_session_notice(hostile, transcript).content;
  EXPECT_EQ(content.find("\nBcc:"), std::string::npos);
  EXPECT_NE(content.find(" earlier lines are left out.\r\n"), std::string::npos);
  EXPECT_NE(content.find("\r\n7 more sessions with errors had no notice"), std::string::npos);
}

}  // namespace
}  // namespace barid
