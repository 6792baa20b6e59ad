#include "core/obs/log_format.h"

#include "core/text/ascii.h"
#include "core/text/utf8.h"

#include <algorithm>
#include <ctime>
#include <type_traits>

namespace barid {

struct LogFormatter::Tag {
  std::string_view syslog_name;
  LogProgram program;
  uint32_t pid;
  LogSeverity severity;
};

namespace {

constexpr size_t kNameBytesMax = 255;  // host name and syslog name

/// The host name stands between blanks.
std::string clean_host_name(std::string_view name) {
  std::string clean;
  text::append_printable_ascii(clean, name.substr(0, kNameBytesMax));
  std::replace(clean.begin(), clean.end(), ' ', '?');
  return clean;
}

template <typename Event>
LogProgram program_of(const Event& event) noexcept {
  if constexpr (requires { event.program; }) {
    return event.program;
  } else {
    return Event::kProgram;
  }
}
template <typename Event>
LogSeverity severity_of(const Event&) noexcept {
  return LogSeverity::kInfo;
}
LogSeverity severity_of(const LogNote& event) noexcept { return event.severity; }
LogSeverity severity_of(const LogLinesLost&) noexcept { return LogSeverity::kWarning; }

void put_id(PostfixLine& line, QueueId id, bool says_no_queue) noexcept {
  if (!id.is_null()) {
    line.put_queue_id(id);
    line.put(": ");
  } else if (says_no_queue) {
    line.put("NOQUEUE: ");
  }
}
void put_id(JsonLine& line, QueueId id, bool) noexcept {
  if (!id.is_null()) line.id({}, "queue_id", id);
}

// One description per event: what stands here is the whole list of facts of both shapes.

template <typename Line>
void describe(Line& line, const SmtpdConnect& e) noexcept {
  line.words("connect from ");
  line.client(e.client);
}

template <typename Line>
void describe(Line& line, const SmtpdClient& e) noexcept {
  line.words("client=");
  line.client(e.client);
  if (!e.sasl_method.empty()) line.field(", sasl_method=", "sasl_method", e.sasl_method);
  if (!e.sasl_username.empty()) line.field(", sasl_username=", "sasl_username", e.sasl_username);
  if (!e.sasl_sender.empty()) line.field(", sasl_sender=", "sasl_sender", e.sasl_sender);
  if (!e.original_id.empty()) line.field(", orig_queue_id=", "orig_queue_id", e.original_id);
  if (e.original_client.address.empty()) return;
  line.original_client(e.original_client);
}

template <typename Line>
void describe(Line& line, const Pickup& e) noexcept {
  line.number("uid=", "uid", e.uid);
  line.field(" from=<", "from", e.sender, ">");
}

template <typename Line>
void describe(Line& line, const SmtpdDisconnect& e) noexcept {
  line.words("disconnect from ");
  line.client(e.client);
  line.counts(e.counts);
  if (!e.notes.empty()) line.field(" notes=", "notes", e.notes);
}

template <typename Line>
void describe(Line& line, const SmtpdBroken& e) noexcept {
  static constexpr std::array<std::string_view, 3> kReasons = {"lost connection", "timeout",
                                                               "too many errors"};
  line.name({}, "reason", kReasons[static_cast<size_t>(e.reason)]);
  line.field(" after ", "after", e.after);
  if (e.bytes) line.number(" (", "bytes", *e.bytes, " bytes)");
  line.words(" from ");
  line.client(e.client);
}

template <typename Line>
void describe(Line& line, const SmtpdPipelining& e) noexcept {
  line.field("improper command pipelining after ", "after", e.after, " from ");
  line.client(e.client);
  line.field(": ", "data", e.data);
}

template <typename Line>
void describe(Line& line, const SmtpdVerdict& e) noexcept {
  line.field({}, "verb", e.verb);
  line.field(": ", "stage", e.stage, " from ");
  line.client(e.client);
  line.field(": ", "reply", e.reply, ";", kLogReplyBytesMax);
  if (e.sender) line.field(" from=<", "from", *e.sender, ">");
  if (e.recipient) line.field(" to=<", "to", *e.recipient, ">");
  if (!e.protocol.empty()) line.field(" proto=", "proto", e.protocol);
  if (!e.helo.empty()) line.field(" helo=<", "helo", e.helo, ">");
  if (!e.sasl_username.empty()) {
    line.field(" sasl_username=<", "sasl_username", e.sasl_username, ">");
  }
}

template <typename Line>
void describe(Line& line, const CleanupMessageId& e) noexcept {
  if (e.resent) {
    line.field("resent-message-id=", "resent_message_id", e.message_id, {}, kLogReplyBytesMax);
  } else if (e.message_id.empty()) {
    line.field("message-id=<>", "message_id", {});
  } else {
    line.field("message-id=", "message_id", e.message_id, {}, kLogReplyBytesMax);
  }
}

template <typename Line>
void describe(Line& line, const QmgrActive& e) noexcept {
  line.field("from=<", "from", e.sender, ">");
  line.number(", size=", "size", e.size_bytes);
  line.number(", nrcpt=", "nrcpt", e.recipient_count);
  line.words(" (queue active)");
}

std::string_view status_name(DeliveryStatus status) noexcept {
  static constexpr std::array<std::string_view, 7> kNames = {
      "sent", "deferred", "bounced", "SOFTBOUNCE", "deliverable", "undeliverable", "deferred"};
  static_assert(kNames.size() == static_cast<size_t>(DeliveryStatus::kInDoubt) + 1);
  return kNames[static_cast<size_t>(status)];
}

template <typename Line>
void describe(Line& line, const DeliveryDone& e) noexcept {
  line.field("to=<", "to", e.recipient, ">");
  if (!e.original.empty() && !text::equals_ignore_case(e.original, e.recipient)) {
    line.field(", orig_to=<", "orig_to", e.original, ">");
  }
  line.field(", relay=", "relay", e.relay);
  if (e.connection_use > 1) line.number(", conn_use=", "conn_use", e.connection_use);
  line.delays(e.delays);
  line.code(", dsn=", "dsn", e.dsn);
  line.name(", status=", "status", status_name(e.status));
  line.words(" (");
  if (e.status == DeliveryStatus::kInDoubt) {
    line.words("in doubt: ");
    line.flag("in_doubt");
  }
  line.field({}, "text", e.text, ")", kLogReplyBytesMax);
}

template <typename Line>
void describe(Line& line, const QmgrRemoved&) noexcept {
  line.words("removed");
}

template <typename Line>
void describe(Line& line, const QmgrExpired& e) noexcept {
  line.field("from=<", "from", e.sender, ">");
  line.name(", status=", "status", e.forced ? "force-expired" : "expired");
  line.words(", returned to sender");
}

template <typename Line>
void describe(Line& line, const BounceNotification& e) noexcept {
  static constexpr std::array<std::string_view, 5> kKinds = {
      "sender non-delivery notification", "sender delay notification",
      "sender delivery status notification", "postmaster non-delivery notification",
      "postmaster delay notification"};
  static_assert(kKinds.size() == static_cast<size_t>(NotificationKind::kPostmasterDelay) + 1);
  line.name({}, "kind", kKinds[static_cast<size_t>(e.kind)]);
  line.id(": ", "notice_id", e.notice_id);
}

template <typename Line>
void describe(Line& line, const HttpdRequest& e) noexcept {
  line.words("client=");
  line.client(e.client);
  line.field(", request_id=", "request_id", e.request_id);
  line.field(", method=", "method", e.method);
  line.field(", path=", "path", e.path);
  line.number(", status=", "status", e.status);
  line.number(", in=", "request_bytes", e.request_bytes);
  line.number(", out=", "answer_bytes", e.answer_bytes);
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(e.duration).count();
  line.number(", us=", "duration_us", static_cast<uint64_t>(std::max<int64_t>(0, micros)));
}

template <typename Line>
void describe(Line& line, const LogNote& e) noexcept {
  line.field({}, "text", e.text, {}, kLogReplyBytesMax);
}

template <typename Line>
void describe(Line& line, const ServerState& e) noexcept {
  static constexpr std::array<std::string_view, 3> kChanges = {"started", "reloaded", "stopping"};
  static constexpr std::array<std::string_view, 3> kWords = {"daemon started -- version ",
                                                             "reload -- version ", "terminating"};
  const auto change = static_cast<size_t>(e.change);
  line.words(kWords[change]);
  if constexpr (std::is_same_v<Line, JsonLine>) line.name({}, "change", kChanges[change]);
  if (e.change == ServerChange::kStopping) {
    if (e.signal_number != 0) line.number(" on signal ", "signal", e.signal_number);
    return;
  }
  line.field({}, "version", e.version);
  if (!e.configuration.empty()) {
    line.field(", configuration ", "configuration", e.configuration);
  }
}

template <typename Line>
void describe(Line& line, const LogLinesLost& e) noexcept {
  line.number({}, "count", e.count, e.count == 1 ? " log line lost" : " log lines lost");
}

template <typename Line, typename Event>
void put_body(Line& line, const Event& event) noexcept {
  if constexpr (requires { event.queue_id; }) {
    put_id(
        line, event.queue_id, requires { Event::kSaysNoQueue; });
  }
  describe(line, event);
}

void put_two_digits(LineCursor& line, unsigned value, char padding) noexcept {
  line.put(value < 10 ? padding : static_cast<char>('0' + value / 10));
  line.put(static_cast<char>('0' + value % 10));
}

}  // namespace

LogFormatter::LogFormatter(LogFormat format) : format_(std::move(format)) {
  format_.host_name = clean_host_name(format_.host_name);
  BARID_ASSERT(format_.delay_decimals_max >= 0 && format_.delay_decimals_max <= 6);
  tzset();  // localtime_r may skip it
}

void LogFormatter::refresh_prefix(WallTime now) noexcept {
  static constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  prefix_second_ = unix_seconds(now);
  const auto second = static_cast<std::time_t>(prefix_second_);
  std::tm parts{};
  if (format_.style == LogStyle::kPostfix && format_.zone == LogZone::kLocal) {
    localtime_r(&second, &parts);
  } else {
    gmtime_r(&second, &parts);
  }
  LineCursor line(prefix_);
  if (format_.style == LogStyle::kPostfix) {
    line.put(kMonths.substr(static_cast<size_t>(parts.tm_mon) * 3, 3));
    line.put(' ');
    put_two_digits(line, static_cast<unsigned>(parts.tm_mday), ' ');
    line.put(' ');
  } else {
    line.put("{\"time\":\"");
    line.put_number(static_cast<uint64_t>(parts.tm_year + 1900));
    line.put('-');
    put_two_digits(line, static_cast<unsigned>(parts.tm_mon + 1), '0');
    line.put('-');
    put_two_digits(line, static_cast<unsigned>(parts.tm_mday), '0');
    line.put('T');
  }
  put_two_digits(line, static_cast<unsigned>(parts.tm_hour), '0');
  line.put(':');
  put_two_digits(line, static_cast<unsigned>(parts.tm_min), '0');
  line.put(':');
  put_two_digits(line, static_cast<unsigned>(parts.tm_sec), '0');
  if (format_.style == LogStyle::kPostfix) {
    line.put(' ');
    line.put(format_.host_name);
    line.put(' ');
  } else {
    line.put('.');
  }
  prefix_bytes_ = static_cast<size_t>(line.end() - prefix_);
  BARID_ASSERT(prefix_bytes_ <= kPrefixBytesMax);
}

void LogFormatter::put_postfix_head(PostfixLine& line, WallTime now, const Tag& tag) noexcept {
  if (unix_seconds(now) != prefix_second_) refresh_prefix(now);
  line.put(std::string_view(prefix_, prefix_bytes_));
  line.put_text(tag.syslog_name, kNameBytesMax);
  line.put('/');
  line.put(program_name(tag.program));
  line.put('[');
  line.put_number(tag.pid);
  line.put("]: ");
  if (tag.severity != LogSeverity::kInfo) {
    line.put(severity_name(tag.severity));
    line.put(": ");
  }
}

void LogFormatter::put_json_head(JsonLine& line, WallTime now, const Tag& tag,
                                 std::string_view event) noexcept {
  if (unix_seconds(now) != prefix_second_) refresh_prefix(now);
  line.put(std::string_view(prefix_, prefix_bytes_));
  auto micros = static_cast<uint32_t>(unix_micros(now) - prefix_second_ * 1'000'000);
  char digits[6];
  for (size_t i = sizeof digits; i > 0; --i, micros /= 10) {
    digits[i - 1] = static_cast<char>('0' + micros % 10);
  }
  line.put(std::string_view(digits, sizeof digits));
  line.put("Z\"");
  line.field({}, "host", format_.host_name);
  line.field({}, "syslog_name", tag.syslog_name, {}, kNameBytesMax);
  line.name({}, "program", program_name(tag.program));
  line.number({}, "pid", tag.pid);
  line.name({}, "level", severity_name(tag.severity));
  line.name({}, "event", event);
}

template <typename Event>
size_t LogFormatter::write(char* out, WallTime now, const LogOrigin& origin,
                           const Event& event) noexcept {
  const Tag tag{.syslog_name = origin.syslog_name.empty() ? std::string_view(format_.syslog_name)
                                                          : origin.syslog_name,
                .program = program_of(event),
                .pid = origin.pid != 0 ? origin.pid : format_.process_id,
                .severity = severity_of(event)};
  char* end = nullptr;
  if (format_.style == LogStyle::kPostfix) {
    PostfixLine line(out, format_.delay_decimals_max);
    put_postfix_head(line, now, tag);
    put_body(line, event);
    line.put('\n');
    end = line.end();
  } else {
    JsonLine line(out, format_.delay_decimals_max);
    put_json_head(line, now, tag, Event::kName);
    put_body(line, event);
    line.put("}\n");
    end = line.end();
  }
  const auto bytes = static_cast<size_t>(end - out);
  BARID_ASSERT(bytes <= kLogLineBytesMax);
  return bytes;
}

#define BARID_LOG_EVENT(Event) \
  template size_t LogFormatter::write(char*, WallTime, const LogOrigin&, const Event&) noexcept;
BARID_LOG_EVENT(SmtpdConnect)
BARID_LOG_EVENT(SmtpdClient)
BARID_LOG_EVENT(Pickup)
BARID_LOG_EVENT(SmtpdDisconnect)
BARID_LOG_EVENT(SmtpdBroken)
BARID_LOG_EVENT(SmtpdPipelining)
BARID_LOG_EVENT(SmtpdVerdict)
BARID_LOG_EVENT(CleanupMessageId)
BARID_LOG_EVENT(QmgrActive)
BARID_LOG_EVENT(DeliveryDone)
BARID_LOG_EVENT(QmgrRemoved)
BARID_LOG_EVENT(QmgrExpired)
BARID_LOG_EVENT(BounceNotification)
BARID_LOG_EVENT(HttpdRequest)
BARID_LOG_EVENT(LogNote)
BARID_LOG_EVENT(ServerState)
BARID_LOG_EVENT(LogLinesLost)
#undef BARID_LOG_EVENT

}  // namespace barid
