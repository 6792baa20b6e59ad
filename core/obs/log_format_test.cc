// Goal: every event makes exactly the line that log readers know, and a JSON object of the same
// facts. Method: golden rows, both shapes side by side, at one fixed time.
#include "core/obs/log_format.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>

#include "core/text/utf8.h"

namespace barid {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNow = WallTime(1767366245s + 123us);  // 2026-01-02 15:04:05.000123 UTC
const QueueId kId = *QueueId::parse("0123456789AB");
const QueueId kNoticeId = *QueueId::parse("0123456789AC");
constexpr LogClient kClient{.name = "mx.example.net", .address = "192.0.2.7"};
constexpr std::string_view kPostfixHead = "Jan  2 15:04:05 mail ";
constexpr std::string_view kJsonHead = R"({"time":"2026-01-02T15:04:05.000123Z","host":"mail",)";

template <typename Event>
std::string line(LogStyle style, const Event& event, LogOrigin origin = {.pid = 42}) {
  LogFormatter formatter({.style = style, .zone = LogZone::kUtc, .host_name = "mail"});
  std::string out(kLogLineBytesMax, '\0');
  out.resize(formatter.write(out.data(), kNow, origin, event));
  return out;
}

struct Case {
  std::function<std::string(LogStyle)> write;
  std::string_view postfix;  // after date and host
  std::string_view json;     // after time and host
};

template <typename Event>
Case row(Event event, std::string_view postfix, std::string_view json) {
  return {[event](LogStyle style) { return line(style, event); }, postfix, json};
}

void check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    EXPECT_EQ(c.write(LogStyle::kPostfix), std::string(kPostfixHead).append(c.postfix) + "\n");
    EXPECT_EQ(c.write(LogStyle::kJson), std::string(kJsonHead).append(c.json) + "\n");
  }
}

CommandCounts counts(std::initializer_list<std::pair<LogCommand, CommandCount>> list) {
  CommandCounts all{};
  for (const auto& [command, count] : list) all[static_cast<size_t>(command)] = count;
  return all;
}

TEST(LogFormat, SmtpdSession) {
  static const CommandCounts kSome = counts({{LogCommand::kEhlo, {1, 1}},
                                             {LogCommand::kMail, {1, 1}},
                                             {LogCommand::kRcpt, {0, 1}},
                                             {LogCommand::kData, {0, 1}},
                                             {LogCommand::kRset, {1, 1}},
                                             {LogCommand::kQuit, {1, 1}}});
  static const CommandCounts kNone{};
  static const CommandCounts kAll =
      counts({{LogCommand::kHelo, {2, 2}}, {LogCommand::kUnknown, {0, 3}}});
  check({
      row(SmtpdConnect{kClient}, "postfix/smtpd[42]: connect from mx.example.net[192.0.2.7]",
          R"("syslog_name":"postfix","program":"smtpd","pid":42,"level":"info","event":"smtpd_connect",)"
          R"("client_name":"mx.example.net","client_address":"192.0.2.7"})"),
      row(SmtpdClient{.queue_id = kId, .client = kClient},
          "postfix/smtpd[42]: 0123456789AB: client=mx.example.net[192.0.2.7]",
          R"("syslog_name":"postfix","program":"smtpd","pid":42,"level":"info","event":"smtpd_client",)"
          R"("queue_id":"0123456789AB","client_name":"mx.example.net","client_address":"192.0.2.7"})"),
      row(SmtpdClient{.queue_id = kId,
                      .client = kClient,
                      .sasl_method = "PLAIN",
                      .sasl_username = "joe",
                      .sasl_sender = "x"},
          "postfix/smtpd[42]: 0123456789AB: client=mx.example.net[192.0.2.7], sasl_method=PLAIN, "
          "sasl_username=joe, sasl_sender=x",
          R"("syslog_name":"postfix","program":"smtpd","pid":42,"level":"info","event":"smtpd_client",)"
          R"("queue_id":"0123456789AB","client_name":"mx.example.net","client_address":"192.0.2.7",)"
          R"("sasl_method":"PLAIN","sasl_username":"joe","sasl_sender":"x"})"),
      row(SmtpdClient{.queue_id = kId,
                      .client = kClient,
                      .original_id = "4XYZ",
                      .original_client = {.name = "spike.example", .address = "192.0.2.9"}},
          "postfix/smtpd[42]: 0123456789AB: client=mx.example.net[192.0.2.7], orig_queue_id=4XYZ, "
          "orig_client=spike.example[192.0.2.9]",
          R"("syslog_name":"postfix","program":"smtpd","pid":42,"level":"info","event":"smtpd_client",)"
          R"("queue_id":"0123456789AB","client_name":"mx.example.net","client_address":"192.0.2.7",)"
          R"("orig_queue_id":"4XYZ","orig_client_name":"spike.example","orig_client_address":"192.0.2.9"})"),
      row(Pickup{.queue_id = kId, .uid = 1000, .sender = "joe@example.org"},
          "postfix/pickup[42]: 0123456789AB: uid=1000 from=<joe@example.org>",
          R"("syslog_name":"postfix","program":"pickup","pid":42,"level":"info","event":"pickup",)"
          R"("queue_id":"0123456789AB","uid":1000,"from":"joe@example.org"})"),
      row(SmtpdDisconnect{.client = kClient, .counts = kSome},
          "postfix/smtpd[42]: disconnect from mx.example.net[192.0.2.7] ehlo=1 mail=1 rcpt=0/1 "
          "data=0/1 rset=1 quit=1 commands=4/6",
          R"("syslog_name":"postfix","program":"smtpd","pid":42,"level":"info","event":"smtpd_disconnect",)"
          R"("client_name":"mx.example.net","client_address":"192.0.2.7","commands":{"ehlo":{"ok":1,"total":1},)"
          R"("mail":{"ok":1,"total":1},"rcpt":{"ok":0,"total":1},"data":{"ok":0,"total":1},)"
          R"("rset":{"ok":1,"total":1},"quit":{"ok":1,"total":1}}})"),
      row(SmtpdDisconnect{.client = kClient, .counts = kNone, .notes = "bare_lf"},
          "postfix/smtpd[42]: disconnect from mx.example.net[192.0.2.7] commands=0/0 notes=bare_lf",
          R"("syslog_name":"postfix","program":"smtpd","pid":42,"level":"info","event":"smtpd_disconnect",)"
          R"("client_name":"mx.example.net","client_address":"192.0.2.7","commands":{},"notes":"bare_lf"})"),
      row(SmtpdDisconnect{.client = kClient, .counts = kAll},
          "postfix/smtpd[42]: disconnect from mx.example.net[192.0.2.7] helo=2 unknown=0/3 "
          "commands=2/5",
          R"("syslog_name":"postfix","program":"smtpd","pid":42,"level":"info","event":"smtpd_disconnect",)"
          R"("client_name":"mx.example.net","client_address":"192.0.2.7",)"
          R"("commands":{"helo":{"ok":2,"total":2},"unknown":{"ok":0,"total":3}}})"),
  });
}

TEST(LogFormat, SmtpdTrouble) {
  check({
      row(SmtpdBroken{.reason = SessionEnd::kLostConnection, .after = "CONNECT", .client = kClient},
          "postfix/smtpd[42]: lost connection after CONNECT from mx.example.net[192.0.2.7]",
          R"("syslog_name":"postfix","program":"smtpd","pid":42,"level":"info","event":"smtpd_broken",)"
          R"("reason":"lost connection","after":"CONNECT","client_name":"mx.example.net","client_address":"192.0.2.7"})"),
      row(
          SmtpdBroken{
              .reason = SessionEnd::kTimeout, .after = "DATA", .bytes = 5120, .client = kClient},
          "postfix/smtpd[42]: timeout after DATA (5120 bytes) from mx.example.net[192.0.2.7]",
          R"("syslog_name":"postfix","program":"smtpd","pid":42,"level":"info","event":"smtpd_broken",)"
          R"("reason":"timeout","after":"DATA","bytes":5120,"client_name":"mx.example.net","client_address":"192.0.2.7"})"),
      row(SmtpdBroken{.reason = SessionEnd::kTooManyErrors, .after = "RCPT", .client = kClient},
          "postfix/smtpd[42]: too many errors after RCPT from mx.example.net[192.0.2.7]",
          R"("syslog_name":"postfix","program":"smtpd","pid":42,"level":"info","event":"smtpd_broken",)"
          R"("reason":"too many errors","after":"RCPT","client_name":"mx.example.net","client_address":"192.0.2.7"})"),
      row(SmtpdPipelining{.after = "CONNECT", .client = kClient, .data = "EHLO \"x\"\r\nMAIL"},
          "postfix/smtpd[42]: improper command pipelining after CONNECT from "
          "mx.example.net[192.0.2.7]: EHLO \"x\"? MAIL",
          R"("syslog_name":"postfix","program":"smtpd","pid":42,"level":"info","event":"smtpd_pipelining",)"
          R"("after":"CONNECT","client_name":"mx.example.net","client_address":"192.0.2.7","data":"EHLO \"x\"? MAIL"})"),
      row(SmtpdVerdict{.stage = "RCPT",
                       .client = kClient,
                       .reply = "554 5.7.1 <r@example.org>: Relay access denied",
                       .sender = "s@example.net",
                       .recipient = "r@example.org",
                       .protocol = "ESMTP",
                       .helo = "mx"},
          "postfix/smtpd[42]: NOQUEUE: reject: RCPT from mx.example.net[192.0.2.7]: 554 5.7.1 "
          "<r@example.org>: Relay access denied; from=<s@example.net> to=<r@example.org> "
          "proto=ESMTP "
          "helo=<mx>",
          R"("syslog_name":"postfix","program":"smtpd","pid":42,"level":"info","event":"smtpd_verdict",)"
          R"("verb":"reject","stage":"RCPT","client_name":"mx.example.net","client_address":"192.0.2.7",)"
          R"("reply":"554 5.7.1 <r@example.org>: Relay access denied","from":"s@example.net",)"
          R"("to":"r@example.org","proto":"ESMTP","helo":"mx"})"),
      row(SmtpdVerdict{.queue_id = kId,
                       .verb = "hold",
                       .stage = "END-OF-MESSAGE",
                       .client = kClient,
                       .reply = "450 4.0.0 x",
                       .sender = "",
                       .sasl_username = "joe"},
          "postfix/smtpd[42]: 0123456789AB: hold: END-OF-MESSAGE from mx.example.net[192.0.2.7]: "
          "450 4.0.0 x; from=<> sasl_username=<joe>",
          R"("syslog_name":"postfix","program":"smtpd","pid":42,"level":"info","event":"smtpd_verdict",)"
          R"("queue_id":"0123456789AB","verb":"hold","stage":"END-OF-MESSAGE","client_name":"mx.example.net",)"
          R"("client_address":"192.0.2.7","reply":"450 4.0.0 x","from":"","sasl_username":"joe"})"),
  });
}

TEST(LogFormat, MessageLife) {
  check({
      row(CleanupMessageId{.queue_id = kId, .message_id = "<a@b>"},
          "postfix/cleanup[42]: 0123456789AB: message-id=<a@b>",
          R"("syslog_name":"postfix","program":"cleanup","pid":42,"level":"info","event":"cleanup_message_id",)"
          R"("queue_id":"0123456789AB","message_id":"<a@b>"})"),
      row(CleanupMessageId{.queue_id = kId, .message_id = ""},
          "postfix/cleanup[42]: 0123456789AB: message-id=<>",
          R"("syslog_name":"postfix","program":"cleanup","pid":42,"level":"info","event":"cleanup_message_id",)"
          R"("queue_id":"0123456789AB","message_id":""})"),
      row(CleanupMessageId{.queue_id = kId, .message_id = "<r@b>", .resent = true},
          "postfix/cleanup[42]: 0123456789AB: resent-message-id=<r@b>",
          R"("syslog_name":"postfix","program":"cleanup","pid":42,"level":"info","event":"cleanup_message_id",)"
          R"("queue_id":"0123456789AB","resent_message_id":"<r@b>"})"),
      row(
          QmgrActive{
              .queue_id = kId, .sender = "s@example.net", .size_bytes = 5321, .recipient_count = 2},
          "postfix/qmgr[42]: 0123456789AB: from=<s@example.net>, size=5321, nrcpt=2 (queue active)",
          R"("syslog_name":"postfix","program":"qmgr","pid":42,"level":"info","event":"qmgr_active",)"
          R"("queue_id":"0123456789AB","from":"s@example.net","size":5321,"nrcpt":2})"),
      row(QmgrRemoved{.queue_id = kId}, "postfix/qmgr[42]: 0123456789AB: removed",
          R"("syslog_name":"postfix","program":"qmgr","pid":42,"level":"info","event":"qmgr_removed",)"
          R"("queue_id":"0123456789AB"})"),
      row(QmgrExpired{.queue_id = kId, .sender = "s@example.net"},
          "postfix/qmgr[42]: 0123456789AB: from=<s@example.net>, status=expired, returned to "
          "sender",
          R"("syslog_name":"postfix","program":"qmgr","pid":42,"level":"info","event":"qmgr_expired",)"
          R"("queue_id":"0123456789AB","from":"s@example.net","status":"expired"})"),
      row(QmgrExpired{.queue_id = kId, .sender = "", .forced = true},
          "postfix/qmgr[42]: 0123456789AB: from=<>, status=force-expired, returned to sender",
          R"("syslog_name":"postfix","program":"qmgr","pid":42,"level":"info","event":"qmgr_expired",)"
          R"("queue_id":"0123456789AB","from":"","status":"force-expired"})"),
      row(BounceNotification{.queue_id = kId, .notice_id = kNoticeId},
          "postfix/bounce[42]: 0123456789AB: sender non-delivery notification: 0123456789AC",
          R"("syslog_name":"postfix","program":"bounce","pid":42,"level":"info","event":"bounce_notification",)"
          R"("queue_id":"0123456789AB","kind":"sender non-delivery notification","notice_id":"0123456789AC"})"),
      row(
          BounceNotification{
              .queue_id = kId, .kind = NotificationKind::kPostmasterDelay, .notice_id = kNoticeId},
          "postfix/bounce[42]: 0123456789AB: postmaster delay notification: 0123456789AC",
          R"("syslog_name":"postfix","program":"bounce","pid":42,"level":"info","event":"bounce_notification",)"
          R"("queue_id":"0123456789AB","kind":"postmaster delay notification","notice_id":"0123456789AC"})"),
  });
}

TEST(LogFormat, HttpRequests) {
  check({row(
      HttpdRequest{.client = {.name = "unknown", .address = "192.0.2.1"},
                   .request_id = "r-1",
                   .method = "POST",
                   .path = "/emails",
                   .status = 200,
                   .request_bytes = 120,
                   .answer_bytes = 45,
                   .duration = std::chrono::microseconds(1500)},
      "postfix/httpd[42]: client=unknown[192.0.2.1], request_id=r-1, method=POST, "
      "path=/emails, status=200, in=120, out=45, us=1500",
      R"("syslog_name":"postfix","program":"httpd","pid":42,"level":"info","event":"httpd_request",)"
      R"("client_name":"unknown","client_address":"192.0.2.1","request_id":"r-1","method":"POST",)"
      R"("path":"/emails","status":200,"request_bytes":120,"answer_bytes":45,"duration_us":1500})")});
}

TEST(LogFormat, Deliveries) {
  static const Delays kDelays{
      .before_queue = 110ms, .in_queue = 4ms, .connection = 1510ms, .transmission = 12345ms};
  const Outcome outcome{
      .disposition = Disposition::kFailed,
      .dsn = {5, 1, 1},
      .text = "host mx[192.0.2.9] said: 550 5.1.1 \"who\" (in reply to RCPT TO command)",
      .relay = "mx[192.0.2.9]:25"};
  check({
      row(DeliveryDone{.queue_id = kId,
                       .recipient = "r@example.org",
                       .original = "R@Example.org",
                       .relay = "mx.example.org[192.0.2.9]:25",
                       .connection_use = 3,
                       .delays = kDelays,
                       .dsn = {2, 0, 0},
                       .text = "250 2.0.0 Ok: queued as XYZ"},
          "postfix/smtp[42]: 0123456789AB: to=<r@example.org>, relay=mx.example.org[192.0.2.9]:25, "
          "conn_use=3, delay=14, delays=0.11/0/1.5/12, dsn=2.0.0, status=sent (250 2.0.0 Ok: "
          "queued as XYZ)",
          R"("syslog_name":"postfix","program":"smtp","pid":42,"level":"info","event":"delivery",)"
          R"("queue_id":"0123456789AB","to":"r@example.org","relay":"mx.example.org[192.0.2.9]:25","conn_use":3,)"
          R"("delay":14,"delays":[0.11,0,1.5,12],"dsn":"2.0.0","status":"sent","text":"250 2.0.0 Ok: queued as XYZ"})"),
      row(DeliveryDone{.program = LogProgram::kLmtp,
                       .queue_id = kId,
                       .recipient = "r@example.org",
                       .original = "alias@example.org",
                       .delays = {},
                       .dsn = {4, 4, 1},
                       .status = DeliveryStatus::kDeferred,
                       .text = "connect to x[192.0.2.1]:24: Connection refused"},
          "postfix/lmtp[42]: 0123456789AB: to=<r@example.org>, orig_to=<alias@example.org>, "
          "relay=none, "
          "delay=0, delays=0/0/0/0, dsn=4.4.1, status=deferred (connect to x[192.0.2.1]:24: "
          "Connection refused)",
          R"("syslog_name":"postfix","program":"lmtp","pid":42,"level":"info","event":"delivery",)"
          R"("queue_id":"0123456789AB","to":"r@example.org","orig_to":"alias@example.org","relay":"none",)"
          R"("delay":0,"delays":[0,0,0,0],"dsn":"4.4.1","status":"deferred",)"
          R"("text":"connect to x[192.0.2.1]:24: Connection refused"})"),
      row(delivery_done(LogProgram::kSmtp, kId, "r@example.org", outcome),
          "postfix/smtp[42]: 0123456789AB: to=<r@example.org>, relay=mx[192.0.2.9]:25, delay=0, "
          "delays=0/0/0/0, dsn=5.1.1, status=bounced (host mx[192.0.2.9] said: 550 5.1.1 \"who\" "
          "(in reply "
          "to RCPT TO command))",
          R"("syslog_name":"postfix","program":"smtp","pid":42,"level":"info","event":"delivery",)"
          R"("queue_id":"0123456789AB","to":"r@example.org","relay":"mx[192.0.2.9]:25","delay":0,)"
          R"("delays":[0,0,0,0],"dsn":"5.1.1","status":"bounced",)"
          R"j("text":"host mx[192.0.2.9] said: 550 5.1.1 \"who\" (in reply to RCPT TO command)"})j"),
      row(DeliveryDone{.queue_id = kId,
                       .recipient = "r@example.org",
                       .delays = {},
                       .dsn = {4, 4, 2},
                       .status = DeliveryStatus::kInDoubt,
                       .text = "lost connection"},
          "postfix/smtp[42]: 0123456789AB: to=<r@example.org>, relay=none, delay=0, "
          "delays=0/0/0/0, "
          "dsn=4.4.2, status=deferred (in doubt: lost connection)",
          R"("syslog_name":"postfix","program":"smtp","pid":42,"level":"info","event":"delivery",)"
          R"("queue_id":"0123456789AB","to":"r@example.org","relay":"none","delay":0,"delays":[0,0,0,0],)"
          R"("dsn":"4.4.2","status":"deferred","in_doubt":true,"text":"lost connection"})"),
      row(DeliveryDone{.program = LogProgram::kLocal,
                       .queue_id = kId,
                       .recipient = "r",
                       .relay = "local",
                       .delays = {},
                       .dsn = {5, 0, 0},
                       .status = DeliveryStatus::kSoftBounce,
                       .text = "x"},
          "postfix/local[42]: 0123456789AB: to=<r>, relay=local, delay=0, delays=0/0/0/0, "
          "dsn=5.0.0, "
          "status=SOFTBOUNCE (x)",
          R"("syslog_name":"postfix","program":"local","pid":42,"level":"info","event":"delivery",)"
          R"("queue_id":"0123456789AB","to":"r","relay":"local","delay":0,"delays":[0,0,0,0],)"
          R"("dsn":"5.0.0","status":"SOFTBOUNCE","text":"x"})"),
  });
}

TEST(LogFormat, NotesAndServer) {
  check({
      row(LogNote{.program = LogProgram::kSmtp,
                  .text = "connect to x[192.0.2.1]:25: Connection refused"},
          "postfix/smtp[42]: connect to x[192.0.2.1]:25: Connection refused",
          R"("syslog_name":"postfix","program":"smtp","pid":42,"level":"info","event":"note",)"
          R"("text":"connect to x[192.0.2.1]:25: Connection refused"})"),
      row(LogNote{.program = LogProgram::kQmgr,
                  .severity = LogSeverity::kWarning,
                  .queue_id = kId,
                  .text = "odd"},
          "postfix/qmgr[42]: warning: 0123456789AB: odd",
          R"("syslog_name":"postfix","program":"qmgr","pid":42,"level":"warning","event":"note",)"
          R"("queue_id":"0123456789AB","text":"odd"})"),
      row(
          LogNote{
              .program = LogProgram::kMaster, .severity = LogSeverity::kFatal, .text = "no queue"},
          "postfix/master[42]: fatal: no queue",
          R"("syslog_name":"postfix","program":"master","pid":42,"level":"fatal","event":"note","text":"no queue"})"),
      row(ServerState{.version = "0.1.0", .configuration = "/etc/barid"},
          "postfix/master[42]: daemon started -- version 0.1.0, configuration /etc/barid",
          R"("syslog_name":"postfix","program":"master","pid":42,"level":"info","event":"server",)"
          R"("change":"started","version":"0.1.0","configuration":"/etc/barid"})"),
      row(
          ServerState{
              .change = ServerChange::kReloaded, .version = "0.1.0", .configuration = "/etc/barid"},
          "postfix/master[42]: reload -- version 0.1.0, configuration /etc/barid",
          R"("syslog_name":"postfix","program":"master","pid":42,"level":"info","event":"server",)"
          R"("change":"reloaded","version":"0.1.0","configuration":"/etc/barid"})"),
      row(ServerState{.change = ServerChange::kStopping, .version = "0.1.0", .signal_number = 15},
          "postfix/master[42]: terminating on signal 15",
          R"("syslog_name":"postfix","program":"master","pid":42,"level":"info","event":"server",)"
          R"("change":"stopping","signal":15})"),
      row(LogLinesLost{17}, "postfix/postlogd[42]: warning: 17 log lines lost",
          R"("syslog_name":"postfix","program":"postlogd","pid":42,"level":"warning","event":"log_lines_lost","count":17})"),
      row(LogLinesLost{1}, "postfix/postlogd[42]: warning: 1 log line lost",
          R"("syslog_name":"postfix","program":"postlogd","pid":42,"level":"warning","event":"log_lines_lost","count":1})"),
  });
}

TEST(LogFormat, OriginNamesTheService) {
  EXPECT_EQ(
      line(LogStyle::kPostfix, SmtpdConnect{kClient},
           {.pid = 7, .syslog_name = "postfix/submission"}),
      "Jan  2 15:04:05 mail postfix/submission/smtpd[7]: connect from mx.example.net[192.0.2.7]\n");
}

TEST(LogFormat, LocalTimeFollowsTheZone) {
  setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
  LogFormatter formatter({.host_name = "mail host\n"});
  unsetenv("TZ");
  char out[kLogLineBytesMax];
  struct Case {
    int64_t seconds;
    std::string_view start;
  };
  constexpr Case kCases[] = {{1767366245, "Jan  2 16:04:05 mail?host? "},
                             {1767366246, "Jan  2 16:04:06 "},
                             {1782907445, "Jul  1 14:04:05 "},
                             {1767366245, "Jan  2 16:04:05 "}};
  for (const Case& c : kCases) {
    const size_t bytes =
        formatter.write(out, WallTime(std::chrono::seconds(c.seconds)), {}, QmgrRemoved{kId});
    EXPECT_EQ(std::string_view(out, bytes).substr(0, c.start.size()), c.start);
  }
  tzset();
}

TEST(LogFormat, LongestLineFits) {
  const std::string huge(100'000, '"');
  const SmtpdVerdict event{.queue_id = kId,
                           .verb = huge,
                           .stage = huge,
                           .client = {huge, huge},
                           .reply = huge,
                           .sender = huge,
                           .recipient = huge,
                           .protocol = huge,
                           .helo = huge,
                           .sasl_username = huge};
  for (const LogStyle style : {LogStyle::kPostfix, LogStyle::kJson}) {
    const std::string text = line(style, event, {.pid = 1, .syslog_name = huge});
    EXPECT_LE(text.size(), kLogLineBytesMax);
    EXPECT_GT(text.size(), 5000u);
    EXPECT_EQ(text.back(), '\n');
    EXPECT_TRUE(text::is_valid_utf8(text));
  }
}

}  // namespace
}  // namespace barid
