#include "tools/barid/queue_list.h"

#include "core/text/json.h"
#include "core/text/utf8.h"

#include <fmt/format.h>

#include <cstddef>
#include <ctime>
#include <iterator>

namespace barid::tools {
namespace {

constexpr std::string_view kNullSender = "MAILER-DAEMON";
constexpr std::string_view kMailqHead =
    "----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------\n";
constexpr size_t kReasonColumns = 76;  // its closing bracket stands in column 78

std::string_view shown_sender(const QueueEntry& entry) noexcept {
  return entry.sender.empty() ? kNullSender : std::string_view(entry.sender);
}

// "Fri Jan  2 15:04:05": what ctime() shows, without the year.
std::string short_time(WallTime time, ListZone zone) {
  static constexpr std::string_view kDays = "SunMonTueWedThuFriSat";
  static constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const auto second = static_cast<std::time_t>(unix_seconds(time));
  std::tm parts{};
  if (zone == ListZone::kLocal) {
    localtime_r(&second, &parts);
  } else {
    gmtime_r(&second, &parts);
  }
  return fmt::format("{} {} {:2} {:02}:{:02}:{:02}",
                     kDays.substr(static_cast<size_t>(parts.tm_wday) * 3, 3),
                     kMonths.substr(static_cast<size_t>(parts.tm_mon) * 3, 3), parts.tm_mday,
                     parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::string printable(std::string_view value) {
  std::string out;
  text::append_printable(out, value);
  return out;
}

std::string id_with_marks(const QueueEntry& entry) {
  std::string id = printable(entry.queue_id);
  if (entry.queue == QueueName::kActive) id += '*';
  if (entry.queue == QueueName::kHold) id += '!';
  if (entry.forced_expire) id += '#';
  return id;
}

void append_reason(std::string& out, std::string_view reason) {
  if (reason.size() < kReasonColumns) out.append(kReasonColumns - reason.size(), ' ');
  out += '(';
  out += reason;
  out += ")\n";
}

}  // namespace

void write_json_line(std::string& out, const QueueEntry& entry) {
  auto end = std::back_inserter(out);
  fmt::format_to(end, R"({{"queue_name": "{}", "queue_id": )", queue_name(entry.queue));
  text::append_json_string(out, entry.queue_id);
  fmt::format_to(end,
                 R"(, "arrival_time": {}, "message_size": {}, "forced_expire": {}, "sender": )",
                 unix_seconds(entry.arrival_time), entry.message_size, entry.forced_expire);
  text::append_json_string(out, shown_sender(entry));
  out += R"(, "recipients": [)";
  std::string_view separator;
  for (const QueueEntry::Recipient& recipient : entry.recipients) {
    out += separator;
    separator = ", ";
    out += R"({"address": )";
    text::append_json_string(out, recipient.address);
    if (!recipient.delay_reason.empty()) {
      out += R"(, "delay_reason": )";
      text::append_json_string(out, recipient.delay_reason);
    }
    out += '}';
  }
  out += ']';
  if (entry.next_attempt != WallTime{}) {
    fmt::format_to(end, R"(, "next_attempt": {})", unix_seconds(entry.next_attempt));
  }
  fmt::format_to(end, ", \"attempts\": {}}}\n", entry.attempts);
}

// A reason is shown where it differs from the one before. A recipient without one, after one that
// had one, says so: it would look as if the earlier reason were its own.
void MailqText::add(std::string& out, const QueueEntry& entry) {
  out += message_count_ == 0 ? kMailqHead : "\n";
  ++message_count_;
  total_bytes_ += entry.message_size;
  auto end = std::back_inserter(out);
  fmt::format_to(end, "{:<17} {:>8} {} {}\n", id_with_marks(entry), entry.message_size,
                 short_time(entry.arrival_time, zone_), printable(shown_sender(entry)));
  std::string_view previous;
  for (const QueueEntry::Recipient& recipient : entry.recipients) {
    if (recipient.delay_reason != previous) {
      append_reason(out, recipient.delay_reason.empty() ? "reason unavailable"
                                                        : printable(recipient.delay_reason));
      previous = recipient.delay_reason;
    }
    fmt::format_to(end, "{:<17} {:>8} {:<19} {}\n", "", "", "", printable(recipient.address));
  }
}

void MailqText::finish(std::string& out) const {
  if (message_count_ == 0) {
    out += "Mail queue is empty\n";
    return;
  }
  fmt::format_to(std::back_inserter(out), "\n-- {} Kbytes in {} Request{}.\n", total_bytes_ / 1024,
                 message_count_, message_count_ == 1 ? "" : "s");
}

}  // namespace barid::tools
