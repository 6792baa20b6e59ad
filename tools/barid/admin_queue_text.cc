#include "tools/barid/admin_queue_text.h"

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_set.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "core/text/json.h"
#include "tools/barid/queue_list.h"

namespace barid::tools {

using schedule::OperationProgress;
using schedule::QueueAction;

namespace {

constexpr std::array<std::string_view, 4> kStates = {"pending", "delivered", "failed", "settled"};
constexpr std::array<std::string_view, 3> kReturns = {"", "FULL", "HDRS"};
constexpr std::array<std::string_view, 3> kBodies = {"7BIT", "8BITMIME", "BINARYMIME"};

void field(std::string& out, std::string_view name, std::string_view value) {
  out += fmt::format(", \"{}\": ", name);
  text::append_json_string(out, value);
}

void optional_field(std::string& out, std::string_view name, std::string_view value) {
  if (!value.empty()) field(out, name, value);
}

std::string_view result_name(Code code) noexcept {
  switch (code) {
    case Code::kOk:
      return "ok";
    case Code::kCancelled:
      return "cancelled";
    case Code::kUnavailable:
      return "unavailable";
    case Code::kTimeout:
      return "timeout";
    default:
      return "failed";
  }
}

std::string counts(const OperationProgress& progress) {
  return fmt::format("\"examined\": {}, \"matched\": {}, \"released\": {}, \"busy\": {}",
                     progress.examined, progress.matched, progress.released, progress.busy);
}

}  // namespace

std::string not_an_id(std::string_view text) {
  return fmt::format("\"{}\" is no queue id: {} letters and digits, as mailq shows them", text,
                     QueueId::kTextBytes);
}

http::ApiError missing_message(std::string_view id, const Error& error) {
  if (error.code == Code::kNotFound) {
    return {.status = 404,
            .name = "not_found",
            .message = fmt::format("no message {} in the queue", id)};
  }
  return {.status = 503,
          .name = "service_unavailable",
          .message = fmt::format("message {}: {}", id, code_name(error.code))};
}

QueueEntry entry_of(const queue::Message& message, bool in_memory) {
  QueueEntry entry{.queue = queue::queue_of(message, in_memory),
                   .queue_id = message.id.text(),
                   .arrival_time = message.arrival,
                   .message_size = message.size,
                   .forced_expire = message.force_expired,
                   .sender = message.envelope.sender,
                   .attempts = message.attempts};
  if (!in_memory && !message.hold) entry.next_attempt = message.due;
  for (size_t i = 0; i < message.status.size(); ++i) {
    const queue::RecipientStatus& status = message.status[i];
    const bool open = status.state == queue::RecipientState::kPending ||
                      status.state == queue::RecipientState::kFailed;
    if (open) {
      entry.recipients.push_back(
          {.address = message.envelope.recipients[i].address, .delay_reason = status.reason});
    }
  }
  return entry;
}

std::string message_json(const queue::Message& message, const QueueEntry& entry) {
  std::string out;
  write_json_line(out, entry);
  out.resize(out.size() - 2);  // "}\n"
  const Envelope& envelope = message.envelope;
  out += fmt::format(", \"create_time\": {}", unix_seconds(message.created));
  field(out, "stream", envelope.stream == Stream::kBulk ? "bulk" : "transactional");
  out += fmt::format(", \"priority\": {}", envelope.priority);
  optional_field(out, "tenant", envelope.tenant);
  if (envelope.expires_at != WallTime{}) {
    out += fmt::format(", \"expires_at\": {}", unix_seconds(envelope.expires_at));
  }
  optional_field(out, "pool", envelope.pool);
  optional_field(out, "verp", envelope.verp);
  optional_field(out, "email_id", envelope.email_id);
  optional_field(out, "envid", envelope.envid);
  optional_field(out, "dsn_return", kReturns[static_cast<size_t>(envelope.dsn_return)]);
  field(out, "body_type", kBodies[static_cast<size_t>(envelope.body)]);
  out += fmt::format(", \"smtputf8\": {}", envelope.smtputf8);
  optional_field(out, "client_name", envelope.client_name);
  optional_field(out, "client_address", envelope.client_address);
  optional_field(out, "helo", envelope.helo);
  optional_field(out, "protocol", envelope.protocol);
  out += ", \"all_recipients\": [";
  for (size_t i = 0; i < message.status.size(); ++i) {
    const Recipient& recipient = envelope.recipients[i];
    const queue::RecipientStatus& status = message.status[i];
    out += i == 0 ? "{\"address\": " : ", {\"address\": ";
    text::append_json_string(out, recipient.address);
    field(out, "state", kStates[static_cast<size_t>(status.state)]);
    optional_field(out, "original", recipient.original);
    out += fmt::format(", \"notify\": {}", recipient.notify);
    if (status.dsn != DsnCode{}) field(out, "dsn", status.dsn.text());
    optional_field(out, "reason", status.reason);
    optional_field(out, "remote_mta", status.remote_mta);
    out += '}';
  }
  out += "]}\n";
  return out;
}

std::string read_action_query(const http::Target& target, schedule::OperationRequest* request) {
  bool all = false;
  bool filtered = false;
  for (const auto& [name, value] : target.query) {
    if (name == "id") {
      const auto id = QueueId::parse(value);
      if (!id) return not_an_id(value);
      request->ids.push_back(*id);
    } else if (name == "all" || name == "dry_run") {
      if (value != "true" && value != "false") {
        return fmt::format("{} \"{}\": true or false", name, value);
      }
      (name == "all" ? all : request->dry_run) = value == "true";
    } else {
      if (std::string problem = request->filter.add(name, value); !problem.empty()) return problem;
      filtered = filtered || name != "state";
    }
  }
  if (request->ids.size() > schedule::kOperationIdsMax) {
    return fmt::format("at most {} ids a request", schedule::kOperationIdsMax);
  }
  if (!request->ids.empty() && (all || filtered)) return "ids or filters, not both";
  const bool nothing = request->ids.empty() && request->filter.empty() && !all;
  if (nothing) return "say which messages: ids, filters or all";
  std::sort(request->ids.begin(), request->ids.end());
  request->ids.erase(std::unique(request->ids.begin(), request->ids.end()), request->ids.end());
  if (request->action == QueueAction::kRelease &&
      !request->filter.restrict_states({QueueName::kHold})) {
    return "only messages on hold can be released: leave the state out";
  }
  const bool from_schedule =
      request->action == QueueAction::kHold || request->action == QueueAction::kFlush;
  if (from_schedule && !request->filter.restrict_states(
                           {QueueName::kActive, QueueName::kIncoming, QueueName::kDeferred})) {
    return fmt::format("{} does not act on messages on hold: name another state",
                       schedule::queue_action_name(request->action));
  }
  return {};
}

OperationProgress sum(const std::vector<OperationProgress>& shards) {
  OperationProgress total{.finished = true};
  for (const OperationProgress& one : shards) {
    total.examined += one.examined;
    total.matched += one.matched;
    total.released += one.released;
    total.busy += one.busy;
    total.found.insert(total.found.end(), one.found.begin(), one.found.end());
    total.changed.insert(total.changed.end(), one.changed.begin(), one.changed.end());
    total.finished = total.finished && one.finished;
    if (total.code == Code::kOk) total.code = one.code;
  }
  return total;
}

std::string progress_json(const OperationProgress& progress) {
  return fmt::format("{{{}}}\n", counts(progress));
}

std::string result_json(const schedule::OperationRequest& request,
                        const OperationProgress& progress) {
  std::string out = fmt::format(
      "{{\"result\": \"{}\", \"action\": \"{}\", \"dry_run\": {}, {}", result_name(progress.code),
      schedule::queue_action_name(request.action), request.dry_run, counts(progress));
  if (!request.ids.empty()) {
    const absl::flat_hash_set<QueueId> found(progress.found.begin(), progress.found.end());
    out += ", \"unknown\": [";
    std::string_view separator;
    for (const QueueId id : request.ids) {
      if (found.contains(id)) continue;
      out += fmt::format("{}\"{}\"", separator, id.text());
      separator = ", ";
    }
    out += "], \"changed\": [";
    separator = "";
    for (const QueueId id : progress.changed) {
      out += fmt::format("{}\"{}\"", separator, id.text());
      separator = ", ";
    }
    out += ']';
  }
  out += "}\n";
  return out;
}

std::vector<std::string> summary_lines(QueueAction action, const OperationProgress& progress) {
  const auto line = [](std::string_view what, uint64_t count) {
    return fmt::format("{}: {} message{}", what, count, count == 1 ? "" : "s");
  };
  switch (action) {
    case QueueAction::kHold:
      return {line("Placed on hold", progress.matched)};
    case QueueAction::kRelease:
      return {line("Released from hold", progress.matched)};
    case QueueAction::kRequeue:
      return {line("Requeued", progress.matched)};
    case QueueAction::kDelete:
      return {line("Deleted", progress.matched)};
    case QueueAction::kExpire:
      return {line("Force-expired", progress.matched)};
    case QueueAction::kExpireRelease:
      return {line("Force-expired", progress.matched),
              line("Released from hold", progress.released)};
    case QueueAction::kFlush:
      return {};
  }
  return {};
}

std::vector<schedule::DestinationView> merge_views(
    const std::vector<std::vector<schedule::DestinationView>>& shards) {
  absl::btree_map<std::pair<std::string, std::string>, schedule::DestinationView> merged;
  for (const std::vector<schedule::DestinationView>& shard : shards) {
    for (const schedule::DestinationView& view : shard) {
      const auto [slot, first] = merged.try_emplace({view.transport, view.nexthop}, view);
      if (first) continue;
      schedule::DestinationView& total = slot->second;
      total.waiting += view.waiting;
      total.in_use += view.in_use;
      total.window = std::max(total.window, view.window);
      total.rate = std::max(total.rate, view.rate);
      if (view.dead_until > total.dead_until) {
        total.dead_until = view.dead_until;
        total.reason = view.reason;
      }
    }
  }
  std::vector<schedule::DestinationView> views;
  for (auto& [key, view] : merged) views.push_back(std::move(view));
  std::stable_sort(views.begin(), views.end(), [](const auto& a, const auto& b) {
    return a.waiting + a.in_use > b.waiting + b.in_use;
  });
  return views;
}

std::string view_json(const schedule::DestinationView& view) {
  std::string out = "{\"transport\": ";
  text::append_json_string(out, view.transport);
  field(out, "nexthop", view.nexthop);
  field(out, "site", view.site);
  out += fmt::format(", \"waiting\": {}, \"in_use\": {}, \"window\": {}", view.waiting, view.in_use,
                     view.window);
  if (view.dead_until != WallTime{}) {
    out += fmt::format(", \"dead_until\": {}", unix_seconds(view.dead_until));
    field(out, "reason", view.reason);
  }
  if (view.rate > 0) out += fmt::format(", \"rate\": {}", view.rate);
  out += "}\n";
  return out;
}

bool read_limit(std::string_view text, uint64_t* limit) {
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, *limit);
  return error == std::errc{} && end == last;
}

std::string read_limit_query(const http::Target& target, uint64_t* limit) {
  for (const auto& [name, value] : target.query) {
    if (name != "limit") return fmt::format("there is no \"{}\": limit", name);
    if (!read_limit(value, limit)) return fmt::format("limit \"{}\": a number", value);
  }
  return {};
}

std::string counts_json(const StateCounts& counts, bool complete) {
  std::string out = "{";
  for (const QueueName queue :
       {QueueName::kActive, QueueName::kIncoming, QueueName::kDeferred, QueueName::kHold}) {
    out += fmt::format("\"{}\": {}, ", queue_name(queue), counts[static_cast<size_t>(queue)]);
  }
  return out + fmt::format("\"complete\": {}}}\n", complete);
}

}  // namespace barid::tools
