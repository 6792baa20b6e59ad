#include "core/obs/log_event.h"

#include "core/base/assert.h"

namespace barid {

std::string_view program_name(LogProgram program) noexcept {
  static constexpr std::array<std::string_view, 18> kNames = {
      "smtpd", "cleanup",  "qmgr",   "smtp",   "lmtp",   "local",    "virtual",         "pipe",
      "error", "discard",  "bounce", "master", "pickup", "postlogd", "trivial-rewrite", "anvil",
      "httpd", "postsuper"};
  static_assert(kNames.size() == static_cast<size_t>(LogProgram::kPostsuper) + 1);
  return kNames[static_cast<size_t>(program)];
}

std::string_view severity_name(LogSeverity severity) noexcept {
  static constexpr std::array<std::string_view, 5> kNames = {"info", "warning", "error", "fatal",
                                                             "panic"};
  static_assert(kNames.size() == static_cast<size_t>(LogSeverity::kPanic) + 1);
  return kNames[static_cast<size_t>(severity)];
}

std::string_view command_name(LogCommand command) noexcept {
  static constexpr std::array<std::string_view, kLogCommandCount> kNames = {
      "helo", "ehlo", "xclient", "xforward", "starttls", "auth", "mail", "rcpt",   "data",
      "bdat", "rset", "noop",    "vrfy",     "etrn",     "quit", "help", "unknown"};
  static_assert(kNames.size() == static_cast<size_t>(LogCommand::kUnknown) + 1);
  return kNames[static_cast<size_t>(command)];
}

DeliveryStatus delivery_status(Disposition disposition) noexcept {
  switch (disposition) {
    case Disposition::kDelivered:
      return DeliveryStatus::kSent;
    case Disposition::kDeferred:
      return DeliveryStatus::kDeferred;
    case Disposition::kFailed:
      return DeliveryStatus::kBounced;
    case Disposition::kInDoubt:
      return DeliveryStatus::kInDoubt;
  }
  BARID_ASSERT(false);
}

DeliveryDone delivery_done(LogProgram program, QueueId queue_id, std::string_view recipient,
                           const Outcome& outcome) noexcept {
  return DeliveryDone{.program = program,
                      .queue_id = queue_id,
                      .recipient = recipient,
                      .relay = outcome.relay.empty() ? std::string_view("none") : outcome.relay,
                      .connection_use = outcome.connection_use,
                      .delays = outcome.delays,
                      .dsn = outcome.dsn,
                      .status = delivery_status(outcome.disposition),
                      .text = outcome.text};
}

}  // namespace barid
