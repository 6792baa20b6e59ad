// Writes the log of a small, known amount of mail to standard output, for pflogsumm_test.py. The
// numbers stand there; a change here needs one there.
#include <cstdio>

#include "core/obs/log.h"

namespace {

using namespace barid;

constexpr LogClient kClient{.name = "client.example.net", .address = "192.0.2.7"};

class Samples {
 public:
  Samples() : log_({.zone = LogZone::kUtc, .host_name = "mail"}, buffer_) {
    log_.set_time(WallTime(std::chrono::seconds(1767366245)));
  }

  /// A session of one second that brings one message of `size_bytes`.
  QueueId accept(uint32_t pid, std::string_view sender, uint64_t size_bytes,
                 uint32_t recipient_count, std::string_view service = {}) {
    const LogOrigin smtpd{.pid = pid, .syslog_name = service};
    const QueueId id{.micros = 1'767'366'245'000'000u + pid, .partition = 1};
    log_.write(smtpd, SmtpdConnect{kClient});
    log_.write(smtpd, SmtpdClient{.queue_id = id, .client = kClient});
    log_.write({.pid = 1}, CleanupMessageId{.queue_id = id, .message_id = "<m@example.net>"});
    log_.write({.pid = 1}, QmgrActive{.queue_id = id,
                                      .sender = sender,
                                      .size_bytes = size_bytes,
                                      .recipient_count = recipient_count});
    CommandCounts counts{};
    counts[static_cast<size_t>(LogCommand::kEhlo)] = {1, 1};
    counts[static_cast<size_t>(LogCommand::kQuit)] = {1, 1};
    log_.write(smtpd, SmtpdDisconnect{.client = kClient, .counts = counts});
    return id;
  }

  void deliver(QueueId id, std::string_view recipient, DeliveryStatus status, DsnCode dsn,
               std::string_view text, uint32_t connection_use = 1) {
    log_.write({.pid = 4000},
               DeliveryDone{.queue_id = id,
                            .recipient = recipient,
                            .original = connection_use > 1 ? "alias@example.com" : "",
                            .relay = "mx.example.org[192.0.2.9]:25",
                            .connection_use = connection_use,
                            .delays = {.transmission = std::chrono::milliseconds(1500)},
                            .dsn = dsn,
                            .status = status,
                            .text = text});
  }

  void run();
  void print() {
    log_.publish();
    for (std::string_view bytes = buffer_.peek(); !bytes.empty(); bytes = buffer_.peek()) {
      std::fwrite(bytes.data(), 1, bytes.size(), stdout);
      buffer_.consume(bytes.size());
    }
  }

 private:
  LogBuffer buffer_;
  Log log_;
};

void Samples::run() {
  log_.write({.pid = 1}, ServerState{.version = "0.1.0", .configuration = "/etc/barid"});
  const QueueId first = accept(101, "joe@example.net", 1000, 2);
  deliver(first, "a@example.org", DeliveryStatus::kSent, {2, 0, 0}, "250 2.0.0 Ok: queued as X");
  deliver(first, "b@example.org", DeliveryStatus::kSent, {2, 0, 0}, "250 2.0.0 Ok: queued as X", 2);
  log_.write({.pid = 1}, QmgrRemoved{first});

  const QueueId second = accept(102, "ann@example.net", 2000, 2, "postfix/submission");
  deliver(second, "a@example.org", DeliveryStatus::kDeferred, {4, 4, 1},
          "connect to mx.example.org[192.0.2.9]:25: Connection refused");
  deliver(second, "a@example.org", DeliveryStatus::kInDoubt, {4, 4, 2},
          "lost connection with mx.example.org[192.0.2.9] while sending end of data");
  deliver(
      second, "c@example.com", DeliveryStatus::kBounced, {5, 1, 1},
      "host mx.example.org[192.0.2.9] said: 550 5.1.1 no such user (in reply to RCPT TO command)");
  const QueueId notice{.micros = 1'767'366'246'000'000, .partition = 1};
  log_.write({.pid = 1}, BounceNotification{.queue_id = second, .notice_id = notice});
  log_.write(
      {.pid = 1},
      QmgrActive{.queue_id = notice, .sender = "", .size_bytes = 3000, .recipient_count = 1});
  deliver(notice, "ann@example.net", DeliveryStatus::kSent, {2, 0, 0}, "250 ok");
  log_.write({.pid = 1}, QmgrRemoved{notice});

  for (uint32_t pid = 103; pid < 106; ++pid) {
    log_.write({.pid = pid}, SmtpdConnect{kClient});
    log_.write({.pid = pid}, SmtpdVerdict{.stage = "RCPT",
                                          .client = kClient,
                                          .reply = "554 5.7.1 <x@example.edu>: Relay access denied",
                                          .sender = "joe@example.net",
                                          .recipient = "x@example.edu",
                                          .protocol = "ESMTP",
                                          .helo = "client.example.net"});
    log_.write({.pid = pid}, SmtpdBroken{.after = "RCPT", .client = kClient});
    log_.write({.pid = pid}, SmtpdDisconnect{.client = kClient, .counts = CommandCounts{}});
  }
  log_.write({.pid = 1}, LogNote{.program = LogProgram::kQmgr,
                                 .severity = LogSeverity::kWarning,
                                 .text = "odd thing"});
  log_.write({.pid = 1}, LogNote{.program = LogProgram::kMaster,
                                 .severity = LogSeverity::kFatal,
                                 .text = "bad thing"});
}

}  // namespace

int main() {
  Samples samples;
  samples.run();
  samples.print();
  return 0;
}
