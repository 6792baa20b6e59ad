#include "smtp/client/delivery_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "core/mail/verp.h"
#include "core/text/ascii.h"
#include "smtp/client/final_failure.h"

namespace barid::smtp {
namespace {

constexpr uint32_t kUnluckyMax = 3;
constexpr DsnCode kLoopsToMyself{5, 4, 6};
/// A connection that was idle for longer is asked whether it is still there, before it is used.
constexpr Duration kProbeAfter = std::chrono::seconds(1);
constexpr size_t kDepthUnknown = 2;  // one being served, one on its way
constexpr Duration kFastService = std::chrono::milliseconds(1);
constexpr Duration kRoutePatience = std::chrono::seconds(60);

/// Whether bytes above 127 occur, and whether in the header. Eight bytes a step.
struct ContentFacts {
  bool has_8bit = false;
  bool has_utf8_header = false;
};

bool has_high_bytes(std::string_view bytes) noexcept {
  size_t i = 0;
  uint64_t bits = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, 8);
    bits |= word;
  }
  for (; i < bytes.size(); ++i) bits |= static_cast<uint8_t>(bytes[i]);
  return (bits & 0x8080808080808080u) != 0;
}

ContentFacts inspect(const Content& content) noexcept {
  ContentFacts facts;
  for (const std::string_view span : content.spans()) facts.has_8bit |= has_high_bytes(span);
  if (!facts.has_8bit) return facts;
  // The header ends at the first empty line; one that does not fit a block is taken as all header.
  const std::string_view first = content.spans().front();
  facts.has_utf8_header = has_high_bytes(first.substr(0, first.find("\r\n\r\n")));
  return facts;
}

std::string peer_name(const dns::RouteHop& hop, const ClientSettings& settings) {
  if (hop.address.is_unix()) return fmt::format("{}[{}]", settings.my_hostname, hop.host);
  return fmt::format("{}[{}]", hop.host, hop.address.ip_text());
}

std::string relay_name(const dns::RouteHop& hop, const ClientSettings& settings) {
  if (hop.address.is_unix()) return peer_name(hop, settings);
  return fmt::format("{}:{}", peer_name(hop, settings), hop.address.port());
}

std::string error_words(const Error& error) {
  if (error.error_number != 0) return std::strerror(error.error_number);
  return code_name(error.code);
}

/// The mail hosts in a site's key.
std::string_view hosts_of(std::string_view site_key) noexcept {
  return site_key.substr(0, site_key.find('#'));
}

}  // namespace

DeliveryRun::DeliveryRun(SmtpAgent& agent, schedule::Lease& lease)
    : agent_(agent), env_(agent.env_), lease_(lease), settings_(agent.settings_) {
  lease_.set_holder(this);
}

bool DeliveryRun::delivering() const noexcept {
  return session_ != nullptr && session_->machine().established() && !flying_.empty();
}

/// Jobs come as long as the lease gives some. The connection stays open in between, up to its idle
/// limit, and serves every destination of the site.
rt::Task<void> DeliveryRun::run() {
  for (;;) {
    if (pending_.empty()) {
      const bool any = co_await wait_for_lease();
      if (!any) break;
    }
    settings_ = agent_.settings_;
    finish_hop_ = schedule::Lease::Hop::kWorked;
    if (warm_) co_await use_warm();
    if (!pending_.empty()) co_await work_through_destinations();
  }
  co_await let_warm_go();
  BARID_ASSERT(works_.empty() && flying_.empty());
}

rt::Task<bool> DeliveryRun::wait_for_lease() {
  const Duration patience = warm_ ? warm_settings_->idle_limit : Duration::zero();
  std::optional<schedule::Job> job = co_await lease_.next(patience);
  if (!job) co_return false;
  const bool with_content = co_await begin(*std::move(job));
  if (with_content) co_return true;
  co_return co_await take_from_lease();
}

/// The open connection goes on with what is pending, unless it has ended or is out of date.
rt::Task<void> DeliveryRun::use_warm() {
  const Duration idle = env_.reactor.now() - warm_since_;
  session_key_ = warm_->tls_plan().key;
  const bool usable = warm_settings_ == settings_ && warm_->still_quiet() && wants_more(*warm_) &&
                      fits(*pending_.front()) && idle <= warm_settings_->idle_limit;
  if (!usable) {
    co_await let_warm_go();
    co_return;
  }
  std::unique_ptr<ClientSession> session = std::move(warm_);
  if (idle >= kProbeAfter) session->machine().probe_before_next();
  has_next_server_ = true;  // whatever goes wrong on a stale session, a fresh one is tried
  reused_relay_ = session->relay();
  ready_at_ = env_.reactor.now();
  env_.counters.add(Counter::kConnectionsReused);
  co_await use(*session);
  co_await part_with(std::move(session));
}

/// The connection is gone when this returns, and another one may be made.
rt::Task<void> DeliveryRun::let_warm_go() {
  if (!warm_) co_return;
  co_await warm_->close();
  warm_.reset();  // before its settings
  warm_settings_.reset();
}

/// Takes one more job, with its content. False if there is none.
rt::Task<bool> DeliveryRun::take_from_lease() {
  while (std::optional<schedule::Job> job = lease_.take()) {
    const bool with_content = co_await begin(*std::move(job));
    if (with_content) co_return true;
  }
  co_return false;
}

/// False: its content cannot be had, and its recipients are reported.
rt::Task<bool> DeliveryRun::begin(schedule::Job job) {
  auto work = std::make_unique<Work>();
  work->started = env_.reactor.now();
  work->unreported = static_cast<uint32_t>(job.recipients.size());
  work->job = std::move(job);
  Work& taken = *work;
  works_.push_back(std::move(work));
  const bool is_report = taken.job.message->envelope.origin == MailOrigin::kTlsReport;
  taken.tls_key = co_await tls_key_of(taken.job.route().nexthop, is_report);
  const std::string& sender = taken.job.message->envelope.sender;
  if (settings_->logins && settings_->logins->has_own(sender)) {
    taken.login_of = sender;
    taken.tls_key += "login of " + sender + "\n";
  }
  Result<ContentRef> content = co_await env_.contents.content_of(*taken.job.message);
  if (content.ok()) {
    taken.content = *std::move(content);
    const ContentFacts facts = inspect(*taken.content);
    taken.has_8bit = facts.has_8bit;
    taken.has_utf8_header = facts.has_utf8_header;
    const auto& recipients = taken.job.recipients;
    const size_t step = uses_verp(taken.job.message->envelope) ? 1 : recipients.size();
    for (auto next = recipients.begin(); next != recipients.end(); next += step) {
      auto flight = std::make_unique<Flight>();
      flight->work = &taken;
      flight->recipients.assign(next, next + step);
      pending_.push_back(std::move(flight));
    }
    co_return true;
  }
  const std::vector<uint32_t> recipients(taken.job.recipients.begin(), taken.job.recipients.end());
  for (const uint32_t recipient : recipients) {
    report(taken, recipient,
           Outcome{.disposition = Disposition::kDeferred,
                   .dsn = {4, 3, 0},
                   .text = fmt::format("cannot read message content: {}",
                                       code_name(content.error().code)),
                   .relay = "none"});
  }
  finish_reported();
  co_return false;
}

rt::Task<void> DeliveryRun::work_through_destinations() {
  session_failure_ = Outcome{.relay = "none"};
  session_completed_ = false;
  session_broke_ = false;
  egress_spent_ = false;
  other_policy_ = false;
  in_clear_ = false;
  broke_promise_ = false;
  const std::string nexthop = pending_.front()->work->job.route().nexthop;
  nexthop_ = nexthop;
  session_key_ = pending_.front()->work->tls_key;
  if (wait_for_promise()) co_return;
  dns::ParsedDestinations parsed = dns::parse_destinations(nexthop, settings_->destination);
  if (!parsed.error.empty()) {
    fail_pending(Outcome{.dsn = {4, 3, 5},
                         .text = "mail system configuration error: " + parsed.error,
                         .relay = "none"},
                 /*some_failed=*/false);
    co_return;
  }
  std::vector<dns::Destination> destinations = std::move(parsed.destinations);
  const size_t own_count = destinations.size();
  destinations.insert(destinations.end(), settings_->fallback.begin(), settings_->fallback.end());
  RouteEnd end{.is_relayhost = !settings_->relayhost.empty() &&
                               text::equals_ignore_case(nexthop, settings_->relayhost)};
  for (size_t i = 0; i < destinations.size() && !pending_.empty(); ++i) {
    const dns::RouteResult route =
        co_await dns::resolve_route(env_.reactor, env_.resolver, destinations[i], settings_->route,
                                    env_.reactor.now() + kRoutePatience);
    const bool is_last = route.found_self || i + 1 == destinations.size();
    best_of_route_ = i == 0;
    end.at_fallback = i >= own_count;
    if (route.ok()) {
      co_await work_through_hops(destinations[i], route, is_last);
      if (other_policy_) co_return;  // begins anew, with what is pending first
    } else {
      session_failure_ = Outcome{
          .disposition = route.failure.permanent() ? Disposition::kFailed : Disposition::kDeferred,
          .dsn = route.failure.dsn,
          .text = route.failure.text,
          .relay = "none"};
    }
    if (is_last) break;
    end.soft_seen |= session_failure_.dsn.klass == 4;
  }
  set_aside_others();
  finish_route(std::move(end));
  bring_back_next_servers();
}

/// All servers were tried.
void DeliveryRun::finish_route(RouteEnd end) {
  if (pending_.empty()) {
    if (session_broke_ && !session_completed_) tell_hop_failure(session_failure_);
    return;
  }
  bool some_failed = session_failure_.dsn.klass != 0;
  if (egress_spent_ && !some_failed) {
    suspend_for_warmup();
    some_failed = true;
    if (pending_.empty()) return;
  }
  if (!some_failed) {  // all that was left had left it to others before
    session_failure_.dsn = {4, 3, 0};
    session_failure_.text = "server unavailable or unable to receive mail";
  }
  end.last = std::move(session_failure_);
  FinalFailure failure = final_failure(std::move(end));
  if (!failure.warning.empty()) note(LogSeverity::kWarning, {}, failure.warning);
  if (failure.outcome.disposition == Disposition::kDeferred && some_failed && !session_completed_) {
    tell_hop_failure(failure.outcome);
  }
  if (failure.outcome.dsn == kLoopsToMyself && !settings_->best_mx_transport.empty()) {
    pass_pending(settings_->best_mx_transport);
  }
  fail_pending(failure.outcome, some_failed);
}

/// Every address that may be used has sent what its warm-up plan allows today: the rest waits for
/// tomorrow, without an attempt.
void DeliveryRun::suspend_for_warmup() {
  const WallTime until = policy::start_of(policy::day_of(env_.reactor.wall_now()) + 1);
  const schedule::SiteTrouble why{
      .dsn = {4, 4, 5},
      .text = fmt::format("warm-up of egress pool \"{}\": today's messages to {} are sent",
                          lease_.pool(), hosts_of(lease_.site_key()))};
  suspend_pending(why, until, /*others_too=*/true);
  session_failure_ = Outcome{.dsn = why.dsn, .text = why.text, .relay = "none"};
}

/// Those none of whose recipients was tried wait without an attempt; `others_too`: so does all that
/// waits for the site.
void DeliveryRun::suspend_pending(const schedule::SiteTrouble& why, WallTime until,
                                  bool others_too) {
  std::erase_if(pending_, [&](const std::unique_ptr<Flight>& flight) {
    Work* const work = flight->work;
    const bool whole = work->unreported == work->job.recipients.size() &&
                       flight->recipients.size() == work->job.recipients.size();
    if (!flight->last.empty() || !whole) return false;
    if (others_too) {
      lease_.suspend(std::move(work->job), why, until);
    } else {
      lease_.suspend_one(std::move(work->job), why, until);
    }
    std::erase_if(works_, [&](const auto& candidate) { return candidate.get() == work; });
    return true;
  });
}

/// We are the best MX of what is pending, and another transport knows what to do with such mail.
void DeliveryRun::pass_pending(std::string_view transport) {
  const size_t colon = std::min(transport.find(':'), transport.size());
  const std::string_view nexthop = transport.substr(std::min(colon + 1, transport.size()));
  const schedule::Route route{.transport = std::string(transport.substr(0, colon)),
                              .nexthop = nexthop.empty()
                                             ? pending_.front()->work->job.route().nexthop
                                             : std::string(nexthop)};
  std::erase_if(pending_, [&](const std::unique_ptr<Flight>& flight) {
    Work* const work = flight->work;
    const bool whole = work->unreported == work->job.recipients.size() &&
                       flight->recipients.size() == work->job.recipients.size();
    if (!flight->last.empty() || !whole || !lease_.pass(work->job, route)) return false;
    std::erase_if(works_, [&](const auto& candidate) { return candidate.get() == work; });
    return true;
  });
}

rt::Task<void> DeliveryRun::work_through_hops(const dns::Destination& destination,
                                              const dns::RouteResult& route,
                                              bool is_last_destination) {
  const uint32_t limit = settings_->session_limit;
  uint32_t sessions_count = 0;
  for (size_t i = 0; i < route.hops.size() && !pending_.empty(); ++i) {
    if (limit != 0 && sessions_count >= limit) co_return;
    if (!fits(*pending_.front())) {
      other_policy_ = true;
      co_return;
    }
    const bool has_next_hop =
        i + 1 < route.hops.size() && (limit == 0 || sessions_count + 1 < limit);
    if (all_left_by(relay_name(route.hops[i], *settings_))) {
      ++sessions_count;
      continue;
    }
    std::unique_ptr<ClientSession> session = co_await open_session(destination, route, i);
    if (!session) {
      in_clear_ = false;
      continue;
    }
    const bool may_retry = session->tls_plan().level == TlsLevel::kMay && some_may_go_in_clear();
    has_next_server_ = has_next_hop || !is_last_destination || may_retry;
    if (session->tls_plan().fallback) set_aside_who_must_not();
    co_await use(*session);
    if (session->machine().established()) ++sessions_count;
    const ClientMachine& machine = session->machine();
    session_completed_ |= machine.established() && machine.failure_text().empty();
    if (machine.established()) agent_.broken_promises_.note_success(promise_key());
    session_broke_ |= !machine.failure_text().empty();
    if (!machine.failure_text().empty()) {
      const bool permanent = machine.failure_dsn().klass == 5;
      broke_promise_ = is_mandatory(session->tls_plan().level);
      session_failure_ =
          Outcome{.disposition = permanent ? Disposition::kFailed : Disposition::kDeferred,
                  .dsn = machine.failure_dsn(),
                  .text = std::string(machine.failure_text()),
                  .relay = session->relay()};
    }
    best_of_route_ = best_of_route_ && route.hops[i].preference == route.hops.front().preference;
    // Its address has sent what it may: another one goes on with what was not offered yet.
    const bool again = session->egress().spent() &&
                       std::any_of(pending_.begin(), pending_.end(),
                                   [](const auto& flight) { return flight->last.empty(); });
    bring_back_next_servers();
    count_missing_tls(*session);
    in_clear_ = note_broken_tls(*session, route.hops[i]);
    co_await part_with(std::move(session));
    if (other_policy_) co_return;
    if (!again && !in_clear_) continue;
    --i;
    sessions_count -= std::min(sessions_count, 1u);
  }
}

/// The site's home hears that none of its servers can be used; but not if they only broke a promise
/// that is this mail's own (a policy of its domain): others share the servers (RFC 8461 4.1).
void DeliveryRun::tell_hop_failure(const Outcome& outcome) {
  const bool by_tls = outcome.dsn == DsnCode{4, 7, 4} || outcome.dsn == DsnCode{4, 7, 5};
  if (by_tls && !session_key_.empty()) return note_broken_promise(outcome);
  lease_.hop_failed({.dsn = outcome.dsn, .text = outcome.text});
}

/// The server of the reused session left all that is pending for the next one: it is not asked the
/// same again at once.
bool DeliveryRun::all_left_by(const std::string& relay) const noexcept {
  return relay == reused_relay_ &&
         std::all_of(pending_.begin(), pending_.end(),
                     [](const auto& flight) { return !flight->last.empty(); });
}

void DeliveryRun::note(LogSeverity severity, QueueId id, std::string_view text) {
  const LogProgram program = settings_->machine.lmtp ? LogProgram::kLmtp : LogProgram::kSmtp;
  env_.log.write({.pid = session_ != nullptr ? session_->log_pid() : ++env_.next_log_pid},
                 LogNote{.program = program, .severity = severity, .queue_id = id, .text = text});
}

rt::Task<std::unique_ptr<ClientSession>> DeliveryRun::open_session(
    const dns::Destination& destination, const dns::RouteResult& route, size_t hop_index) {
  co_await let_warm_go();  // one connection a lease
  const dns::RouteHop& hop = route.hops[hop_index];
  EgressChoice egress =
      choose_egress(*settings_, lease_.pool(), hosts_of(lease_.site_key()), hop.address.family(),
                    agent_.turns_, env_.warmup, env_.reactor.wall_now());
  if (!egress.source) {
    egress_spent_ |= egress.spent;
    if (!egress.spent) {
      session_failure_ =
          Outcome{.dsn = {4, 3, 5}, .text = std::move(egress.problem), .relay = "none"};
    }
    co_return nullptr;
  }
  ClientLogins::Answer login;
  if (settings_->logins) {
    login = settings_->logins->find(hop.host, destination.text, pending_.front()->work->login_of);
  }
  if (login.temporary) {
    session_failure_ = Outcome{.dsn = {4, 3, 0},
                               .text = "the password for this server cannot be looked up",
                               .relay = "none"};
    co_return nullptr;
  }
  login_applies_ = login.client != nullptr;
  TlsPlan tls;
  const bool planned = co_await plan_tls(destination, route, hop, &tls);
  if (!planned) {
    broke_promise_ = true;
    co_return nullptr;
  }
  const net::SocketAddress* source = egress.source->address();
  const MonoTime started = env_.reactor.now();
  const MonoTime deadline = started + settings_->timeouts.connect;
  Result<net::Stream> stream = co_await net::connect(env_.reactor, hop.address, source, deadline);
  if (!stream.ok() && source != nullptr && stream.error().error_number == EADDRNOTAVAIL) {
    note(LogSeverity::kWarning, {},
         fmt::format("bind {}: {}", source->ip_text(), error_words(stream.error())));
    if (settings_->source_enforced || egress.source->from_pool()) {
      session_failure_ =
          Outcome{.dsn = {4, 4, 0}, .text = "server configuration error", .relay = "none"};
      co_return nullptr;
    }
    stream = co_await net::connect(env_.reactor, hop.address, nullptr, deadline);
  }
  if (!stream.ok()) {
    std::string text =
        fmt::format("connect to {}: {}", relay_name(hop, *settings_), error_words(stream.error()));
    note(LogSeverity::kInfo, {}, text);
    session_failure_ = Outcome{.dsn = {4, 4, 1}, .text = std::move(text), .relay = "none"};
    co_return nullptr;
  }
  env_.counters.add(Counter::kConnectionsMade);
  round_trip_ = env_.reactor.now() - started;
  service_time_ = Duration::max();
  ClientOptions options = settings_->machine;
  options.host = hop.host;
  options.peer = peer_name(hop, *settings_);
  options.nexthop = destination.name;
  options.best_mx = hop.preference == route.hops.front().preference;
  if (hop.address.port() != settings_->route.default_port) options.own_name.clear();
  options.tls = tls.level == TlsLevel::kNone  ? TlsUse::kNone
                : tls.wrapper                 ? TlsUse::kSecured
                : tls.level == TlsLevel::kMay ? TlsUse::kMay
                                              : TlsUse::kMust;
  auto session = std::make_unique<ClientSession>(
      env_.reactor, *settings_, options, *std::move(stream), *std::move(egress.source),
      std::move(tls), relay_name(hop, *settings_), ++env_.next_log_pid);
  session->machine().set_login(std::move(login.client));
  session->set_tap(env_.tap);
  session->set_offload(env_.offload);
  session->set_transcripts(env_.transcripts);
  co_return session;
}

bool DeliveryRun::wants_more(const ClientSession& session) const noexcept {
  for (const uint32_t limit : {settings_->reuse_count_limit, lease_.messages_per_connection()}) {
    if (limit != 0 && session.uses_count() >= limit) return false;
  }
  if (session.egress().spent()) return false;
  return env_.reactor.now() - session.opened() < settings_->age_limit;
}

/// How many messages may be on their way to the server. Enough to keep it busy over the round trip,
/// no more: what is on its way cannot be passed by mail that is more urgent.
size_t DeliveryRun::depth() const noexcept {
  if (service_time_ == Duration::max()) return kDepthUnknown;
  if (service_time_ < kFastService) return SIZE_MAX;  // the machine's own limit holds
  return kDepthUnknown + static_cast<size_t>(round_trip_ / service_time_);
}

/// Replies that come in one piece say that the server is faster than we look.
void DeliveryRun::measure_service() noexcept {
  const MonoTime now = env_.reactor.now();
  const MonoTime since = std::max(last_done_, flight_begun_);
  last_done_ = now;
  const Duration took = now - since;
  service_time_ = service_time_ == Duration::max() ? took : (service_time_ * 3 + took) / 4;
}

/// Keeps one connection busy until there is nothing more for it to do.
rt::Task<void> DeliveryRun::use(ClientSession& session) {
  session_ = &session;
  session.set_sink(this);
  session_key_ = session.tls_plan().key;
  ready_at_ = std::max(ready_at_, session.opened());
  ClientMachine& machine = session.machine();
  bool was_established = machine.established();
  for (;;) {
    while (machine.can_offer() && wants_more(session) && flying_.size() < depth()) {
      if (pending_.empty()) {
        if (session.tls_plan().fallback) break;  // only for those who waited
        const bool any = co_await take_from_lease();
        if (!any) break;
        continue;  // taking may have waited: look at the machine again
      }
      const Flight& front = *pending_.front();
      if (!fits(front)) {
        other_policy_ = true;
        break;
      }
      if (!front.work->forms[front.use_converted ? 1 : 0]) {
        co_await make_form(pending_.front().get());
        continue;  // likewise
      }
      // Only with mail in hand: a right that is held for nothing keeps other mail waiting.
      if (!session.egress().hold(env_.reactor.wall_now())) break;
      std::unique_ptr<Flight> flight = std::move(pending_.front());
      pending_.pop_front();
      offer(session, std::move(flight));
      sort_landed();
    }
    if (machine.closed()) break;
    if (flying_.empty() && session.write_idle() && machine.established()) break;
    if (flying_.empty() && pending_.empty() && machine.established()) break;
    if (given_up_) co_await rt::Sleep(env_.reactor, MonoTime::max());  // ends with the process
    co_await session.step();
    log_tls(session);
    if (!was_established && machine.established()) {
      was_established = true;
      ready_at_ = env_.reactor.now();
    }
    sort_landed();
  }
  if (machine.closed() && !flying_.empty()) {
    machine.on_lost();  // releases what the end left open
    sort_landed();
  }
  BARID_ASSERT(flying_.empty());
  session.set_sink(nullptr);
  session_ = nullptr;
}

void DeliveryRun::offer(ClientSession& session, std::unique_ptr<Flight> owned) {
  Flight& flight = *owned;
  Work& work = *flight.work;
  flight.last.clear();
  if (flying_.empty()) flight_begun_ = env_.reactor.now();
  flying_.push_back(std::move(owned));
  const SignedForm& form = *work.forms[flight.use_converted ? 1 : 0];
  session.count_use();
  session.note_message(work.job.message->envelope);
  session.egress().spend();
  session.machine().offer(OutgoingMessage{.id = work.job.message->id,
                                          .envelope = &work.job.message->envelope,
                                          .recipients = flight.recipients,
                                          .content = form.spans,
                                          .size = form.size,
                                          .has_8bit = !flight.use_converted && work.has_8bit,
                                          .has_utf8_header = work.has_utf8_header,
                                          .converted = flight.use_converted,
                                          .tag = reinterpret_cast<uint64_t>(&flight)});
}

Delays DeliveryRun::delays_of(const Work& work) const noexcept {
  const queue::Message& message = *work.job.message;
  const MonoTime now = env_.reactor.now();
  const Duration age = env_.reactor.wall_now() - message.arrival;
  const MonoTime sending_since = std::max(work.started, std::min(ready_at_, now));
  return Delays{.before_queue = std::max(age - (now - message.activated), Duration::zero()),
                .in_queue = work.started - message.activated,
                .connection = sending_since - work.started,
                .transmission = now - sending_since};
}

/// Who answers for the mail that this session hands over (RFC 3461 5.2.2, 5.2.3; for LMTP as
/// lmtp_assume_final says).
Handover DeliveryRun::handover() const noexcept {
  if (session_->machine().capabilities().has(Feature::kDsn)) return Handover::kPassedOn;
  return settings_->assume_final ? Handover::kFinal : Handover::kRelayed;
}

void DeliveryRun::on_result(const RecipientResult& result) {
  Flight& flight = *reinterpret_cast<Flight*>(result.message->tag);
  if (result.fate == Fate::kNotAttempted) {
    flight.not_attempted.push_back(result.recipient);
    return;
  }
  if (result.fate == Fate::kNeedsConversion) {
    flight.to_convert.push_back(result.recipient);
    return;
  }
  Outcome outcome{.disposition = disposition_of(result.fate),
                  .dsn = result.dsn,
                  .text = std::string(result.text),
                  .relay = session_->relay(),
                  .remote_mta = std::string(result.remote_mta),
                  .diagnostic = std::string(result.diagnostic),
                  .handover = handover(),
                  .connection_use = result.connection_use};
  const bool softened = settings_->soft_bounce && outcome.disposition == Disposition::kFailed;
  if ((result.try_next_server || softened) && has_next_server_) {
    const auto& left = flight.carried_outcomes;
    if (left.empty() || left.back().text != outcome.text) {
      note(LogSeverity::kInfo, flight.work->job.message->id, outcome.text);
    }
    flight.carried.push_back(result.recipient);
    flight.carried_outcomes.push_back(std::move(outcome));
    return;
  }
  if (outcome.disposition == Disposition::kDelivered) {
    env_.counters.add(Counter::kBytesDelivered, result.message->size);
  }
  report(*flight.work, result.recipient, std::move(outcome));
}

void DeliveryRun::on_leaving(const OutgoingMessage& message) {
  schedule::Lease::begin_flight(reinterpret_cast<Flight*>(message.tag)->work->job);
}

void DeliveryRun::on_message_done(const OutgoingMessage& message) {
  auto* flight = reinterpret_cast<Flight*>(message.tag);
  const auto found = std::find_if(flying_.begin(), flying_.end(),
                                  [&](const auto& candidate) { return candidate.get() == flight; });
  BARID_ASSERT(found != flying_.end());
  measure_service();
  landed_.push_back(std::move(*found));
  flying_.erase(found);
}

/// Decides what becomes of flights that a server is done with.
void DeliveryRun::sort_landed() {
  std::vector<std::unique_ptr<Flight>> landed = std::move(landed_);
  landed_.clear();
  for (std::unique_ptr<Flight>& owned : landed) {
    Flight& flight = *owned;
    Work* work = flight.work;
    if (!flight.to_convert.empty()) {
      if (!work->converted) work->converted = env_.converter.to_7bit(*work->content);
      auto again = std::make_unique<Flight>();
      again->work = work;
      again->recipients = std::move(flight.to_convert);
      again->use_converted = true;
      if (work->converted) {
        pending_.push_front(std::move(again));
      } else {
        for (const uint32_t recipient : again->recipients) {
          report(*work, recipient,
                 Outcome{.disposition = Disposition::kFailed,
                         .dsn = {5, 6, 3},
                         .text = "content cannot be converted to the 7-bit form this server needs",
                         .relay = session_->relay()});
        }
      }
    }
    if (!flight.not_attempted.empty()) {
      auto again = std::make_unique<Flight>();
      again->work = work;
      again->recipients = std::move(flight.not_attempted);
      again->use_converted = flight.use_converted;
      again->unlucky_count = flight.unlucky_count + 1;
      pending_.push_back(std::move(again));
    }
    if (!flight.carried.empty()) {
      auto next = std::make_unique<Flight>();
      next->work = work;
      next->recipients = std::move(flight.carried);
      next->last = std::move(flight.carried_outcomes);
      next_server_.push_back(std::move(next));
    }
  }
  finish_reported();
}

/// Gives back the jobs whose every recipient has its outcome.
void DeliveryRun::finish_reported() {
  std::erase_if(works_, [&](std::unique_ptr<Work>& work) {
    if (work->unreported > 0) return false;
    const bool worked = session_ != nullptr && session_->machine().failure_text().empty();
    lease_.finish(std::move(work->job), worked ? finish_hop_ : schedule::Lease::Hop::kNone);
    return true;
  });
}

/// No server is left for what is pending: the last word is each recipient's own, else `outcome`,
/// which may outweigh it if some server or route failed.
/// Recipients that were never attempted, on sessions that broke for others, go back to the queue.
void DeliveryRun::fail_pending(const Outcome& outcome, bool some_failed) {
  std::deque<std::unique_ptr<Flight>> pending = std::move(pending_);
  pending_.clear();
  for (const std::unique_ptr<Flight>& flight : pending) {
    Work& work = *flight->work;
    const bool whole = work.unreported == work.job.recipients.size() &&
                       flight->recipients.size() == work.job.recipients.size();
    if (flight->last.empty() && whole && flight->unlucky_count > 0 &&
        flight->unlucky_count < kUnluckyMax) {
      work.unreported = 0;
      lease_.put_back(std::move(work.job));
      std::erase_if(works_, [&](const auto& candidate) { return candidate.get() == &work; });
      continue;
    }
    for (size_t i = 0; i < flight->recipients.size(); ++i) {
      if (flight->last.empty()) {
        report(work, flight->recipients[i], outcome);
      } else if (some_failed) {
        report(work, flight->recipients[i], final_word(std::move(flight->last[i]), outcome));
      } else {
        report(work, flight->recipients[i], std::move(flight->last[i]));
      }
    }
  }
  sort_landed();
}

void DeliveryRun::report(Work& work, uint32_t recipient, Outcome outcome) {
  BARID_ASSERT(work.unreported > 0);
  outcome.delays = delays_of(work);
  outcome.agent = settings_->agent;
  if (settings_->status_filter) {
    const std::string complaint = settings_->status_filter->apply(outcome);
    if (!complaint.empty()) note(LogSeverity::kWarning, work.job.message->id, complaint);
  }
  outcome.log_pid = session_ != nullptr ? session_->log_pid() : ++env_.next_log_pid;
  lease_.report(work.job, recipient, outcome);
  --work.unreported;
}

void DeliveryRun::bring_back_next_servers() {
  for (auto* places : {&next_server_, &set_aside_}) {
    for (std::unique_ptr<Flight>& flight : *places) pending_.push_back(std::move(flight));
    places->clear();
  }
}

rt::Task<void> DeliveryRun::part_with(std::unique_ptr<ClientSession> session) {
  bring_back_next_servers();
  // One to a worse server must not keep mail from the best, once that is back.
  const bool keep = best_of_route_ && !session->tls_plan().fallback &&
                    session->machine().reusable() && session->still_quiet() &&
                    wants_more(*session) && settings_->idle_limit > Duration::zero();
  co_await let_warm_go();
  if (!keep) {
    co_await session->close();
    co_return;
  }
  session->egress().release();
  warm_ = std::move(session);
  warm_settings_ = settings_;
  warm_since_ = env_.reactor.now();
}

}  // namespace barid::smtp
