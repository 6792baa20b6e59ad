// DeliveryRun: which TLS a destination needs, which connection serves whose mail, and when mail may
// go in clear after all.
#include <fmt/format.h>

#include <algorithm>

#include "shard/net/tls_engine.h"
#include "smtp/client/delivery_run.h"

namespace barid::smtp {
namespace {

constexpr Duration kTlsaPatience = std::chrono::seconds(30);
constexpr Duration kStsPatience = std::chrono::seconds(10);
constexpr DsnCode kTlsTrouble{4, 7, 5};
/// Reports on TLS are delivered whatever TLS comes to, on connections of their own (RFC 8460 3).
constexpr std::string_view kReportKey = "report on TLS\n";

}  // namespace

/// Names the promise that mail for a next hop needs. Without tables it is the same for all.
rt::Task<std::string> DeliveryRun::tls_key_of(std::string nexthop, bool is_report) {
  std::string key;
  if (is_report) co_return std::string(kReportKey);
  const std::shared_ptr<const ClientSettings> settings = settings_;
  const ClientTls& tls = settings->tls;
  const bool ask = tls.mta_sts && env_.sts != nullptr;
  if (tls.rules.maps.empty() && !ask) co_return key;
  const dns::ParsedDestinations parsed = dns::parse_destinations(nexthop, settings->destination);
  for (const dns::Destination& one : parsed.destinations) {
    if (!tls.rules.maps.empty()) {
      const FoundTlsPolicy found = find_tls_policy(tls.rules, one.text);
      key.append(found.error.empty() ? found.policy.key() : found.error).append("\n");
    }
    if (!ask || one.kind != dns::DestinationKind::kDomain) continue;
    const dns::StsPolicy* policy =
        co_await env_.sts->find(one.name, env_.reactor.now() + kStsPatience);
    // One promise a domain, however many share the servers (RFC 8461 4.1); in testing, too, or what
    // would fail there stays unseen.
    if (policy != nullptr && policy->mode != dns::StsMode::kNone) {
      key.append("sts ").append(one.name).append("\n");
    }
  }
  co_return key;
}

/// A connection serves mail that needs the promise it was opened under.
bool DeliveryRun::fits(const Flight& flight) const { return flight.work->tls_key == session_key_; }

/// Waited for so long that in clear is better than not at all (spec of level may).
bool DeliveryRun::may_go_in_clear(const Flight& flight) const {
  const queue::Message& message = *flight.work->job.message;
  if (message.envelope.origin == MailOrigin::kTlsReport) return true;
  const Duration age = env_.reactor.wall_now() - message.arrival;
  const Duration active = env_.reactor.now() - message.activated;
  return age - active >= settings_->tls.backoff;
}

bool DeliveryRun::some_may_go_in_clear() const {
  return std::any_of(pending_.begin(), pending_.end(),
                     [this](const auto& flight) { return may_go_in_clear(*flight); });
}

/// The plan for a connection to one server. False: there is none, and session_failure_ says why.
rt::Task<bool> DeliveryRun::plan_tls(const dns::Destination& destination,
                                     const dns::RouteResult& route, const dns::RouteHop& hop,
                                     TlsPlan* plan) {
  const ClientTls& tls = settings_->tls;
  FoundTlsPolicy found = find_tls_policy(tls.rules, destination.text);
  TlsPolicy& policy = found.policy;
  const bool is_report = session_key_ == kReportKey;
  const bool by_dane = policy.level == TlsLevel::kDane || policy.level == TlsLevel::kDaneOnly;
  if (is_report && by_dane) policy.level = TlsLevel::kMay;
  if (found.error.empty() && hop.address.is_unix() && policy.level <= TlsLevel::kMay) {
    policy.level = TlsLevel::kNone;
  }
  if (found.error.empty() && tls.wrapper && !is_mandatory(policy.level)) {
    found.error = "smtp_tls_wrappermode needs smtp_tls_security_level = encrypt, or stronger";
  }
  if (!found.error.empty()) {
    note(LogSeverity::kWarning, {}, found.error);
    session_failure_ =
        Outcome{.dsn = kTlsTrouble, .text = "client TLS configuration problem", .relay = "none"};
    co_return false;
  }
  const bool is_host = destination.kind != dns::DestinationKind::kDomain;
  const std::string address = hop.address.is_unix()
                                  ? hop.host
                                  : fmt::format("{}:{}", hop.address.ip_text(), hop.address.port());
  TlsTarget target{.host = hop.host,
                   .nexthop = is_host ? hop.host : std::string_view(destination.name),
                   .address = address,
                   .is_literal = destination.literal.has_value(),
                   .mx_secure = is_host ? hop.secure : route.mx_secure};
  TlsReporting reporting = reporting_of(destination, hop);
  const bool counted = !is_report && is_counted(destination, policy.level);
  if (policy.level != TlsLevel::kDane && policy.level != TlsLevel::kDaneOnly) {
    *plan = make_tls_plan(tls, policy, target, nullptr);
  } else {
    const DaneDecision dane = co_await ask_dane(policy.level, target, hop);
    if (!dane.problem.empty()) {
      session_failure_ = Outcome{.dsn = kTlsTrouble, .text = dane.problem, .relay = "none"};
      note(LogSeverity::kInfo, {}, dane.problem);
      reporting.policy = report_policy_of({}, target.host, {});
      if (counted) count_failure(reporting, nullptr, dane.result, target.host, dane.problem);
      co_return false;
    }
    if (!dane.records.empty()) {
      target.host = dane.base;
      reporting.policy =
          report_policy_of(dane.records, target.host, tlsa_name(target.host, hop.address.port()));
    }
    *plan = make_tls_plan(tls, policy, target, &dane);
  }
  const bool may =
      plan->level == TlsLevel::kMay && destination.kind == dns::DestinationKind::kDomain;
  if (may && !is_report && tls.mta_sts && env_.sts != nullptr) {
    const bool allowed = co_await ask_sts(destination, target, plan, &reporting);
    if (!allowed) co_return false;
  }
  plan->key = session_key_;
  if (counted) plan->reporting = std::move(reporting);
  if (plan->level == TlsLevel::kMay) go_in_clear_if_due(address, plan);
  co_return true;
}

rt::Task<DaneDecision> DeliveryRun::ask_dane(TlsLevel level, TlsTarget target,
                                             const dns::RouteHop& hop) {
  const DaneFacts facts{.mx_secure = target.mx_secure, .host_secure = hop.secure};
  const InsecureMx insecure = settings_->tls.insecure_mx;
  if (!wants_tlsa(level, facts, insecure)) {
    co_return decide_dane(level, facts, insecure, nullptr, target.host);
  }
  // RFC 7672 2.2.2: of a host that is a CNAME, where that leads first.
  std::string base = hop.canonical.empty() ? std::string(target.host) : hop.canonical;
  const MonoTime deadline = env_.reactor.now() + kTlsaPatience;
  const uint16_t port = hop.address.port();
  dns::Answer answer =
      co_await env_.resolver.query(tlsa_name(base, port), dns::RecordType::kTlsa, deadline);
  const bool none =
      answer.status == dns::AnswerStatus::kNxDomain ||
      answer.status == dns::AnswerStatus::kNoData ||
      (answer.status == dns::AnswerStatus::kOk && answer.validation != dns::Validation::kSecure);
  if (none && !hop.canonical.empty()) {
    base = target.host;
    answer = co_await env_.resolver.query(tlsa_name(base, port), dns::RecordType::kTlsa, deadline);
  }
  DaneDecision decision = decide_dane(level, facts, insecure, &answer, base);
  decision.base = std::move(base);
  co_return decision;
}

/// What the domain's MTA-STS policy makes of the plan. False: the host is none of the domain's.
rt::Task<bool> DeliveryRun::ask_sts(const dns::Destination& destination, const TlsTarget& target,
                                    TlsPlan* plan, TlsReporting* reporting) {
  const dns::StsPolicy* policy =
      co_await env_.sts->find(destination.name, env_.reactor.now() + kStsPatience);
  if (policy == nullptr || policy->mode == dns::StsMode::kNone) co_return true;
  const bool testing = policy->mode == dns::StsMode::kTesting;
  reporting->policy = report_policy_of(*policy, destination.name);
  const bool allowed = dns::sts_allows(*policy, target.host);
  if (!allowed) {
    std::string text =
        fmt::format("MTA-STS policy of {} does not name host {}", destination.name, target.host);
    note(LogSeverity::kWarning, {}, testing ? text + " (testing)" : text);
    if (settings_->tls.report && env_.tls_reports != nullptr) {
      count_failure(*reporting, nullptr, TlsResult::kValidationFailure, target.host,
                    "the policy does not name this host");
    }
    if (!testing) {
      session_failure_ = Outcome{.dsn = kTlsTrouble, .text = std::move(text), .relay = "none"};
      co_return false;
    }
  }
  *plan = make_sts_plan(settings_->tls, target, testing);
  co_return true;
}

/// After a failed handshake, now or lately: those who waited long enough get a connection without.
void DeliveryRun::go_in_clear_if_due(const std::string& address, TlsPlan* plan) {
  const auto remembered = agent_.broken_tls_.find(address);
  const bool broken =
      remembered != agent_.broken_tls_.end() && remembered->second > env_.reactor.now();
  if (login_applies_ || (!in_clear_ && !(broken && some_may_go_in_clear()))) return;
  *plan = TlsPlan{.level = TlsLevel::kNone, .fallback = true, .key = plan->key, .reporting = {}};
}

/// The others wait for the next server, or keep their last word.
void DeliveryRun::set_aside_who_must_not() {
  std::deque<std::unique_ptr<Flight>> pending = std::move(pending_);
  pending_.clear();
  for (std::unique_ptr<Flight>& flight : pending) {
    if (may_go_in_clear(*flight)) {
      pending_.push_back(std::move(flight));
    } else {
      set_aside_.push_back(std::move(flight));
    }
  }
}

/// What failed for one promise says nothing about mail that needs another.
void DeliveryRun::set_aside_others() {
  std::deque<std::unique_ptr<Flight>> pending = std::move(pending_);
  pending_.clear();
  for (std::unique_ptr<Flight>& flight : pending) {
    if (fits(*flight)) {
      pending_.push_back(std::move(flight));
    } else {
      set_aside_.push_back(std::move(flight));
    }
  }
}

/// True if the same server is to be tried again without TLS.
bool DeliveryRun::note_broken_tls(const ClientSession& session, const dns::RouteHop& hop) {
  if (session.handshake_problem().empty()) return false;
  note(LogSeverity::kInfo, {},
       fmt::format("SSL_connect error to {}: {}", session.relay(), session.handshake_problem()));
  if (const auto& reporting = session.tls_plan().reporting) {
    count_failure(*reporting, &session, TlsResult::kValidationFailure, session.host(),
                  session.handshake_problem());
  }
  if (session.tls_plan().level != TlsLevel::kMay) return false;
  auto& memory = agent_.broken_tls_;
  std::erase_if(memory, [now = env_.reactor.now()](const auto& one) { return one.second <= now; });
  if (memory.size() < SmtpAgent::kBrokenTlsMax) {
    memory[fmt::format("{}:{}", hop.address.ip_text(), hop.address.port())] =
        env_.reactor.now() + SmtpAgent::kBrokenTlsMemory;
  }
  return !login_applies_ && some_may_go_in_clear();
}

/// Names a next hop and what its mail needs.
std::string DeliveryRun::promise_key() const { return nexthop_ + '\n' + session_key_; }

/// True if the servers of what is pending broke its promise lately: it waits without an attempt.
bool DeliveryRun::wait_for_promise() {
  const MonoTime now = env_.reactor.now();
  const BrokenPromises::Broken* broken =
      agent_.broken_promises_.find(promise_key(), now, lease_.revivals_count());
  if (broken == nullptr) return false;
  const schedule::SiteTrouble why{.dsn = broken->dsn, .text = broken->text};
  const auto rest = std::chrono::ceil<WallTime::duration>(broken->until - now);
  set_aside_others();
  suspend_pending(why, env_.reactor.wall_now() + rest, /*others_too=*/false);
  fail_pending(
      Outcome{
          .dsn = why.dsn, .text = "delivery temporarily suspended: " + why.text, .relay = "none"},
      /*some_failed=*/false);
  bring_back_next_servers();
  return true;
}

/// No server kept the promise that this mail needs: what else needs it waits a while. At level may
/// nothing was promised, and mail that has waited goes in clear.
void DeliveryRun::note_broken_promise(const Outcome& outcome) {
  if (!broke_promise_) return;
  const MonoTime now = env_.reactor.now();
  agent_.broken_promises_.note_failure(promise_key(),
                                       {.until = now + settings_->tls.backoff,
                                        .revival = lease_.revivals_count(),
                                        .dsn = outcome.dsn,
                                        .text = outcome.text},
                                       now);
}

/// What a finished handshake, or an offer that was not taken up, puts into log and counters.
void DeliveryRun::log_tls(ClientSession& session) {
  const ClientTls& tls = settings_->tls;
  if (const auto facts = session.take_tls_facts()) {
    env_.counters.add(facts->resumed ? Counter::kTlsResumedOut : Counter::kTlsSessionsOut);
    count_tls(session, *facts);
    if (tls.log_level == 0) return;
    std::string text = fmt::format("{} TLS connection established to {}", net::trust_word(*facts),
                                   session.relay());
    if (!facts->server_name.empty()) text += " to " + facts->server_name;
    note(LogSeverity::kInfo, {}, text + ": " + net::tls_summary(*facts));
    if (!facts->peer_problem.empty() && session.tls_plan().peer.proof != net::TlsProof::kNone) {
      note(LogSeverity::kInfo, {},
           fmt::format("certificate verification failed for {}: {}", session.relay(),
                       facts->peer_problem));
    }
    return;
  }
  if (tls.note_offer && session.machine().established() && !session.secured() &&
      session.tls_plan().level == TlsLevel::kNone &&
      session.machine().capabilities().has(Feature::kStartTls)) {
    note(LogSeverity::kInfo, {}, fmt::format("Host offered STARTTLS: [{}]", session.host()));
  }
}

}  // namespace barid::smtp
