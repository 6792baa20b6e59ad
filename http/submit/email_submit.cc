// From a request's body to messages on disk.
#include <fmt/format.h>

#include <algorithm>

#include "core/mail/header_find.h"
#include "core/text/ascii.h"
#include "core/text/date.h"
#include "core/text/json.h"
#include "http/submit/email_api.h"
#include "http/submit/email_id.h"
#include "http/submit/event_record.h"
#include "http/submit/idempotency.h"
#include "http/submit/json_items.h"
#include "http/submit/merge.h"

namespace barid::http {
namespace {

constexpr size_t kYieldEvery = 64;
constexpr size_t kReceivedBytes = 256;  // of a usual Received field, at most
/// A copy for each of a thousand recipients makes much of a small request.
constexpr uint64_t kComposedBytesMax = uint64_t{256} << 20;
constexpr std::string_view kVerpDelimiters = "+=";
/// Places of suppressed recipients: beyond those of any message.
constexpr uint32_t kSuppressedIndex = 0x8000;

std::string drain(Content& body) {
  std::string text;
  text.reserve(body.size() + kJsonPaddingBytes);
  body.drain([&text](std::string_view span) { text += span; });
  return text;
}

struct BatchForm {
  bool lines = false;       ///< one document a line
  bool permissive = false;  ///< the good ones are taken
};

std::optional<ApiError> read_batch_form(const Request& request, BatchForm* form) {
  const std::string_view type = request.field("content-type");
  form->lines = is_media_type(type, "application/x-ndjson");
  if (!type.empty() && !form->lines && !is_media_type(type, "application/json")) {
    return ApiError{.status = 415,
                    .name = "unsupported_media_type",
                    .message = "The body must be application/json or application/x-ndjson."};
  }
  const std::string_view validation = request.field("x-batch-validation");
  form->permissive = validation == "permissive";
  if (!form->permissive && !validation.empty() && validation != "strict") {
    return ApiError{.status = 422,
                    .name = "validation_error",
                    .message = "x-batch-validation may be strict or permissive.",
                    .param = "x-batch-validation"};
  }
  return std::nullopt;
}

void prefix_param(ApiError& error, size_t index) {
  error.message = fmt::format("emails[{}]: {}", index, error.message);
  error.param =
      error.param.empty() ? fmt::to_string(index) : fmt::format("{}.{}", index, error.param);
}

std::string lower(const Mailbox& mailbox) {
  std::string address;
  text::append_lower(address, mailbox.address());
  return address;
}

/// The sender's own Message-ID, if the request has one. Reports are told by ours, so the message
/// then has the email's id in a field of its own.
void set_message_id(const std::string& email_id, EmailRequest* request) {
  Composition& composition = request->composition;
  for (const ComposedField& field : composition.fields) {
    if (!text::equals_ignore_case(field.name, kMessageIdField)) continue;
    composition.message_id = field.value.substr(1, field.value.size() - 2);
  }
  request->has_own_id = !composition.message_id.empty();
  if (!request->has_own_id) composition.message_id = email_id + '@' + composition.from.domain;
  if (request->has_own_id && !request->raw) {
    composition.fields.push_back({.name = std::string(kTraceField), .value = email_id});
  }
}

/// What a whole message lacks of what every message has (RFC 5322 3.6).
std::string raw_fields(const EmailRequest& request, const std::string& email_id) {
  const Composition& composition = request.composition;
  std::string fields = request.has_own_id
                           ? fmt::format("{}: {}\r\n", kTraceField, email_id)
                           : fmt::format("{}: <{}>\r\n", kMessageIdField, composition.message_id);
  if (find_header(*request.raw, "Date").empty()) {
    fields += "Date: ";
    text::append_date(fields, composition.unix_seconds);
    fields += "\r\n";
  }
  if (find_header(*request.raw, "From").empty()) {
    fields += fmt::format("From: {}\r\n", composition.from.address());
  }
  return fields;
}

std::vector<Mailbox> all_recipients(const EmailRequest& request) {
  std::vector<Mailbox> all = request.composition.to;
  all.insert(all.end(), request.composition.cc.begin(), request.composition.cc.end());
  all.insert(all.end(), request.bcc.begin(), request.bcc.end());
  for (const MergeRecipient& recipient : request.recipients) all.push_back(recipient.mailbox);
  return all;
}

}  // namespace

rt::Task<void> EmailApi::submit_one(Exchange& exchange, const Principal& principal,
                                    const Idempotency& idempotency) {
  JsonValue value;
  std::vector<Email> emails(1);
  std::optional<ApiError> error = parse_body(exchange.request(), &value);
  if (!error) error = read(std::move(value), principal, &emails[0]);
  AddressSet suppressed;
  if (!error) {
    const bool known = co_await find_suppressed(emails, principal, &suppressed);
    if (!known) error = busy("The suppression list cannot be read now.");
  }
  uint64_t composed_bytes = 0;
  if (!error) {
    error = prepare(principal, exchange.peer(), suppressed, &composed_bytes, &emails[0]);
  }
  if (error) {
    co_await exchange.refuse(*std::move(error));
    co_return;
  }
  std::string answer = fmt::format("{{\"id\":\"{}\"}}\n", emails[0].id);
  co_await store_and_answer(exchange, std::move(emails), std::move(answer), principal, idempotency);
}

/// `problems`: null in strict mode.
std::string EmailApi::batch_answer(const std::vector<Email>& emails,
                                   const std::vector<BatchProblem>* problems) {
  std::string answer = "{\"data\":[";
  for (size_t i = 0; i < emails.size(); ++i) {
    answer += fmt::format("{}{{\"id\":\"{}\"}}", i == 0 ? "" : ",", emails[i].id);
  }
  answer += ']';
  if (problems != nullptr) {
    answer += ",\"errors\":[";
    for (size_t i = 0; i < problems->size(); ++i) {
      answer +=
          fmt::format("{}{{\"index\":{},\"message\":", i == 0 ? "" : ",", (*problems)[i].index);
      text::append_json_string(answer, (*problems)[i].error.message);
      answer += '}';
    }
    answer += ']';
  }
  answer += "}\n";
  return answer;
}

rt::Task<void> EmailApi::submit_batch(Exchange& exchange, const Principal& principal,
                                      const Idempotency& idempotency) {
  BatchForm form;
  if (auto refusal = read_batch_form(exchange.request(), &form)) {
    co_await exchange.refuse(*std::move(refusal));
    co_return;
  }
  const std::unique_ptr<JsonItems> items = form.lines
                                               ? line_items(drain(*exchange.request().body))
                                               : array_items(drain(*exchange.request().body));
  Batch batch;
  std::optional<ApiError> error =
      co_await read_batch(*items, exchange.peer(), principal, form.permissive, &batch);
  if (error) {
    co_await exchange.refuse(*std::move(error));
    co_return;
  }
  std::string answer = batch_answer(batch.emails, form.permissive ? &batch.problems : nullptr);
  co_await store_and_answer(exchange, std::move(batch.emails), std::move(answer), principal,
                            idempotency);
}

/// Each email is composed while it is in the processor's cache; those with an address that may be
/// suppressed wait for the look at the list. After an item that is refused the others are read all
/// the same: that the body is no JSON comes before what its emails lack.
rt::Task<std::optional<ApiError>> EmailApi::read_batch(JsonItems& items,
                                                       const net::SocketAddress& peer,
                                                       const Principal& principal, bool permissive,
                                                       Batch* batch) {
  const ApiError wrong_count{
      .status = 422,
      .name = "validation_error",
      .message = fmt::format("The body must be an array of 1 to {} emails.", settings_.batch_max)};
  uint64_t composed_bytes = 0;
  AddressSet maybe;
  size_t count = 0;
  JsonValue item;
  JsonItems::Step step{};
  for (;;) {
    step = items.next(&item);
    const bool malformed = step == JsonItems::Step::kBadLine;
    if (!malformed && step != JsonItems::Step::kItem) break;
    const size_t index = count++;
    if (count > settings_.batch_max) co_return wrong_count;
    if (index % kYieldEvery == kYieldEvery - 1) co_await rt::yield(env_.reactor);
    if (malformed) {
      ApiError error = malformed_body(items.problem(), fmt::format("line {}: ", count));
      if (!permissive) co_return error;
      batch->problems.push_back({.index = index, .error = std::move(error)});
      continue;
    }
    if (!permissive && !batch->problems.empty()) continue;
    Email email;
    email.index = index;
    std::optional<ApiError> problem = read(std::move(item), principal, &email);
    if (!problem && !may_be_suppressed(email, principal, &maybe)) {
      problem = prepare(principal, peer, {}, &composed_bytes, &email);
    }
    if (problem) {
      batch->problems.push_back({.index = index, .error = *std::move(problem)});
    } else {
      batch->emails.push_back(std::move(email));
    }
  }
  if (step == JsonItems::Step::kProblem) co_return malformed_body(items.problem());
  if (step == JsonItems::Step::kNotArray || count == 0) co_return wrong_count;
  if (permissive || batch->problems.empty()) {
    const bool known =
        co_await prepare_late(std::move(maybe), peer, principal, composed_bytes, batch);
    if (!known) co_return busy("The suppression list cannot be read now.");
  }
  std::erase_if(batch->emails, [](const Email& email) { return email.record.empty(); });
  std::sort(batch->problems.begin(), batch->problems.end(),
            [](const BatchProblem& a, const BatchProblem& b) { return a.index < b.index; });
  if (permissive || batch->problems.empty()) co_return std::nullopt;
  ApiError error = std::move(batch->problems.front().error);
  prefix_param(error, batch->problems.front().index);
  co_return error;
}

/// What waited for the look at the list. False: there was none to be had.
rt::Task<bool> EmailApi::prepare_late(AddressSet maybe, const net::SocketAddress& peer,
                                      const Principal& principal, uint64_t composed_bytes,
                                      Batch* batch) {
  AddressSet suppressed;
  const bool known = co_await keep_suppressed(std::move(maybe), principal, &suppressed);
  if (!known) co_return false;
  size_t count = 0;
  for (Email& email : batch->emails) {
    if (!email.record.empty()) continue;
    if (++count % kYieldEvery == 0) co_await rt::yield(env_.reactor);
    if (auto problem = prepare(principal, peer, suppressed, &composed_bytes, &email)) {
      batch->problems.push_back({.index = email.index, .error = *std::move(problem)});
    }
  }
  co_return true;
}

// --- one email

std::optional<ApiError> EmailApi::read(JsonValue value, const Principal& principal, Email* email) {
  EmailRequest& request = email->request;
  if (auto error = read_email(std::move(value), env_.reactor.wall_now(), &request)) return error;
  if (!request.pool.empty() &&
      !std::binary_search(settings_.pools.begin(), settings_.pools.end(), request.pool)) {
    return ApiError{.status = 422,
                    .name = "validation_error",
                    .message = fmt::format("Invalid `pool`: there is no pool \"{}\"", request.pool),
                    .param = "pool"};
  }
  if (request.track.any() && !links_.enabled()) {
    return ApiError{.status = 422,
                    .name = "validation_error",
                    .message = "Invalid `track`: tracking_base_url is not set here",
                    .param = "track"};
  }
  if (principal.from_domains.empty()) return std::nullopt;
  std::string domain;
  text::append_lower(domain, request.composition.from.domain);
  const auto& allowed = principal.from_domains;
  const auto is_allowed = [&](const std::string& one) {
    return std::find(allowed.begin(), allowed.end(), one) != allowed.end();
  };
  if (is_allowed(domain)) {
    if (!request.raw || is_allowed(request.raw_from_domain)) return std::nullopt;
    domain = request.raw_from_domain;  // a whole message says for itself who it is from
  }
  return ApiError{.status = 403,
                  .name = "validation_error",
                  .message = fmt::format("The {} domain is not one that this API key may "
                                         "send from.",
                                         domain),
                  .param = "from"};
}

bool EmailApi::may_be_suppressed(const Email& email, const Principal& principal,
                                 AddressSet* maybe) const {
  bool any = false;
  for (const Mailbox& mailbox : all_recipients(email.request)) {
    std::string address = lower(mailbox);
    if (!env_.suppressions.maybe(principal.tenant, address)) continue;
    maybe->insert(std::move(address));
    any = true;
  }
  return any;
}

rt::Task<bool> EmailApi::find_suppressed(const std::vector<Email>& emails,
                                         const Principal& principal, AddressSet* suppressed) {
  AddressSet maybe;
  for (const Email& email : emails) may_be_suppressed(email, principal, &maybe);
  return keep_suppressed(std::move(maybe), principal, suppressed);
}

rt::Task<bool> EmailApi::keep_suppressed(AddressSet maybe, const Principal& principal,
                                         AddressSet* suppressed) {
  if (maybe.empty()) co_return true;
  auto call = [stores = env_.stores.all(), tenant = principal.tenant,
               maybe = std::move(maybe)]() -> Result<AddressSet> {
    AddressSet found;
    for (const std::string& address : maybe) {
      BARID_TRY(const std::optional<Suppression> entry, find_suppression(stores, tenant, address));
      if (entry) found.insert(address);
    }
    return found;
  };
  Result<AddressSet> found = co_await env_.offload.run(std::move(call), patience());
  if (!found.ok()) co_return false;
  *suppressed = *std::move(found);
  co_return true;
}

Envelope EmailApi::envelope_of(const Email& email, const Principal& principal,
                               const net::SocketAddress& peer) const {
  const EmailRequest& request = email.request;
  Envelope envelope;
  envelope.sender =
      request.return_path.empty() ? request.composition.from.address() : request.return_path;
  if (!request.return_path.empty()) envelope.verp = kVerpDelimiters;
  envelope.tenant = principal.tenant;
  envelope.stream = request.stream;
  envelope.priority = request.priority;
  envelope.expires_at = request.expires_at;
  envelope.pool = request.pool;
  envelope.client_name = "unknown";
  envelope.client_address = peer.is_ip() ? peer.ip_text() : "local";
  envelope.protocol = "HTTP";
  envelope.origin = MailOrigin::kHttp;
  envelope.email_id = email.id;
  return envelope;
}

std::optional<ApiError> EmailApi::prepare(const Principal& principal,
                                          const net::SocketAddress& peer,
                                          const AddressSet& suppressed, uint64_t* composed_bytes,
                                          Email* email) {
  EmailRequest& request = email->request;
  Composition& composition = request.composition;
  composition.unix_seconds = unix_seconds(env_.reactor.wall_now());
  email->first = env_.queue.home().allocate_id();
  email->id = make_email_id(email->first, env_.reactor.rng().next());
  const Envelope envelope = envelope_of(*email, principal, peer);
  for (const char c : email->id) {
    if (c != '-') composition.boundary += c;
  }
  set_message_id(email->id, &request);
  EmailFacts facts{.id = email->id,
                   .tenant = principal.tenant,
                   .message_id = composition.message_id,
                   .created = env_.reactor.wall_now()};
  const auto add = [&](const Composition& one, const std::vector<Mailbox>& to,
                       const std::string& metadata) -> std::optional<ApiError> {
    std::vector<Mailbox> kept;
    for (const Mailbox& mailbox : to) {
      if (!suppressed.contains(lower(mailbox))) {
        kept.push_back(mailbox);
        continue;
      }
      const auto index = static_cast<uint32_t>(kSuppressedIndex + email->suppressed.size());
      email->suppressed.push_back({.address = mailbox.address(),
                                   .queue_id = email->first,
                                   .index = index,
                                   .metadata = metadata});
    }
    if (kept.empty()) return std::nullopt;
    email->messages.push_back(
        {.id = email->messages.empty() ? email->first : env_.queue.home().allocate_id()});
    if (auto error = add_message(one, kept, envelope, composed_bytes, email)) return error;
    for (uint32_t i = 0; i < kept.size(); ++i) {
      facts.recipients.push_back({.address = kept[i].address(),
                                  .queue_id = email->messages.back().id,
                                  .index = i,
                                  .metadata = metadata});
    }
    return std::nullopt;
  };
  if (request.recipients.empty()) {
    std::vector<Mailbox> once;  // an address named twice gets one copy
    for (const Mailbox& mailbox : all_recipients(request)) {
      const bool known = std::any_of(once.begin(), once.end(), [&](const Mailbox& other) {
        return other.local == mailbox.local &&
               text::equals_ignore_case(other.domain, mailbox.domain);
      });
      if (!known) once.push_back(mailbox);
    }
    track(*email, once.size() == 1 ? once.front().address() : "", &composition);
    if (auto error = add(composition, once, {})) return error;
  }
  for (size_t i = 0; i < request.recipients.size(); ++i) {
    const MergeRecipient& recipient = request.recipients[i];
    Composition merged;
    if (auto error = merge(composition, recipient, i, &merged)) return error;
    if (i > 0) merged.message_id = fmt::format("{}.{}@{}", email->id, i, composition.from.domain);
    track(*email, recipient.mailbox.address(), &merged);
    if (auto error = add(merged, {recipient.mailbox}, recipient.metadata)) return error;
  }
  facts.recipients.insert(facts.recipients.end(), email->suppressed.begin(),
                          email->suppressed.end());
  email->record = email_record(facts, request);
  // What the record and the messages have is not kept twice.
  composition.files.clear();
  composition.html.reset();
  composition.text.reset();
  request.raw.reset();
  return std::nullopt;
}

/// `recipient`: of the copy; empty = it has several.
void EmailApi::track(const Email& email, std::string_view recipient,
                     Composition* composition) const {
  const TrackWish wish = email.request.track;
  if (!wish.any() || !composition->html) return;
  composition->html = links_.prepare(
      *composition->html,
      {.email_id = email.id, .recipient = recipient, .untouched = composition->unsubscribe_url},
      wish);
}

/// Fills the last of `email->messages`.
std::optional<ApiError> EmailApi::add_message(const Composition& composition,
                                              const std::vector<Mailbox>& recipients,
                                              const Envelope& envelope, uint64_t* composed_bytes,
                                              Email* email) {
  if (*composed_bytes > kComposedBytesMax) {
    email->messages.clear();
    return ApiError{.status = 413,
                    .name = "payload_too_large",
                    .message = fmt::format("The messages of this request are larger than {} MiB "
                                           "together.",
                                           kComposedBytesMax >> 20)};
  }
  Prepared& message = email->messages.back();
  message.envelope = envelope;
  message.message_id = '<' + composition.message_id + '>';
  for (const Mailbox& mailbox : recipients) {
    message.envelope.recipients.push_back({.address = mailbox.address()});
    if (!text::is_ascii(mailbox.local)) message.envelope.smtputf8 = true;
  }
  message.envelope.smtputf8 =
      message.envelope.smtputf8 || needs_smtputf8(composition) || !text::is_ascii(envelope.sender);
  message.content = ContentRef::make();
  append_received(*message.content, message.id, recipients);
  const std::optional<std::string>& raw = email->request.raw;
  if (raw) {
    if (!text::is_ascii(*raw)) {
      message.envelope.body = BodyType::k8BitMime;
      const size_t header_end = raw->find("\r\n\r\n");
      if (!text::is_ascii(std::string_view(*raw).substr(0, header_end))) {
        message.envelope.smtputf8 = true;
      }
    }
    message.content->append(raw_fields(email->request, email->id));
    message.content->append(*raw);
  } else {
    compose(composition, *message.content);
  }
  *composed_bytes += message.content->size();
  if (settings_.message_bytes_max > 0 && message.content->size() > settings_.message_bytes_max) {
    return ApiError{.status = 413,
                    .name = "payload_too_large",
                    .message = fmt::format("The message is larger than {} bytes.",
                                           settings_.message_bytes_max)};
  }
  return std::nullopt;
}

void EmailApi::append_received(Content& content, QueueId id,
                               const std::vector<Mailbox>& recipients) const {
  std::string field;
  field.reserve(kReceivedBytes);
  field.append("Received: by ").append(settings_.hostname).append(" (").append(settings_.mail_name);
  field.append(") with HTTP id ").append(id.text());
  if (recipients.size() == 1) {
    field.append("\r\n\tfor <").append(recipients[0].address()).append(">");
  }
  field += "; ";
  text::append_date(field, unix_seconds(env_.reactor.wall_now()));
  field += "\r\n";
  content.append(field);
}

// --- the queue

/// Puts all of an email into the open group, and returns that. If it fails, what stands beside the
/// messages is undone with them.
uint64_t EmailApi::stage(Email& email, const Principal& principal) {
  uint64_t group = 0;
  queue::Partition& partition = env_.queue.home();
  const WallTime now = env_.reactor.wall_now();
  for (Prepared& message : email.messages) {
    env_.log.write({}, SmtpdClient{.queue_id = message.id,
                                   .client = {.name = message.envelope.client_name,
                                              .address = message.envelope.client_address},
                                   .sasl_method = principal.key_digest.empty() ? "" : "API",
                                   .sasl_username = principal.tenant});
    env_.log.write({}, CleanupMessageId{.queue_id = message.id, .message_id = message.message_id});
    schedule::QueueManager::Submission submission{.id = message.id,
                                                  .envelope = std::move(message.envelope),
                                                  .content = std::move(message.content),
                                                  .arrival = now};
    if (email.request.scheduled_at) submission.due = *email.request.scheduled_at;
    group = env_.queue.stage(std::move(submission));
  }
  const auto key = email.first.key();
  partition.put_entry(queue::Family::kEmails, {key.data(), key.size()}, email.record,
                      queue::IfLost::kErased);
  std::string event = fmt::format(
      "{{\"v\":1,\"type\":\"{}\",\"email_id\":\"{}\",\"queue_id\":\"{}\",\"at\":{},\"tenant\":",
      email.request.scheduled_at ? "email.scheduled" : "email.sent", email.id, email.first.text(),
      unix_micros(now));
  text::append_json_string(event, principal.tenant);
  event += '}';
  const auto event_key = partition.allocate_id().key();
  group = partition.put_entry(queue::Family::kEvents, {event_key.data(), event_key.size()}, event,
                              queue::IfLost::kErased);
  if (!email.suppressed.empty()) stage_suppressed(email, principal);
  return group;
}

/// Their fate is there from the beginning.
void EmailApi::stage_suppressed(const Email& email, const Principal& principal) {
  queue::Partition& partition = env_.queue.home();
  const int64_t at = unix_micros(env_.reactor.wall_now());
  for (const RecordedRecipient& recipient : email.suppressed) {
    env_.log.write({}, DeliveryDone{.program = LogProgram::kError,
                                    .queue_id = recipient.queue_id,
                                    .recipient = recipient.address,
                                    .dsn = {.klass = 5, .subject = 7, .detail = 1},
                                    .status = DeliveryStatus::kBounced,
                                    .text = schedule::kSuppressedReason});
    partition.put_entry(queue::Family::kFates, fate_key(recipient.queue_id, recipient.index),
                        fmt::format("{{\"v\":1,\"state\":\"suppressed\",\"at\":{},\"attempts\":0,"
                                    "\"reply\":\"{}\"}}",
                                    at, schedule::kSuppressedReason),
                        queue::IfLost::kErased);
    std::string event = fmt::format(
        "{{\"v\":1,\"type\":\"email.suppressed\",\"email_id\":\"{}\",\"at\":{},\"attempts\":0",
        email.id, at);
    append_suppressed(event, schedule::kSuppressedReason);
    event += ",\"tenant\":";
    text::append_json_string(event, principal.tenant);
    event += ",\"recipient\":";
    text::append_json_string(event, recipient.address);
    event += '}';
    const auto key = partition.allocate_id().key();
    partition.put_entry(queue::Family::kEvents, {key.data(), key.size()}, event,
                        queue::IfLost::kErased);
  }
}

rt::Task<void> EmailApi::store_and_answer(Exchange& exchange, std::vector<Email> emails,
                                          std::string answer, const Principal& principal,
                                          const Idempotency& idempotency) {
  if (const std::string_view refusal = env_.host.refusal(); !refusal.empty()) {
    co_await exchange.refuse({.status = 503,
                              .name = "service_unavailable",
                              .message = std::string(refusal.substr(refusal.find(' ') + 1)),
                              .retry_after_seconds = 5});
    co_return;
  }
  if (emails.empty()) {
    co_await exchange.answer(idempotency.response(std::move(answer)));
    co_return;
  }
  size_t messages_count = 0;
  for (const Email& email : emails) messages_count += email.messages.size();
  const bool admitted = co_await env_.admission.admit_messages(exchange, principal, messages_count);
  if (!admitted) co_return;
  queue::Partition& partition = env_.queue.home();
  uint64_t group = 0;
  for (Email& email : emails) group = stage(email, principal);
  if (!idempotency.key.empty()) {
    const WallTime expires = std::chrono::time_point_cast<WallTime::duration>(
        env_.reactor.wall_now() + kIdempotencyLife);
    partition.put_entry(
        queue::Family::kIdempotency, idempotency.key,
        idempotent_record({.expires = expires, .digest = idempotency.digest, .answer = answer}),
        queue::IfLost::kErased);
  }
  const Status status = co_await partition.committed(group);
  if (status.ok()) {
    env_.fates.tell_events();
    co_await exchange.answer(idempotency.response(std::move(answer)));
    co_return;
  }
  co_await exchange.refuse({.status = 503,
                            .name = "service_unavailable",
                            .message = status.error().code == Code::kNoSpace
                                           ? "Insufficient system storage"
                                           : "The queue could not be written",
                            .retry_after_seconds = 30});
}

}  // namespace barid::http
