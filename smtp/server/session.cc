#include "smtp/server/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "core/mail/header_find.h"
#include "smtp/proto/data_rate.h"
#include "smtp/proto/received.h"

namespace barid::smtp {
namespace {

constexpr size_t kBccMax = 100;  // of one message; the rest of what tables ask for is left out
constexpr size_t kPrependedBytesMax = 64 * 1024;
constexpr size_t kBacklogBytesMax = 64 * 1024;  // replies a client does not read; then it waits too

constexpr std::string_view kShuttingDown = "421 4.3.2 Service shutting down";
constexpr std::string_view kDiscardMaps = "smtpd_discard_ehlo_keyword_address_maps";

struct Discarded {
  KeywordSet keywords = 0;
  std::string complaint;
};

/// What the map says of a client replaces the general list. Words that nobody knows are left out.
Discarded discarded_keywords(const ServerSettings& settings, std::string_view address) {
  Discarded discarded{.keywords = settings.discarded, .complaint = {}};
  if (settings.discard_maps.empty()) return discarded;
  const lookup::LookupResult found = settings.discard_maps.find(address);
  if (found.is_temporary()) {
    discarded.complaint =
        fmt::format("{}: lookup failed for {}: {}", kDiscardMaps, address, found.value());
  }
  if (!found.is_found()) return discarded;
  discarded.keywords = 0;
  std::string_view rest = found.value();
  while (!rest.empty()) {
    const Result<KeywordSet> set = parse_keyword_list(rest);
    if (set.ok()) {
      discarded.keywords |= *set;
      break;
    }
    const size_t bad = set.error().detail;
    const size_t end = std::min(rest.find_first_of(", \t\r\n", bad), rest.size());
    discarded.complaint =
        fmt::format("{} = {}: unknown EHLO keyword \"{}\" for {}", kDiscardMaps,
                    settings.discard_maps_text, rest.substr(bad, end - bad), address);
    discarded.keywords |= *parse_keyword_list(rest.substr(0, bad));
    rest.remove_prefix(end);
  }
  return discarded;
}

std::string discard_note(KeywordSet discarded) {
  const std::string list = keyword_list(discarded);
  const bool silent = list.empty() || (discarded & kKeywordSilentDiscard) != 0;
  return silent ? std::string() : "discarding EHLO keywords: " + list;
}

text::ZoneOffset local_zone(int64_t unix_second) {
  const auto second = static_cast<std::time_t>(unix_second);
  std::tm parts{};
  localtime_r(&second, &parts);
  return {.minutes_east = static_cast<int32_t>(parts.tm_gmtoff / 60), .name = parts.tm_zone};
}

/// "Nov  5 19:58:35", as logs have it.
std::string log_time(int64_t unix_second) {
  static constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const auto second = static_cast<std::time_t>(unix_second);
  std::tm parts{};
  localtime_r(&second, &parts);
  return fmt::format("{} {:2} {:02}:{:02}:{:02}",
                     kMonths.substr(static_cast<size_t>(parts.tm_mon) * 3, 3), parts.tm_mday,
                     parts.tm_hour, parts.tm_min, parts.tm_sec);
}

/// What the client's address means for the protocol.
void apply_address(const ServerSettings& settings, const policy::ClientSideFacts& facts,
                   ClientFacts& client) {
  client.bare_newline = settings.bare_newline;
  if (facts.address_known && settings.bare_newline_exclusions.match(facts.address).yes()) {
    client.bare_newline = BareNewline::kNo;
  }
  client.discarded = discarded_keywords(settings, client.address).keywords;
  client.discard_note = discard_note(client.discarded);
  if (!settings.relay.is_own_network(facts)) client.priority_max = 0;
  const auto reserve = [&](const lookup::AddressList& clients, Keyword keyword) {
    if (!facts.address_known || !clients.match(facts.address).yes()) client.discarded |= keyword;
  };
  reserve(settings.verp_clients, kKeywordXverp);
  reserve(settings.xclient_clients, kKeywordXclient);
  reserve(settings.xforward_clients, kKeywordXforward);
}

ClientFacts client_facts(const ServerSettings& settings, const net::SocketAddress& peer,
                         const policy::ClientSideFacts& facts) {
  ClientFacts client;
  if (settings.local) {  // its own user chose what it may do
    client.name = "localhost";
    client.address = "127.0.0.1";
    client.bare_newline = settings.bare_newline;
    return client;
  }
  client.address = peer.is_ip() ? peer.ip_text() : "local";
  client.port = peer.is_ip() ? peer.port() : 0;
  const bool is_loopback = facts.address_known && facts.address.is_loopback();
  client.name = settings.peer_name_lookup && is_loopback ? "localhost" : "unknown";
  apply_address(settings, facts, client);
  return client;
}

policy::ClientSideFacts side_facts(const net::SocketAddress& peer) {
  policy::ClientSideFacts facts;
  if (const auto address = lookup::IpAddress::parse(peer.ip_text()); peer.is_ip() && address) {
    facts.address = address->unmapped();
    facts.address_known = true;
  }
  return facts;
}

/// Those that a table added get no notices.
void change_recipients(const MessageChanges& changes, Envelope& envelope) {
  if (!changes.redirect.empty()) {
    envelope.recipients = {{.address = changes.redirect, .original = {}, .notify = 0}};
  }
  for (const std::string& address : changes.recipients) {
    envelope.recipients.push_back({.address = address, .original = {}, .notify = kNotifyNever});
  }
}

CommandCounts log_counts(const ServerMachine& machine) {
  static_assert(kVerbCount == kLogCommandCount);
  CommandCounts counts{};
  for (size_t i = 0; i < kVerbCount; ++i) {
    counts[i] = {.ok = machine.counts()[i].ok, .total = machine.counts()[i].total};
  }
  return counts;
}

sasl::Peer login_peer(const net::SocketAddress& peer, const net::SocketAddress& local) {
  return {.client_address = peer.is_ip() ? peer.ip_text() : "",
          .server_address = local.is_ip() ? local.ip_text() : "",
          .encrypted = false,
          .channel_binding = {}};
}

}  // namespace

ServerSession::ServerSession(const ServerEnv& env, std::shared_ptr<const ServerSettings> settings,
                             net::Stream stream, Admission admission)
    : StopCallback(env.stop),
      env_(env),
      settings_(std::move(settings)),
      stream_(std::move(stream)),
      facts_(side_facts(stream_.peer())),
      machine_(settings_->protocol, client_facts(*settings_, stream_.peer(), facts_)),
      auth_(settings_->auth, {.reactor = env.reactor, .offload = env.offload},
            login_peer(stream_.peer(), stream_.local()),
            facts_.address_known && settings_->auth.exceptions.match(facts_.address).yes()),
      refusal_(std::move(admission.refusal)),
      client_key_(std::move(admission.client_key)),
      log_pid_(admission.log_pid),
      uid_(admission.uid),
      cut_off_(env.cut, *this) {}

LogClient ServerSession::client() const noexcept {
  return LogClient{.name = machine_.client().name, .address = machine_.client().address};
}

LogOrigin ServerSession::origin() const noexcept {
  return LogOrigin{.pid = log_pid_, .syslog_name = settings_->syslog_name};
}

/// The server stops: a session without a transaction ends now, others when theirs is over.
void ServerSession::on_stop() {
  stopping_ = true;
  if (!machine_.in_transaction()) stream_.interrupt();
}

/// Time is over: its transaction is abandoned, and the client is told.
void ServerSession::CutOff::on_stop() {
  session_.stopping_ = session_.cut_ = true;
  session_.stream_.interrupt();
}

rt::Task<void> ServerSession::run() {
  env_.counters.add(Counter::kSessionsOpened);
  env_.counters.add(Counter::kSessionsOpen);
  if (!settings_->local) env_.log.write(origin(), SmtpdConnect{.client = client()});
  // What a client sends before it was greeted arrives with the next turn's completions.
  bool goes_on = true;
  if (settings_->tls.wrapper) {
    goes_on = co_await start_tls();
  } else {
    co_await rt::yield(env_.reactor);
    co_await rt::yield(env_.reactor);
  }
  begin_transcript();
  if (goes_on) co_await converse();
  end_transcript();
  content_.reset();
  if (!settings_->local) log_disconnect();
  env_.counters.subtract(Counter::kSessionsOpen);
}

rt::Task<void> ServerSession::converse() {
  co_await offer_auth();
  if (const Discarded discarded = discarded_keywords(*settings_, machine_.client().address);
      !discarded.complaint.empty()) {
    warn(discarded.complaint);
  }
  if (refusal_.empty()) refusal_ = check(policy::CheckPoint::kConnect, "CONNECT");
  tell_machine_the_time();
  machine_.start({.early_input = stream_.input(), .refusal = refusal_});
  for (;;) {
    size_t consumed = 0;
    tell_machine_the_time();
    const bool is_secret = machine_.in_auth();
    const Action action = machine_.next(stream_.input(), &consumed);
    if (action.kind == ActionKind::kBodyBytes) append_body(action.bytes);
    keep_input(action, consumed, is_secret);
    if (action.note != Note::kNone) log_note(action);
    if (action.kind == ActionKind::kCheckRecipient) {
      machine_.on_verdict(check_recipient());
    } else if (action.kind == ActionKind::kCheckVerify) {
      machine_.on_verdict(check(policy::CheckPoint::kRcpt, "VRFY"));
    }
    if (machine_.in_content()) {
      request_end_ = extended_end(request_end_, env_.reactor.now(), settings_->timeout, consumed,
                                  settings_->data_rate_min);
    }
    stream_.consume(consumed);  // the action's bytes are not used from here on
    const bool goes_on = co_await perform(action);
    if (!goes_on) break;
  }
}

/// What is left of an action once its bytes are consumed. False ends the session.
rt::Task<bool> ServerSession::perform(const Action& action) {
  switch (action.kind) {
    case ActionKind::kNeedInput:
      co_return co_await read_more();
    case ActionKind::kFlush:
      co_return co_await flush_output(action.delay);
    case ActionKind::kClose:
      if (action.delay > Duration::zero()) {
        co_await rt::Sleep(env_.reactor, env_.reactor.now() + action.delay);
      }
      stream_.end_writing(noted_output());
      machine_.clear_output();
      static_cast<void>(co_await stream_.flush(env_.reactor.now() + settings_->timeout));
      co_return false;
    case ActionKind::kCheckSender:
      machine_.on_verdict(check_sender());
      break;
    case ActionKind::kCheckEtrn:
      machine_.on_verdict(check_etrn());
      break;
    case ActionKind::kCheckHelo:
      machine_.on_verdict(check(policy::CheckPoint::kHelo, machine_.stage()));
      break;
    case ActionKind::kCheckData:
      machine_.on_verdict(check(policy::CheckPoint::kData, machine_.stage()));
      break;
    case ActionKind::kIdentify:
      identify();
      machine_.on_verdict(check(policy::CheckPoint::kConnect, "CONNECT"));
      break;
    case ActionKind::kAuth:
      co_await authenticate();
      break;
    case ActionKind::kStartTls:
      co_return co_await start_tls();
    case ActionKind::kOpenMessage:
      open_message();
      break;
    case ActionKind::kAbort:
      content_.reset();
      changes_.reset();
      id_ = {};
      break;
    case ActionKind::kCommit:
      co_await commit();
      break;
    case ActionKind::kNote:
    case ActionKind::kCheckRecipient:
    case ActionKind::kCheckVerify:
    case ActionKind::kBodyBytes:
      break;
  }
  co_return true;
}

rt::Task<bool> ServerSession::flush_output(Duration delay) {
  if (delay > Duration::zero()) co_await rt::Sleep(env_.reactor, env_.reactor.now() + delay);
  if (!machine_.output().empty()) {
    write_output();
  }
  co_return true;
}

/// A request begins when the one before was answered. Content earns time as it comes.
MonoTime ServerSession::read_deadline(bool answered) {
  const MonoTime latest = env_.reactor.now() + settings_->timeout;
  if (!settings_->request_deadline || answered || request_end_ == MonoTime{}) {
    return request_end_ = latest;
  }
  return request_end_ = std::min(request_end_, latest);
}

rt::Task<bool> ServerSession::read_more() {
  if (stopping_ && (cut_ || !machine_.in_transaction())) {
    machine_.on_shutdown();
    co_return true;
  }
  const bool answered = !machine_.output().empty();
  if (answered) {
    write_output();
  }
  const MonoTime deadline = read_deadline(answered);
  Status status;
  if (stream_.write_backlog() > kBacklogBytesMax) {
    status = co_await stream_.flush(deadline);
    if (status.ok()) co_return true;
  } else {
    status = co_await stream_.read(deadline);
    if (status.ok() || !stream_.input().empty()) co_return true;
  }
  switch (status.error().code) {
    case Code::kTimeout:
      log_end(SessionEnd::kTimeout);
      machine_.on_timeout();
      co_return true;
    case Code::kCancelled:
      machine_.on_shutdown();
      co_return true;
    default:
      if (machine_.stage() != "QUIT") log_end(SessionEnd::kLostConnection);
      co_return false;
  }
}

// --- what the machine asks

std::string_view ServerSession::check(policy::CheckPoint point, std::string_view stage) {
  using policy::CheckPoint;
  if (!settings_->relay.has_checks(point) && point != CheckPoint::kRcpt) return {};
  policy::ClientSideFacts facts = facts_;
  facts.client_name = machine_.client().name;
  facts.client_address = machine_.client().address;
  facts.pipelined = machine_.saw_pipelining();
  facts.authenticated = auth_.login().has_value();
  if (facts.authenticated) facts.login = auth_.login()->user;
  if (tls_) {
    facts.encrypted = true;
    facts.certificate_trusted = tls_->peer_trusted;
    facts.certificate_fingerprint = tls_->certificate_fingerprint;
    facts.key_fingerprint = tls_->key_fingerprint;
  }
  facts.helo = point == CheckPoint::kHelo ? machine_.helo_offered() : machine_.helo();
  const bool has_sender = machine_.in_transaction() || point == CheckPoint::kMail;
  if (has_sender) facts.sender = machine_.sender();
  if (point == CheckPoint::kRcpt) facts.recipient = machine_.recipient().address;
  if (point == CheckPoint::kEtrn) facts.etrn_domain = machine_.etrn_domain();
  facts.recipients_count = machine_.recipient_count();
  for (const std::string& pending : pending_) {
    if (point == CheckPoint::kRcpt && facts.pending.empty()) facts.pending = pending;
  }
  verdict_ = settings_->relay.check(point, facts);
  if (point <= CheckPoint::kMail) {
    pending_[static_cast<size_t>(point)] = std::move(verdict_.pending);
  }
  take_actions(verdict_, stage);
  if (!verdict_.reply.empty()) log_reject(verdict_.reply, stage);
  return verdict_.reply;
}

void ServerSession::tell_machine_the_time() {
  if (!settings_->protocol.has_footer()) return;
  const int64_t now = unix_seconds(env_.reactor.wall_now());
  if (now != footer_second_) machine_.set_local_time(log_time(now));
  footer_second_ = now;
}

void ServerSession::warn(std::string_view text) {
  env_.log.write(
      origin(),
      LogNote{.program = LogProgram::kSmtpd, .severity = LogSeverity::kWarning, .text = text});
}

/// Whoever may ask has his domain's mail tried now, if the operator offers that for the domain.
std::string_view ServerSession::check_etrn() {
  const std::string_view refusal = check(policy::CheckPoint::kEtrn, "ETRN");
  if (!refusal.empty()) return refusal;
  const std::string_view domain = machine_.etrn_domain();
  const lookup::MatchResult offered = settings_->flush_domains.match(domain);
  const ClientFacts& client = machine_.client();
  if (!offered.yes() && !offered.is_temporary()) {
    warn(fmt::format("reject: ETRN {}... from {}[{}]", domain, client.name, client.address));
    refusal_ = fmt::format("459 <{}>: service unavailable", domain);
    return refusal_;
  }
  if (offered.yes() && env_.flusher != nullptr && env_.flusher->flush_domain(domain)) return {};
  warn(fmt::format("unable to flush {} for {}[{}]", domain, client.name, client.address));
  return "458 Unable to queue messages";
}

/// The right to XCLIENT goes with the address, as in Postfix, so that rules can be tried as they
/// are for others; that to XFORWARD stays with the proxy.
void ServerSession::identify() {
  const ClientAttributes& claimed = *machine_.claimed_client();
  ClientFacts client = machine_.client();
  const KeywordSet keeps_xforward = ~client.discarded & kKeywordXforward;
  if (const auto& address = claimed.find(ClientAttribute::kAddress)) {
    const auto parsed = lookup::IpAddress::parse(*address);
    facts_.address_known = parsed.has_value();
    facts_.address = parsed.value_or(lookup::IpAddress{});
    client.address = parsed ? *address : "unknown";
    client.port = 0;
  }
  if (const auto& name = claimed.find(ClientAttribute::kName)) {
    client.name = name->empty() ? "unknown" : *name;
  }
  if (const auto& login = claimed.find(ClientAttribute::kLogin)) {
    auth_.assume(*login);
  }
  client.priority_max = kPriorityMax;
  apply_address(*settings_, facts_, client);
  client.discarded &= ~keeps_xforward;
  pending_ = {};
  changes_.reset();
  machine_.become(std::move(client));
}

std::string_view ServerSession::check_sender() {
  changes_.reset();
  if (stopping_) return kShuttingDown;  // the client sent on without waiting for replies
  if (exceeds_rate(ClientEvent::kMessage)) return refusal_;
  const std::string_view full = env_.queue.refuse_mail(machine_.declared_size());
  if (full.empty()) return check(policy::CheckPoint::kMail, "MAIL");
  log_reject(full, "MAIL");
  return full;
}

std::string_view ServerSession::check_recipient() {
  if (exceeds_rate(ClientEvent::kRecipient)) return refusal_;
  return check(policy::CheckPoint::kRcpt, "RCPT");
}

/// Counts the event if its rate is limited. If it is too much, the reply is in refusal_.
bool ServerSession::exceeds_rate(ClientEvent event) {
  const ClientLimits& limits = settings_->client_limits;
  const bool is_message = event == ClientEvent::kMessage;
  const bool is_login = event == ClientEvent::kLogin;
  const uint32_t limit = is_login     ? limits.logins
                         : is_message ? limits.messages
                                      : limits.recipients;
  if (limit == 0 || client_key_.empty()) return false;
  const uint32_t rate = env_.clients.count(client_key_, event, env_.reactor.now(), limits.unit);
  if (rate <= limit) return false;
  env_.counters.reach(Limit::kRatePerClient);
  const ClientFacts& client = machine_.client();
  const std::string text = fmt::format("{} rate limit exceeded: {} from {}[{}] for service {}",
                                       is_login     ? "AUTH command"
                                       : is_message ? "Message delivery request"
                                                    : "Recipient address",
                                       rate, client.name, client.address, settings_->service);
  env_.log.write(
      origin(),
      LogNote{.program = LogProgram::kSmtpd, .severity = LogSeverity::kWarning, .text = text});
  refusal_ = fmt::format("450 4.7.1 Error: too {} from {}",
                         is_login     ? "many AUTH commands"
                         : is_message ? "much mail"
                                      : "many recipients",
                         client.address);
  return true;
}

/// Changes are for the message under way: at VRFY and ETRN, and before MAIL, there is none.
void ServerSession::take_actions(policy::RelayPolicy::Verdict& verdict, std::string_view stage) {
  using Kind = policy::PolicyAction::Kind;
  const bool has_message = stage == "MAIL" || (machine_.in_transaction() && stage != "VRFY");
  for (policy::PolicyAction& action : verdict.actions) {
    if (action.kind == Kind::kRejectWarning) log_verdict("reject_warning", action.text, stage);
    if (action.kind == Kind::kWarn) log_verdict("warn", action.text, stage);
    if (action.kind == Kind::kInfo) log_verdict("info", action.text, stage);
    if (action.kind <= Kind::kInfo || !has_message) continue;
    if (!changes_) changes_ = std::make_unique<MessageChanges>();
    switch (action.kind) {
      case Kind::kDiscard:
        log_verdict("discard", action.text, stage);
        changes_->discard = true;
        break;
      case Kind::kRedirect:
        log_verdict("redirect", action.text, stage);
        changes_->redirect = std::move(action.argument);
        break;
      case Kind::kBcc:
        log_verdict("bcc", action.text, stage);
        if (changes_->recipients.size() < kBccMax) {
          changes_->recipients.push_back(std::move(action.argument));
        }
        break;
      default:
        if (changes_->prepended.size() + action.argument.size() < kPrependedBytesMax) {
          changes_->prepended.append(action.argument).append("\r\n");
        }
        break;
    }
  }
}

void ServerSession::open_message() {
  id_ = env_.queue.home().allocate_id();
  arrival_ = env_.reactor.wall_now();
  if (settings_->local) {
    env_.log.write(origin(), Pickup{.queue_id = id_, .uid = uid_, .sender = machine_.sender()});
    return;
  }
  SmtpdClient event{.queue_id = id_, .client = client()};
  Envelope origin_facts;
  if (const auto* forwarded = machine_.forwarded_client(); forwarded != nullptr) {
    machine_.fill_envelope(origin_facts);
    event.original_id = origin_facts.forwarded_id;
    if (forwarded->find(ClientAttribute::kName) || forwarded->find(ClientAttribute::kAddress)) {
      event.original_client = {.name = origin_facts.client_name,
                               .address = origin_facts.client_address};
    }
  }
  if (auth_.login()) {
    event.sasl_method = auth_.login()->method;
    event.sasl_username = auth_.login()->user;
    event.sasl_sender = machine_.auth_sender();
  }
  env_.log.write(origin(), event);
}

/// The first content byte: our Received field goes before it.
void ServerSession::begin_content() {
  content_ = ContentRef::make();
  const auto id_text = id_.text_chars();
  std::string header;
  if (changes_) header = changes_->prepended;
  const std::string tls_text =
      tls_ && settings_->tls.received_header ? received_tls(*tls_) : std::string();
  append_received(header,
                  {.helo = machine_.helo(),
                   .client_name = machine_.client().name,
                   .client_address = machine_.client().address,
                   .hostname = settings_->protocol.hostname,
                   .mail_name = settings_->mail_name,
                   .tls = tls_text,
                   .login = auth_.login() && settings_->auth.authenticated_header
                                ? std::string_view(auth_.login()->user)
                                : std::string_view(),
                   .protocol = machine_.transport_protocol(),
                   .queue_id = {id_text.data(), id_text.size()},
                   .recipient = machine_.recipient_count() == 1 ? machine_.recipient_address(0)
                                                                : std::string_view(),
                   .unix_seconds = unix_seconds(arrival_),
                   .zone = local_zone(unix_seconds(arrival_)),
                   .user = settings_->local ? std::optional(uid_) : std::nullopt});
  content_->append(header);
  own_header_bytes_ = header.size();
}

void ServerSession::append_body(std::string_view bytes) {
  if (!content_) begin_content();
  content_->append(bytes);
}

/// Durable first, then 250. The client's patience is the only limit here: the store always answers.
rt::Task<void> ServerSession::commit() {
  if (!content_) begin_content();  // an empty message
  std::string_view refusal = env_.queue.refuse_mail(0);
  if (!refusal.empty()) {
    log_reject(refusal, "END-OF-MESSAGE");
  } else {
    refusal = check(policy::CheckPoint::kEndOfMessage, "END-OF-MESSAGE");
  }
  std::string foreign_from;
  if (refusal.empty()) {
    foreign_from = refuse_foreign_from();
    if (!foreign_from.empty()) log_reject(foreign_from, "END-OF-MESSAGE");
    refusal = foreign_from;
  }
  const std::unique_ptr<MessageChanges> changes = std::move(changes_);
  if (!refusal.empty()) {
    content_.reset();
    machine_.on_commit_failed(refusal);
    id_ = {};
    co_return;
  }
  if (changes && changes->discard) {
    content_.reset();
    const auto text = id_.text_chars();
    machine_.on_committed({text.data(), text.size()});
    id_ = {};
    co_return;
  }
  const std::string once = co_await begin_once();
  if (!once.empty()) {
    content_.reset();
    if (once.starts_with("250 ")) {
      machine_.on_committed(std::string_view(once).substr(4));
    } else {
      log_reject(once, "END-OF-MESSAGE");
      machine_.on_commit_failed(once);
    }
    id_ = {};
    co_return;
  }
  const std::string message_id = find_header(content_->spans().front(), "Message-ID");
  env_.log.write(origin(), CleanupMessageId{.queue_id = id_, .message_id = message_id});
  schedule::QueueManager::Submission submission{
      .id = id_, .content = std::move(content_), .arrival = arrival_};
  content_.reset();
  machine_.fill_envelope(submission.envelope);
  if (settings_->relay.is_own_network(facts_)) submission.envelope.origin = MailOrigin::kOwnNetwork;
  if (settings_->local) {
    submission.envelope.origin = MailOrigin::kLocal;
    submission.envelope.client_is_local = true;
  }
  if (auth_.login()) {
    submission.envelope.origin = MailOrigin::kAuthenticated;
    submission.envelope.tenant = auth_.login()->tenant;
  }
  if (changes) change_recipients(*changes, submission.envelope);
  queue::Partition& partition = env_.queue.home();
  const MonoTime begin = env_.reactor.now();
  const uint64_t group = env_.queue.stage(std::move(submission));
  const auto text = id_.text_chars();
  if (!once_.key.empty()) env_.once->keep(partition, once_, {text.data(), text.size()});
  const Status status = co_await partition.committed(group);
  observe(env_.timings, Timing::kSmtpAccept, env_.reactor.now() - begin);
  end_once(partition);
  if (status.ok()) {
    machine_.on_committed({text.data(), text.size()});
  } else {
    constexpr std::string_view kFailed = "451 4.3.0 Error: queue file write error";
    constexpr std::string_view kFull = "452 4.3.1 Insufficient system storage";
    const std::string_view reply = status.error().code == Code::kNoSpace ? kFull : kFailed;
    log_reject(reply, "END-OF-MESSAGE");
    machine_.on_commit_failed(reply);
  }
  id_ = {};
}

// --- the log

void ServerSession::log_note(const Action& action) {
  switch (action.note) {
    case Note::kPipelining:
      env_.log.write(
          origin(),
          SmtpdPipelining{.after = machine_.stage(), .client = client(), .data = action.bytes});
      return;
    case Note::kTooManyErrors:
      log_end(SessionEnd::kTooManyErrors);
      return;
    case Note::kRejected:  // by the machine itself, which keeps no sender that it refuses
      env_.counters.add(Counter::kCommandsRejected);
      log_verdict("reject", action.bytes, machine_.stage(), machine_.in_transaction());
      return;
    case Note::kNonSmtpCommand:
    case Note::kBadAddress: {
      std::string text(action.note == Note::kBadAddress ? "Illegal address syntax from "
                                                        : "non-SMTP command from ");
      text += machine_.client().name;
      text += '[';
      text += machine_.client().address;
      text += action.note == Note::kBadAddress ? "] in " : "]";
      if (action.note == Note::kBadAddress) {
        text += machine_.stage();
        text += " command";
      }
      text += ": ";
      text += action.bytes;
      env_.log.write(
          origin(),
          LogNote{.program = LogProgram::kSmtpd, .severity = LogSeverity::kWarning, .text = text});
      return;
    }
    case Note::kReplaced: {
      const std::string text = fmt::format("{}[{}]: {}", machine_.client().name,
                                           machine_.client().address, action.bytes);
      env_.log.write(origin(), LogNote{.program = LogProgram::kSmtpd, .text = text});
      return;
    }
    case Note::kDiscarding:
      env_.log.write(origin(), LogNote{.program = LogProgram::kSmtpd, .text = action.bytes});
      return;
    case Note::kBareNewline:
    case Note::kNone:
      return;  // shown as notes=bare_lf at the end
  }
}

void ServerSession::log_reject(std::string_view reply, std::string_view stage) {
  env_.counters.add(Counter::kCommandsRejected);
  log_verdict("reject", reply, stage);
}

void ServerSession::log_verdict(std::string_view verb, std::string_view reply,
                                std::string_view stage) {
  log_verdict(verb, reply, stage, machine_.in_transaction() || stage == "MAIL");
}

void ServerSession::log_verdict(std::string_view verb, std::string_view reply,
                                std::string_view stage, bool has_sender) {
  SmtpdVerdict verdict{.queue_id = id_,
                       .verb = verb,
                       .stage = stage,
                       .client = client(),
                       .reply = reply,
                       .protocol = machine_.protocol(),
                       .helo = machine_.helo()};
  if (auth_.login()) verdict.sasl_username = auth_.login()->user;
  if (has_sender) verdict.sender = machine_.sender();
  if (stage == "RCPT" || stage == "VRFY") verdict.recipient = machine_.recipient().address;
  env_.log.write(origin(), verdict);
}

void ServerSession::log_end(SessionEnd end) {
  SmtpdBroken event{.reason = end, .after = machine_.stage(), .client = client()};
  if (machine_.in_content()) event.bytes = machine_.content_bytes();
  if (transcript_ && end == SessionEnd::kLostConnection && machine_.in_transaction()) {
    transcript_->add_note("The connection was lost.");
    transcript_->mark(kTroubleProtocol);
  }
  env_.log.write(origin(), event);
}

void ServerSession::log_disconnect() {
  const CommandCounts counts = log_counts(machine_);
  env_.log.write(origin(), SmtpdDisconnect{.client = client(),
                                           .counts = counts,
                                           .notes = machine_.saw_bare_newline() ? "bare_lf" : ""});
}

}  // namespace barid::smtp
