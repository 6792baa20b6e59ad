// DeliveryRun: what its connections add to the reports on TLS.
// Source: RFC 8460 4.3.
#include "smtp/client/delivery_run.h"

namespace barid::smtp {
namespace {

constexpr DsnCode kTlsNotOffered{4, 7, 4};

TlsResult result_of(net::TlsFlaw flaw) noexcept {
  switch (flaw) {
    case net::TlsFlaw::kExpired:
      return TlsResult::kCertificateExpired;
    case net::TlsFlaw::kWrongName:
      return TlsResult::kCertificateHostMismatch;
    case net::TlsFlaw::kUntrusted:
      return TlsResult::kCertificateNotTrusted;
    case net::TlsFlaw::kNone:
      break;
  }
  return TlsResult::kValidationFailure;
}

}  // namespace

/// Of a domain's own mail hosts, and under policies that it had a hand in: what an operator here
/// demands of a server besides is nobody else's fault.
bool DeliveryRun::is_counted(const dns::Destination& destination, TlsLevel level) const noexcept {
  const bool usual = level == TlsLevel::kMay || level == TlsLevel::kEncrypt ||
                     level == TlsLevel::kDane || level == TlsLevel::kDaneOnly;
  return settings_->tls.report && env_.tls_reports != nullptr && usual &&
         destination.kind == dns::DestinationKind::kDomain;
}

TlsReporting DeliveryRun::reporting_of(const dns::Destination& destination,
                                       const dns::RouteHop& hop) {
  TlsReporting reporting{.domain = destination.name,
                         .policy = {.domain = destination.name, .strings = {}, .mx_hosts = {}},
                         .receiving_ip = {}};
  if (hop.address.is_ip()) reporting.receiving_ip = hop.address.ip_text();
  return reporting;
}

void DeliveryRun::count_failure(const TlsReporting& reporting, const ClientSession* session,
                                TlsResult result, std::string_view host, std::string_view reason) {
  TlsFailure failure{.result = result,
                     .mx_host = std::string(host),
                     .receiving_ip = reporting.receiving_ip,
                     .sending_ip = {},
                     .reason = std::string(reason)};
  if (session != nullptr) failure.sending_ip = session->local_ip();
  env_.tls_reports->add_failure(reporting.domain, reporting.policy, std::move(failure),
                                env_.reactor.wall_now());
}

/// A handshake that went through.
void DeliveryRun::count_tls(const ClientSession& session, const net::TlsFacts& facts) {
  const TlsPlan& plan = session.tls_plan();
  if (!plan.reporting || (facts.resumed && !settings_->tls.report_resumed)) return;
  if (plan.peer.proof == net::TlsProof::kNone || facts.peer_verified()) {
    env_.tls_reports->add_success(plan.reporting->domain, plan.reporting->policy,
                                  env_.reactor.wall_now());
    return;
  }
  count_failure(*plan.reporting, &session, result_of(facts.peer_flaw), session.host(),
                facts.peer_problem);
}

/// The server of a session that was not secured: it had no TLS to offer, or would not begin.
void DeliveryRun::count_missing_tls(const ClientSession& session) {
  const TlsPlan& plan = session.tls_plan();
  if (!plan.reporting || session.secured() || !session.handshake_problem().empty()) return;
  const ClientMachine& machine = session.machine();
  if (!machine.established() && machine.failure_dsn() != kTlsNotOffered) return;
  if (machine.capabilities().has(Feature::kStartTls)) {
    count_failure(*plan.reporting, &session, TlsResult::kValidationFailure, session.host(),
                  "STARTTLS was offered and refused");
    return;
  }
  count_failure(*plan.reporting, &session, TlsResult::kStartTlsNotSupported, session.host(), {});
}

}  // namespace barid::smtp
