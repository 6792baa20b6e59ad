#include "shard/queue/record.h"

#include "shard/queue/queue.pb.h"

namespace barid::queue {
namespace {

void encode_recipient(const Recipient& recipient, const RecipientStatus& status,
                      record::Recipient* out) {
  out->set_address(recipient.address);
  if (!recipient.original.empty()) out->set_original(recipient.original);
  out->set_notify(recipient.notify);
  out->set_state(static_cast<uint32_t>(status.state));
  out->set_success_report(static_cast<uint32_t>(status.success));
  out->set_dsn_class(status.dsn.klass);
  out->set_dsn_subject(status.dsn.subject);
  out->set_dsn_detail(status.dsn.detail);
  if (!status.reason.empty()) out->set_reason(status.reason);
  if (!status.remote_mta.empty()) out->set_remote_mta(status.remote_mta);
  if (!status.diagnostic.empty()) out->set_diagnostic(status.diagnostic);
}

uint64_t micros(WallTime time) noexcept { return static_cast<uint64_t>(unix_micros(time)); }
WallTime wall(uint64_t value) noexcept { return wall_from_micros(static_cast<int64_t>(value)); }

bool valid(const record::Message& in) noexcept {
  if (in.recipients_size() == 0 || in.size() > kContentBytesMax) return false;
  if (in.dsn_return() > 2 || in.body() > 2 || in.stream() > 1) return false;
  if (in.client_port() > UINT16_MAX || in.order() > 2) return false;
  if (in.priority() < kPriorityMin || in.priority() > kPriorityMax) return false;
  if (!in.verp().empty() && in.verp().size() != 2) return false;
  for (const record::Recipient& recipient : in.recipients()) {
    if (recipient.success_report() > 2) return false;
    if (recipient.state() > 3 || recipient.notify() > 15 || recipient.dsn_class() > 5) return false;
    if (recipient.dsn_subject() > 999 || recipient.dsn_detail() > 999) return false;
  }
  return true;
}

void append_big_endian(std::string* out, uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out->push_back(static_cast<char>(value >> (8 * i)));
}

}  // namespace

void encode_message(const Message& message, std::string* out) {
  thread_local record::Message record;  // keeps its strings' memory between messages
  record.Clear();
  const Envelope& envelope = message.envelope;
  record.set_sender(envelope.sender);
  if (!envelope.envid.empty()) record.set_envid(envelope.envid);
  record.set_dsn_return(static_cast<uint32_t>(envelope.dsn_return));
  record.set_body(static_cast<uint32_t>(envelope.body));
  record.set_smtputf8(envelope.smtputf8);
  record.set_client_name(envelope.client_name);
  record.set_client_address(envelope.client_address);
  if (envelope.client_port != 0) record.set_client_port(envelope.client_port);
  record.set_client_is_remote(!envelope.client_is_local);
  if (!envelope.forwarded_id.empty()) record.set_forwarded_id(envelope.forwarded_id);
  record.set_helo(envelope.helo);
  record.set_protocol(envelope.protocol);
  record.set_size(message.size);
  record.set_arrival_micros(micros(message.arrival));
  record.set_created_micros(micros(message.created));
  record.set_attempts(message.attempts);
  record.set_due_micros(micros(message.due));
  for (size_t i = 0; i < envelope.recipients.size(); ++i) {
    encode_recipient(envelope.recipients[i], message.status[i], record.add_recipients());
  }
  for (const std::string& destination : message.filed_under) record.add_filed_under(destination);
  record.set_hold(message.hold);
  record.set_force_expired(message.force_expired);
  record.set_order(static_cast<uint32_t>(message.order));
  record.set_in_doubt_count(message.in_doubt_count);
  record.set_delay_notice_sent(message.delay_notice_sent);
  if (!envelope.tenant.empty()) record.set_tenant(envelope.tenant);
  record.set_stream(static_cast<uint32_t>(envelope.stream));
  record.set_priority(envelope.priority);
  record.set_expires_micros(micros(envelope.expires_at));
  if (!envelope.pool.empty()) record.set_pool(envelope.pool);
  if (!envelope.verp.empty()) record.set_verp(envelope.verp);
  if (!envelope.email_id.empty()) record.set_email_id(envelope.email_id);
  record.set_origin(static_cast<uint32_t>(envelope.origin));
  out->clear();
  record.AppendToString(out);
}

Result<std::unique_ptr<Message>> decode_message(QueueId id, std::string_view bytes) {
  thread_local record::Message record;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || !valid(record)) {
    return Error{.code = Code::kCorrupt};
  }
  auto message = std::make_unique<Message>();
  message->id = id;
  Envelope& envelope = message->envelope;
  envelope.sender = record.sender();
  envelope.envid = record.envid();
  envelope.dsn_return = static_cast<DsnReturn>(record.dsn_return());
  envelope.body = static_cast<BodyType>(record.body());
  envelope.smtputf8 = record.smtputf8();
  envelope.client_name = record.client_name();
  envelope.client_address = record.client_address();
  envelope.client_port = static_cast<uint16_t>(record.client_port());
  envelope.client_is_local = !record.client_is_remote();
  envelope.forwarded_id = record.forwarded_id();
  envelope.helo = record.helo();
  envelope.protocol = record.protocol();
  message->size = record.size();
  message->arrival = wall(record.arrival_micros());
  message->created = wall(record.created_micros());
  message->attempts = record.attempts();
  message->due = wall(record.due_micros());
  message->hold = record.hold();
  message->force_expired = record.force_expired();
  message->order = static_cast<Order>(record.order());
  message->in_doubt_count = record.in_doubt_count();
  message->delay_notice_sent = record.delay_notice_sent();
  envelope.tenant = record.tenant();
  envelope.stream = static_cast<Stream>(record.stream());
  envelope.priority = static_cast<int8_t>(record.priority());
  envelope.expires_at = wall(record.expires_micros());
  envelope.pool = record.pool();
  envelope.verp = record.verp();
  envelope.email_id = record.email_id();
  // Of a kind that this version does not know: nobody's that we vouch for.
  if (record.origin() <= static_cast<uint32_t>(MailOrigin::kTlsReport)) {
    envelope.origin = static_cast<MailOrigin>(record.origin());
  }
  for (const record::Recipient& in : record.recipients()) {
    envelope.recipients.push_back(Recipient{.address = in.address(),
                                            .original = in.original(),
                                            .notify = static_cast<uint8_t>(in.notify())});
    message->status.push_back(
        RecipientStatus{.state = static_cast<RecipientState>(in.state()),
                        .success = static_cast<SuccessReport>(in.success_report()),
                        .dsn = {.klass = static_cast<uint8_t>(in.dsn_class()),
                                .subject = static_cast<uint16_t>(in.dsn_subject()),
                                .detail = static_cast<uint16_t>(in.dsn_detail())},
                        .reason = in.reason(),
                        .remote_mta = in.remote_mta(),
                        .diagnostic = in.diagnostic()});
  }
  for (const std::string& destination : record.filed_under()) {
    if (destination.find('\0') != std::string::npos) return Error{.code = Code::kCorrupt};
    message->filed_under.push_back(destination);
  }
  return message;
}

std::string content_key(QueueId id, uint16_t chunk) {
  const auto id_key = id.key();
  std::string key(id_key.data(), id_key.size());
  append_big_endian(&key, chunk, 2);
  return key;
}

std::string schedule_key(std::string_view destination, WallTime due, QueueId id) {
  BARID_ASSERT(destination.find('\0') == std::string_view::npos);
  std::string key;
  key.reserve(destination.size() + 1 + 8 + QueueId::kKeyBytes);
  key.append(destination);
  key.push_back('\0');
  append_big_endian(&key, micros(due), 8);
  const auto id_key = id.key();
  key.append(id_key.data(), id_key.size());
  return key;
}

Result<ScheduleKey> parse_schedule_key(std::string_view key) {
  constexpr size_t kTail = 1 + 8 + QueueId::kKeyBytes;
  if (key.size() < kTail) return Error{.code = Code::kCorrupt};
  const size_t name_bytes = key.size() - kTail;
  if (key.find('\0') != name_bytes) return Error{.code = Code::kCorrupt};
  uint64_t due = 0;
  for (size_t i = 0; i < 8; ++i) due = due << 8 | static_cast<uint8_t>(key[name_bytes + 1 + i]);
  const auto id = QueueId::from_key(key.substr(name_bytes + 9));
  return ScheduleKey{.destination = key.substr(0, name_bytes), .due = wall(due), .id = *id};
}

}  // namespace barid::queue
