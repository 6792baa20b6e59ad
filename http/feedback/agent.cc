#include "http/feedback/agent.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/text/ascii.h"
#include "core/text/json.h"
#include "http/message.h"
#include "http/submit/email_id.h"
#include "http/submit/event_record.h"

namespace barid::http {
namespace {

constexpr Duration kReadPatience = std::chrono::seconds(30);

/// What a report comes to, as an offload thread finds it.
struct Findings {
  Report report;
  std::vector<ReportedFact> facts;
};

std::string lower(std::string_view text) {
  std::string out;
  text::append_lower(out, text);
  return out;
}

/// The entry of `address` in the record, else of `verp`, else of the only recipient: mail is
/// forwarded, and reports name the address behind.
const JsonValue* find_recipient(const JsonValue& recipients, const std::string& address,
                                const std::string& verp) {
  for (const std::string* wanted : {&address, &verp}) {
    if (wanted->empty()) continue;
    for (const JsonValue& recipient : recipients.items) {
      if (lower(json_text(recipient, "email")) == *wanted) return &recipient;
    }
  }
  return recipients.items.size() == 1 ? recipients.items.data() : nullptr;
}

/// The recipient that one of `return_paths` names in `address`, or empty.
std::string named_by_verp(std::string_view address, const std::vector<std::string>& return_paths) {
  for (const std::string& base : return_paths) {
    if (auto named = verp_recipient(address, base)) return *std::move(named);
  }
  return {};
}

Result<Findings> find_facts(const StoreDirectory& stores, std::string_view message,
                            std::string verp, const std::vector<std::string>& return_paths) {
  Findings found{.report = read_report(read_mime_parts(message)), .facts = {}};
  if (found.report.email_id.empty())
    found.report.email_id = answered_email(read_mime_fields(message));
  const auto id = parse_email_id(found.report.email_id);
  const queue::Store* store = id ? stores.find(id->partition) : nullptr;
  if (found.report.kind == Report::Kind::kNone || store == nullptr) return found;
  const auto key = id->key();
  const Result<std::string> stored = store->get(queue::Family::kEmails, {key.data(), key.size()});
  if (!stored.ok() && stored.error().code == Code::kNotFound) return found;
  if (!stored.ok()) return stored.error();
  const std::optional<JsonValue> record = parse_json(*stored);
  const JsonValue* recipients = record ? record->find("recipients") : nullptr;
  if (recipients == nullptr || json_text(*record, "id") != found.report.email_id) return found;
  if (verp.empty()) verp = named_by_verp(found.report.return_path, return_paths);
  std::vector<Report::Recipient> named = found.report.recipients;
  if (named.empty()) named.push_back({.address = {}, .status = {}, .diagnostic = {}});
  for (const Report::Recipient& one : named) {
    const JsonValue* recipient = find_recipient(*recipients, one.address, verp);
    if (recipient == nullptr) continue;
    const auto queue_id = QueueId::parse(json_text(*recipient, "queue_id"));
    if (!queue_id) continue;
    found.facts.push_back({.partition = id->partition,
                           .tenant = std::string(json_text(*record, "tenant")),
                           .address = std::string(json_text(*recipient, "email")),
                           .queue_id = *queue_id,
                           .index = static_cast<uint32_t>(json_number(*recipient, "index")),
                           .status = one.status,
                           .diagnostic = one.diagnostic});
  }
  return found;
}

/// The first bytes of a message in one piece.
std::string head_of(const Content& content, size_t max) {
  std::string text;
  for (const std::string_view span : content.spans()) {
    if (text.size() >= max) break;
    text += span.substr(0, max - text.size());
  }
  return text;
}

Outcome deferred(std::string_view why) {
  return {.disposition = Disposition::kDeferred,
          .dsn = {.klass = 4, .subject = 3, .detail = 0},
          .text = std::string(why)};
}

}  // namespace

rt::Task<void> FeedbackAgent::deliver(schedule::Lease& lease) {
  while (std::optional<schedule::Job> job = lease.take()) {
    Outcome outcome = co_await take(&*job);
    outcome.agent = "discard";
    outcome.relay = "feedback";
    outcome.delays.in_queue = env_.reactor.now() - job->message->activated;
    for (const uint32_t recipient : job->recipients) lease.report(*job, recipient, outcome);
    lease.finish(std::move(*job), schedule::Lease::Hop::kWorked);
  }
}

rt::Task<Outcome> FeedbackAgent::take(schedule::Job* job) {
  const Result<ContentRef> content = co_await env_.host.content_of(*job->message);
  if (!content.ok()) co_return deferred("the report cannot be read now");
  std::string verp;
  for (const uint32_t recipient : job->recipients) {
    std::string named =
        named_by_verp(job->message->envelope.recipients[recipient].address, return_paths_);
    if (!named.empty()) verp = std::move(named);
  }
  auto call = [stores = env_.stores, text = head_of(**content, kReportBytesMax), verp,
               return_paths = return_paths_] {
    return find_facts(stores, text, verp, return_paths);
  };
  const Result<Findings> found =
      co_await env_.offload.run(std::move(call), env_.reactor.now() + kReadPatience);
  if (!found.ok()) co_return deferred("the report's message cannot be looked up now");
  for (const ReportedFact& fact : found->facts) {
    FateRecorder::Order order = order_for(fact, found->report);
    const Code code = co_await env_.host.carry_out(order);
    if (code != Code::kOk) co_return deferred("the report cannot be recorded now");
    settle(fact, found->report);
  }
  if (!found->facts.empty()) env_.fates.tell_events();
  co_return Outcome{.disposition = Disposition::kDelivered,
                    .dsn = {.klass = 2, .subject = 0, .detail = 0},
                    .text = fmt::format("report: {} recipients", found->facts.size())};
}

FateRecorder::Order FeedbackAgent::order_for(const ReportedFact& fact, const Report& report) const {
  const bool bounced = report.kind == Report::Kind::kBounce;
  const BounceClass klass = env_.fates.classify(fact.status, fact.diagnostic);
  const int64_t at = unix_micros(env_.reactor.wall_now());
  FateRecorder::Order order{.partition = fact.partition};
  std::string reply;
  text::append_json_string(reply, fact.diagnostic.empty() ? report.feedback_type : fact.diagnostic);
  order.changes.push_back(
      {.family = queue::Family::kFates,
       .key = fate_key(fact.queue_id, fact.index),
       .value = fmt::format("{{\"v\":1,\"state\":\"{}\",\"at\":{},\"attempts\":1,\"reply\":{}}}",
                            bounced ? "bounced" : "complained", at, reply)});
  std::string event = fmt::format(
      "{{\"v\":1,\"type\":\"{}\",\"email_id\":\"{}\",\"queue_id\":\"{}\",\"at\":{},\"dsn\":\"{}\","
      "\"reply\":{},\"tenant\":",
      bounced ? "email.bounced" : "email.complained", report.email_id, fact.queue_id.text(), at,
      fact.status.text(), reply);
  text::append_json_string(event, fact.tenant);
  event += ",\"recipient\":";
  text::append_json_string(event, fact.address);
  if (bounced) {
    append_bounce(event, klass, fact.diagnostic, fact.diagnostic);
  } else {
    event += ",\"complaint\":{\"type\":";
    text::append_json_string(event, report.feedback_type);
    event += '}';
  }
  event += '}';
  order.changes.push_back({.family = queue::Family::kEvents, .key = {}, .value = std::move(event)});
  return order;
}

/// What follows from a fact that is on disk.
void FeedbackAgent::settle(const ReportedFact& fact, const Report& report) {
  const bool bounced = report.kind == Report::Kind::kBounce;
  const BounceClass klass = env_.fates.classify(fact.status, fact.diagnostic);
  if (bounced) env_.fates.note_bounce(fact.queue_id, fact.address, klass);
  if (bounced && !bounce_class_info(klass).hard) return;
  env_.fates.suppress(env_.queue.home(), {.tenant = fact.tenant,
                                          .address = fact.address,
                                          .origin = bounced ? "bounce" : "complaint",
                                          .email_id = report.email_id});
}

}  // namespace barid::http
