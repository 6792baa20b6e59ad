// Writes sample notices, one file each, into the directory named on the command line, for
// check_notice.py.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "deliver/notice.h"
#include "deliver/notice_test_names.h"

namespace {

using namespace barid;

struct Sample {
  const char* name;
  Envelope envelope;
  std::string original;
  NoticeKind kind = NoticeKind::kFailure;
  Audience audience = Audience::kSender;
};

std::vector<Sample> samples() {
  const std::string header =
      "From: joe@example.net\r\nTo: who@example.org\r\nSubject: Hello\r\n\r\n";
  Envelope plain;
  plain.sender = "joe@example.net";
  Envelope headers = plain;
  headers.dsn_return = DsnReturn::kHeaders;
  headers.envid = "QQ314159";
  Envelope eight_bit = plain;
  eight_bit.body = BodyType::k8BitMime;
  Envelope global = plain;
  global.smtputf8 = true;
  global.sender = "j\xc3\xb6rg@example.net";
  const std::string umlaut_body = header + "Gr\xc3\xbc\xc3\x9f Gott\r\n";
  return {
      {"plain", plain, header + "Body.\r\n"},
      {"headers", headers, header + "Body.\r\n"},
      {"large", plain, header + std::string(60'000, 'x') + "\r\n"},
      {"eight_bit", eight_bit, umlaut_body},
      {"global", global, umlaut_body},
      {"boundary", plain, header + "--0123456789AB.1767366305/mail.example.com--\r\nafter\r\n"},
      {"delay", headers, header + "Body.\r\n", NoticeKind::kDelay},
      {"success", plain, header + "Body.\r\n", NoticeKind::kSuccess},
      {"postmaster", headers, header + "Body.\r\n", NoticeKind::kFailure, Audience::kPostmaster}};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: notice_samples DIRECTORY\n");
    return 64;
  }
  const Recipient who{.address = "who@example.org", .original = "rfc822;Who@example.org"};
  const Recipient other{.address = "other@example.org"};
  const Outcome refused{
      .disposition = Disposition::kFailed,
      .dsn = {5, 1, 1},
      .text =
          "host mx.example.org[192.0.2.9] said: 550 5.1.1 <who@example.org>: no such user "
          "here, and the server went on to explain it at length (in reply to RCPT TO command)",
      .remote_mta = "mx.example.org",
      .diagnostic =
          "550 5.1.1 <who@example.org>: no such user here, and the server went on to "
          "explain it at length"};
  const Outcome expired{.dsn = {4, 4, 1},
                        .text = "connect to mx2[192.0.2.10]:25: Connection timed out"};
  const NoticeTemplates words = builtin_notice_templates(
      TestNames{{"myhostname", "mail.example.com"}, {"myorigin", "example.com"}},
      {.delay_warning = std::chrono::hours(4), .queue_lifetime = std::chrono::days(5)});
  for (const Sample& sample : samples()) {
    const NoticeAction action = sample.kind == NoticeKind::kFailure ? NoticeAction::kFailed
                                : sample.kind == NoticeKind::kDelay ? NoticeAction::kDelayed
                                                                    : NoticeAction::kRelayed;
    const NoticeRecipient about[] = {{.recipient = &who,
                                      .action = action,
                                      .dsn = refused.dsn,
                                      .text = refused.text,
                                      .remote_mta = refused.remote_mta,
                                      .diagnostic = refused.diagnostic},
                                     {.recipient = &other,
                                      .action = action,
                                      .dsn = expired.dsn,
                                      .text = expired.text,
                                      .expanded_from = "list@example.com"}};
    const bool to_postmaster = sample.audience == Audience::kPostmaster;
    const std::string to =
        to_postmaster ? std::string("postmaster@example.com") : sample.envelope.sender;
    const NoticeFacts facts{.kind = sample.kind,
                            .audience = sample.audience,
                            .host_name = "mail.example.com",
                            .origin = "example.com",
                            .mail_name = "Postfix",
                            .queue_id = *QueueId::parse("0123456789AB"),
                            .notice_id = *QueueId::parse("0123456789AC"),
                            .arrival_time = WallTime(std::chrono::seconds(1767366245)),
                            .now = WallTime(std::chrono::seconds(1767366305)),
                            .retry_until = WallTime(std::chrono::seconds(1767798245)),
                            .envelope = &sample.envelope,
                            .notice_recipient = to,
                            .recipients = about,
                            .returned = sample.envelope.dsn_return == DsnReturn::kHeaders
                                            ? ReturnedPart::kHeaders
                                            : ReturnedPart::kFull,
                            .words = sample.kind == NoticeKind::kFailure ? &words.failure
                                     : sample.kind == NoticeKind::kDelay ? &words.delay
                                                                         : &words.success};
    const std::string_view original[] = {sample.original};
    const ComposedNotice notice = compose_notice(facts, original);
    std::ofstream out(std::filesystem::path(argv[1]) / (std::string(sample.name) + ".eml"),
                      std::ios::binary);
    out << notice.content;
    if (!out) return 74;
  }
  return 0;
}
