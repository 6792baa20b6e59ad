#include "tools/barid/trace_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <ctime>

#include "core/text/ascii.h"

namespace barid::tools {
namespace {

namespace json = boost::json;

std::optional<json::object> parse_object(std::string_view text) {
  json::error_code error;
  json::value value = json::parse(json::string_view(text.data(), text.size()), error);
  if (error || !value.is_object()) return std::nullopt;
  return std::move(value.as_object());
}

std::string text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(json::string_view(name.data(), name.size()));
  if (value == nullptr || !value->is_string()) return {};
  return {value->as_string().data(), value->as_string().size()};
}

int64_t number_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(json::string_view(name.data(), name.size()));
  return value != nullptr && value->is_int64() ? value->as_int64() : 0;
}

uint64_t count_of(const json::object& object, std::string_view name) {
  return static_cast<uint64_t>(std::max<int64_t>(number_of(object, name), 0));
}

const json::array* array_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(json::string_view(name.data(), name.size()));
  return value != nullptr ? value->if_array() : nullptr;
}

std::string_view domain_of(std::string_view address) noexcept {
  return address.substr(address.rfind('@') + 1);
}

/// "10/s (from the rule)"; empty if the setting is not there or is `none`.
std::string setting_text(const TraceState& state, std::string_view name, std::string_view none) {
  if (state.route == nullptr) return {};
  const auto found = state.route->settings.find(name);
  if (found == state.route->settings.end() || found->second.value == none) return {};
  return fmt::format("{}={} ({})", name, found->second.value, found->second.from);
}

/// The pace that mail there has to keep; empty if none.
std::string pace_text(const TraceState& state) {
  std::string text;
  for (const std::string_view name : {"rate", "rate_delay", "transport_rate_delay"}) {
    const std::string one = setting_text(state, name, name == "rate" ? "0" : "0s");
    if (!one.empty()) text += (text.empty() ? "" : ", ") + one;
  }
  return text;
}

const TraceSuspension* find_suspension(const TraceState& state, std::string_view address,
                                       const TraceMessage* message) {
  if (state.suspensions == nullptr) return nullptr;
  for (const TraceSuspension& entry : *state.suspensions) {
    const auto is = [&](std::string_view value) {
      return text::equals_ignore_case(entry.value, value);
    };
    const bool site =
        state.route != nullptr &&
        (is(state.route->site) ||
         is(std::string_view(state.route->site).substr(0, state.route->site.find('#'))));
    if ((entry.kind == "domain" && is(domain_of(address))) || (entry.kind == "site" && site)) {
      return &entry;
    }
    if (message == nullptr) continue;
    if ((entry.kind == "tenant" && is(message->tenant)) ||
        (entry.kind == "stream" && is(message->stream))) {
      return &entry;
    }
  }
  return nullptr;
}

TraceVerdict suspended(const TraceSuspension& entry) {
  return {.where = "suspended",
          .why = entry.reason.empty() ? "an operator stopped this mail" : entry.reason,
          .held_by = "suspension " + entry.name,
          .remedy = fmt::format("barid queue resume --{} {}", entry.kind, entry.value),
          .until = entry.until};
}

TraceVerdict dead_site(std::string_view address, const TraceState& state) {
  return {.where = "dead site",
          .why = state.destination->reason,
          .held_by = setting_text(state, "dead_time", ""),
          .remedy = fmt::format("barid queue flush --domain {}", domain_of(address)),
          .until = state.destination->dead_until};
}

constexpr std::string_view kDeferredTransport = "deferred transport";

/// Its transport delivers only what is flushed.
TraceVerdict deferred_transport(const TraceState& state, std::string remedy) {
  return {.where = std::string(kDeferredTransport),
          .why = "mail of this transport waits until it is flushed",
          .held_by = setting_text(state, "deferred", "no"),
          .remedy = std::move(remedy),
          .until = 0};
}

/// In memory: it is being delivered, or something limits what may be started.
TraceVerdict judge_active(const TraceState& state) {
  TraceVerdict verdict{.where = "in memory",
                       .why = "its turn has not come",
                       .held_by = {},
                       .remedy = {},
                       .until = 0};
  const TraceDestination* destination = state.destination;
  if (destination == nullptr) {
    verdict.why = "where its destination is has not been found out yet";
    return verdict;
  }
  if (destination->waiting == 0) {
    return {.where = "in delivery", .why = {}, .held_by = {}, .remedy = {}, .until = 0};
  }
  const std::string load = fmt::format("{} deliveries wait, {} are under way", destination->waiting,
                                       destination->in_use);
  verdict.why = load;
  if (const std::string pace = pace_text(state); !pace.empty()) {
    verdict.held_by = pace;
  } else if (destination->window > 0 && destination->in_use >= destination->window) {
    verdict.held_by = fmt::format("all {} connections that the site may have now are in use; {}",
                                  destination->window, setting_text(state, "concurrency", ""));
  } else {
    verdict.held_by = "turns between tenants, destinations and sites; maxproc of the transport";
  }
  return verdict;
}

}  // namespace

std::optional<TraceMessage> parse_trace_message(std::string_view text) {
  const std::optional<json::object> object = parse_object(text);
  if (!object || text_of(*object, "queue_id").empty()) return std::nullopt;
  TraceMessage message{.id = text_of(*object, "queue_id"),
                       .queue = text_of(*object, "queue_name"),
                       .sender = text_of(*object, "sender"),
                       .stream = text_of(*object, "stream"),
                       .tenant = text_of(*object, "tenant"),
                       .pool = text_of(*object, "pool"),
                       .email_id = text_of(*object, "email_id"),
                       .arrival = number_of(*object, "arrival_time"),
                       .size = number_of(*object, "message_size"),
                       .attempts = number_of(*object, "attempts"),
                       .next_attempt = number_of(*object, "next_attempt"),
                       .forced_expire = false,
                       .recipients = {}};
  const json::value* forced = object->if_contains("forced_expire");
  message.forced_expire = forced != nullptr && forced->is_bool() && forced->as_bool();
  const json::array* recipients = array_of(*object, "all_recipients");
  if (recipients == nullptr) return std::nullopt;
  for (const json::value& value : *recipients) {
    const json::object* one = value.if_object();
    if (one == nullptr) return std::nullopt;
    message.recipients.push_back({.address = text_of(*one, "address"),
                                  .state = text_of(*one, "state"),
                                  .reason = text_of(*one, "reason"),
                                  .dsn = text_of(*one, "dsn"),
                                  .remote_mta = text_of(*one, "remote_mta")});
  }
  return message;
}

std::optional<TraceRoute> parse_trace_route(std::string_view text) {
  const std::optional<json::object> object = parse_object(text);
  if (!object || text_of(*object, "transport").empty()) return std::nullopt;
  TraceRoute route{.transport = text_of(*object, "transport"),
                   .next_hop = text_of(*object, "next_hop"),
                   .site = text_of(*object, "site"),
                   .pool = text_of(*object, "pool"),
                   .settings = {}};
  if (const json::array* settings = array_of(*object, "settings")) {
    for (const json::value& value : *settings) {
      const json::object* one = value.if_object();
      if (one == nullptr) return std::nullopt;
      route.settings[text_of(*one, "name")] = {.value = text_of(*one, "value"),
                                               .from = text_of(*one, "from")};
    }
  }
  return route;
}

std::optional<TraceDestination> parse_trace_destination(std::string_view text) {
  const std::optional<json::object> object = parse_object(text);
  if (!object || !object->contains("nexthop")) return std::nullopt;
  return TraceDestination{.transport = text_of(*object, "transport"),
                          .next_hop = text_of(*object, "nexthop"),
                          .site = text_of(*object, "site"),
                          .reason = text_of(*object, "reason"),
                          .waiting = count_of(*object, "waiting"),
                          .in_use = count_of(*object, "in_use"),
                          .window = count_of(*object, "window"),
                          .dead_until = number_of(*object, "dead_until")};
}

std::optional<TraceSuspension> parse_trace_suspension(std::string_view text) {
  const std::optional<json::object> object = parse_object(text);
  if (!object || text_of(*object, "name").empty()) return std::nullopt;
  return TraceSuspension{.name = text_of(*object, "name"),
                         .kind = text_of(*object, "kind"),
                         .value = text_of(*object, "value"),
                         .reason = text_of(*object, "reason"),
                         .until = number_of(*object, "until")};
}

TraceVerdict judge_recipient(const TraceMessage& message, const TraceRecipient& recipient,
                             const TraceState& state) {
  if (recipient.state == "delivered") {
    return {.where = "delivered", .why = {}, .held_by = {}, .remedy = {}, .until = 0};
  }
  if (recipient.state == "settled") {
    return {.where = "settled", .why = {}, .held_by = {}, .remedy = {}, .until = 0};
  }
  if (recipient.state == "failed") {
    return {.where = "failed",
            .why = "its notice is still to be made",
            .held_by = {},
            .remedy = {},
            .until = 0};
  }
  if (message.queue == "hold") {
    return {.where = "on hold",
            .why = "an operator or a HOLD rule stopped it",
            .held_by = "hold",
            .remedy = "barid queue release " + message.id,
            .until = 0};
  }
  if (const TraceSuspension* entry = find_suspension(state, recipient.address, &message)) {
    return suspended(*entry);
  }
  if (state.destination != nullptr && state.destination->dead_until > state.now) {
    TraceVerdict verdict = dead_site(recipient.address, state);
    verdict.until = std::max(verdict.until, message.next_attempt);
    return verdict;
  }
  if (recipient.reason == kDeferredTransport && !setting_text(state, "deferred", "no").empty()) {
    return deferred_transport(state, "barid queue flush " + message.id);
  }
  if (message.queue == "active") return judge_active(state);
  if (message.next_attempt > state.now) {
    return {.where = message.queue,
            .why = recipient.reason.empty() ? "its time has not come" : recipient.reason,
            .held_by = message.attempts > 0 ? "retry_schedule, or minimal_backoff_time and "
                                              "maximal_backoff_time"
                                            : "",
            .remedy = "barid queue flush " + message.id,
            .until = message.next_attempt};
  }
  return {.where = message.queue,
          .why = "due, and waits on disk for room in memory",
          .held_by = "qmgr_message_active_limit, shared by destinations",
          .remedy = {},
          .until = 0};
}

TraceVerdict judge_address(std::string_view address, const TraceState& state) {
  if (const TraceSuspension* entry = find_suspension(state, address, nullptr)) {
    return suspended(*entry);
  }
  if (state.destination != nullptr && state.destination->dead_until > state.now) {
    return dead_site(address, state);
  }
  if (!setting_text(state, "deferred", "no").empty()) {
    return deferred_transport(state,
                              fmt::format("barid queue flush --domain {}", domain_of(address)));
  }
  return {};
}

std::string trace_time(int64_t unix_seconds) {
  const auto seconds = static_cast<std::time_t>(unix_seconds);
  std::tm parts{};
  localtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::string trace_span(int64_t seconds) {
  constexpr int64_t kMinute = 60;
  constexpr int64_t kHour = 60 * kMinute;
  constexpr int64_t kDay = 24 * kHour;
  if (seconds >= kDay) return fmt::format("{}d {}h", seconds / kDay, seconds % kDay / kHour);
  if (seconds >= kHour) return fmt::format("{}h {}m", seconds / kHour, seconds % kHour / kMinute);
  if (seconds >= kMinute) return fmt::format("{}m {}s", seconds / kMinute, seconds % kMinute);
  return fmt::format("{}s", std::max<int64_t>(seconds, 0));
}

bool is_log_of_id(std::string_view line, std::string_view id) noexcept {
  for (size_t at = line.find(id); at != std::string_view::npos; at = line.find(id, at + 1)) {
    const char before = at == 0 ? ' ' : line[at - 1];
    const char after = at + id.size() == line.size() ? ' ' : line[at + id.size()];
    if (!text::kAlnum.has(before) && !text::kAlnum.has(after)) return true;
  }
  return false;
}

bool is_log_of_address(std::string_view line, std::string_view address) noexcept {
  for (size_t at = 0; at + address.size() + 2 <= line.size(); ++at) {
    const char open = line[at];
    if (open != '<' && open != '"') continue;
    const char close = line[at + 1 + address.size()];
    if (close != (open == '<' ? '>' : '"')) continue;
    if (text::equals_ignore_case(line.substr(at + 1, address.size()), address)) return true;
  }
  return false;
}

}  // namespace barid::tools
