// What Barid logs: one struct per kind of line (style O3). A struct carries facts;
// core/obs/log_format turns them into a Postfix line or a JSON object. Views are borrowed for the
// call that logs them. Source: Postfix's log lines, as log analysers read them; RFC 3463 (status
// codes). Layer:  core/obs, pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/base/queue_id.h"
#include "core/mail/envelope.h"

namespace barid {

/// Names a line's `PROGRAM[pid]`. The transport `retry` logs as kError, `relay` as kSmtp.
enum class LogProgram : uint8_t {
  kSmtpd,
  kCleanup,
  kQmgr,
  kSmtp,
  kLmtp,
  kLocal,
  kVirtual,
  kPipe,
  kError,
  kDiscard,
  kBounce,
  kMaster,
  kPickup,
  kPostlogd,
  kTrivialRewrite,
  kAnvil,
  kHttpd,
  kPostsuper,
};
[[nodiscard]] std::string_view program_name(LogProgram program) noexcept;

enum class LogSeverity : uint8_t { kInfo, kWarning, kError, kFatal, kPanic };
/// "info", "warning", "error", "fatal", "panic".
[[nodiscard]] std::string_view severity_name(LogSeverity severity) noexcept;

/// Who writes the line. `pid` is distinct per concurrent session or delivery and constant for it:
/// log readers group lines by it. `syslog_name` overrides the default, e.g. "postfix/submission".
struct LogOrigin {
  uint32_t pid = 0;
  std::string_view syslog_name = {};
};

struct LogClient {
  std::string_view name;     ///< verified host name or "unknown"
  std::string_view address;  ///< textual IP address
};

/// Commands of `disconnect from …`, in the order in which they are shown.
enum class LogCommand : uint8_t {
  kHelo,
  kEhlo,
  kXclient,
  kXforward,
  kStarttls,
  kAuth,
  kMail,
  kRcpt,
  kData,
  kBdat,
  kRset,
  kNoop,
  kVrfy,
  kEtrn,
  kQuit,
  kHelp,
  kUnknown,
};
inline constexpr size_t kLogCommandCount = 17;
[[nodiscard]] std::string_view command_name(LogCommand command) noexcept;

struct CommandCount {
  uint32_t ok = 0;
  uint32_t total = 0;
};
using CommandCounts = std::array<CommandCount, kLogCommandCount>;

struct SmtpdConnect {
  static constexpr std::string_view kName = "smtpd_connect";
  static constexpr LogProgram kProgram = LogProgram::kSmtpd;
  LogClient client;
};

/// A queue id was given to a transaction of this client.
struct SmtpdClient {
  static constexpr std::string_view kName = "smtpd_client";
  static constexpr LogProgram kProgram = LogProgram::kSmtpd;
  QueueId queue_id;
  LogClient client;
  std::string_view sasl_method = {};
  std::string_view sasl_username = {};
  std::string_view sasl_sender = {};
  std::string_view original_id = {};  ///< of XFORWARD
  LogClient original_client = {};     ///< of XFORWARD; not logged without an address
};

/// A message of a program on this host (sendmail) got its queue id.
struct Pickup {
  static constexpr std::string_view kName = "pickup";
  static constexpr LogProgram kProgram = LogProgram::kPickup;
  QueueId queue_id;
  uint32_t uid = 0;  ///< whose process submitted it
  std::string_view sender;
};

struct SmtpdDisconnect {
  static constexpr std::string_view kName = "smtpd_disconnect";
  static constexpr LogProgram kProgram = LogProgram::kSmtpd;
  LogClient client;
  const CommandCounts& counts;
  std::string_view notes = {};  ///< e.g. "bare_lf"
};

enum class SessionEnd : uint8_t { kLostConnection, kTimeout, kTooManyErrors };

/// The session ended before QUIT.
struct SmtpdBroken {
  static constexpr std::string_view kName = "smtpd_broken";
  static constexpr LogProgram kProgram = LogProgram::kSmtpd;
  SessionEnd reason = SessionEnd::kLostConnection;
  std::string_view after;              ///< CONNECT, EHLO, DATA, END-OF-MESSAGE, …
  std::optional<uint64_t> bytes = {};  ///< content bytes so far; only after DATA or BDAT
  LogClient client;
};

/// Input arrived where the client had to wait for a reply.
struct SmtpdPipelining {
  static constexpr std::string_view kName = "smtpd_pipelining";
  static constexpr LogProgram kProgram = LogProgram::kSmtpd;
  std::string_view after;
  LogClient client;
  std::string_view data;
};

/// A rejected (or otherwise judged) command; with a null queue id the line says NOQUEUE.
struct SmtpdVerdict {
  static constexpr std::string_view kName = "smtpd_verdict";
  static constexpr LogProgram kProgram = LogProgram::kSmtpd;
  static constexpr bool kSaysNoQueue = true;
  QueueId queue_id = {};
  std::string_view verb = "reject";  ///< reject, reject_warning, hold, discard, warn, info, …
  std::string_view stage;  ///< CONNECT, EHLO, MAIL, RCPT, DATA, END-OF-MESSAGE, VRFY, ETRN
  LogClient client;
  std::string_view reply;                       ///< "554 5.7.1 <r>: Relay access denied"
  std::optional<std::string_view> sender = {};  ///< unset before MAIL
  std::optional<std::string_view> recipient = {};
  std::string_view protocol = {};
  std::string_view helo = {};
  std::string_view sasl_username = {};
};

struct CleanupMessageId {
  static constexpr std::string_view kName = "cleanup_message_id";
  static constexpr LogProgram kProgram = LogProgram::kCleanup;
  QueueId queue_id;
  std::string_view message_id;  ///< as in the header, brackets included; may be empty
  bool resent = false;
};

/// The message entered the schedule; logged each time.
struct QmgrActive {
  static constexpr std::string_view kName = "qmgr_active";
  static constexpr LogProgram kProgram = LogProgram::kQmgr;
  QueueId queue_id;
  std::string_view sender;
  uint64_t size_bytes = 0;
  uint32_t recipient_count = 0;
};

/// kInDoubt shows as deferred, marked "in doubt".
enum class DeliveryStatus : uint8_t {
  kSent,
  kDeferred,
  kBounced,
  kSoftBounce,
  kDeliverable,
  kUndeliverable,
  kInDoubt,
};
[[nodiscard]] DeliveryStatus delivery_status(Disposition disposition) noexcept;

/// One attempt for one recipient ended.
struct DeliveryDone {
  static constexpr std::string_view kName = "delivery";
  LogProgram program = LogProgram::kSmtp;
  QueueId queue_id;
  std::string_view recipient;
  std::string_view original = {};  ///< before aliasing; shown if it differs in more than case
  std::string_view relay = "none";
  uint32_t connection_use = 1;  ///< shown from 2 on
  Delays delays;
  DsnCode dsn;
  DeliveryStatus status = DeliveryStatus::kSent;
  std::string_view text;
};

/// The line for an agent's outcome. Borrows all its arguments.
[[nodiscard]] DeliveryDone delivery_done(LogProgram program, QueueId queue_id,
                                         std::string_view recipient,
                                         const Outcome& outcome) noexcept;

struct QmgrRemoved {
  static constexpr std::string_view kName = "qmgr_removed";
  static constexpr LogProgram kProgram = LogProgram::kQmgr;
  QueueId queue_id;
};

/// Lifetime over, or expired by an operator (`forced`).
struct QmgrExpired {
  static constexpr std::string_view kName = "qmgr_expired";
  static constexpr LogProgram kProgram = LogProgram::kQmgr;
  QueueId queue_id;
  std::string_view sender;
  bool forced = false;
};

enum class NotificationKind : uint8_t {
  kSenderNonDelivery,
  kSenderDelay,
  kSenderStatus,
  kPostmasterNonDelivery,
  kPostmasterDelay,
};

/// A notice about `queue_id` was queued as `notice_id`.
struct BounceNotification {
  static constexpr std::string_view kName = "bounce_notification";
  static constexpr LogProgram kProgram = LogProgram::kBounce;
  QueueId queue_id;
  NotificationKind kind = NotificationKind::kSenderNonDelivery;
  QueueId notice_id;
};

/// One HTTP request was answered. No query string, no field, no body: they may hold secrets.
struct HttpdRequest {
  static constexpr std::string_view kName = "httpd_request";
  static constexpr LogProgram kProgram = LogProgram::kHttpd;
  LogClient client;
  std::string_view request_id;
  std::string_view method;
  std::string_view path;
  uint16_t status = 0;
  uint64_t request_bytes = 0;  ///< of the body, as sent
  uint64_t answer_bytes = 0;   ///< of the body
  Duration duration{};         ///< from the complete head to the answer
};

/// Anything a program says that has no facts worth naming: warnings, errors, skipped next hops.
struct LogNote {
  static constexpr std::string_view kName = "note";
  LogProgram program = LogProgram::kMaster;
  LogSeverity severity = LogSeverity::kInfo;
  QueueId queue_id = {};  ///< null: the note is about no message
  std::string_view text;
};

enum class ServerChange : uint8_t { kStarted, kReloaded, kStopping };

struct ServerState {
  static constexpr std::string_view kName = "server";
  static constexpr LogProgram kProgram = LogProgram::kMaster;
  ServerChange change = ServerChange::kStarted;
  std::string_view version;
  std::string_view configuration = {};  ///< directory
  uint32_t signal_number = 0;           ///< kStopping only; 0 = asked by command
};

/// The writer did not keep up; the lines are gone, their number is not.
struct LogLinesLost {
  static constexpr std::string_view kName = "log_lines_lost";
  static constexpr LogProgram kProgram = LogProgram::kPostlogd;
  uint64_t count = 0;
};

}  // namespace barid
