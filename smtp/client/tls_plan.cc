#include "smtp/client/tls_plan.h"

#include <fmt/format.h>

#include "core/text/base64.h"

namespace barid::smtp {
namespace {

std::string server_name(const TlsPolicy& policy, const TlsTarget& target) {
  if (target.is_literal || policy.server_name.empty()) return {};
  if (policy.server_name == "hostname") return std::string(target.host);
  if (policy.server_name == "nexthop") return std::string(target.nexthop);
  return policy.server_name;
}

std::string cipher_list(const ClientTls& tls, const TlsPolicy& policy, bool mandatory) {
  const std::string& general = mandatory ? tls.mandatory_grade : tls.grade;
  const auto found = tls.ciphers.find(policy.cipher_grade.empty() ? general : policy.cipher_grade);
  std::string list = found == tls.ciphers.end() ? std::string() : found->second + tls.excluded;
  if (mandatory) list += tls.mandatory_excluded;
  std::string_view excluded = policy.excluded_ciphers;
  while (!excluded.empty() && !list.empty()) {
    const size_t length = std::min(excluded.find(':'), excluded.size());
    if (length > 0) list.append(":!").append(excluded.substr(0, length));
    excluded.remove_prefix(std::min(length + 1, excluded.size()));
  }
  return list;
}

}  // namespace

TlsPlan make_tls_plan(const ClientTls& tls, const TlsPolicy& policy, const TlsTarget& target,
                      const DaneDecision* dane) {
  TlsPlan plan{.level = policy.level, .key = policy.key()};
  if (dane != nullptr) plan.level = dane->level;
  if (plan.level == TlsLevel::kNone) return plan;
  plan.wrapper = tls.wrapper;
  plan.context = tls.context.get();
  const bool mandatory = is_mandatory(plan.level);
  net::TlsClientPeer& peer = plan.peer;
  peer.versions =
      policy.versions ? *policy.versions : (mandatory ? tls.mandatory_versions : tls.versions);
  peer.ciphers = cipher_list(tls, policy, mandatory);
  peer.lenient = !mandatory;
  peer.server_name = server_name(policy, target);
  switch (plan.level) {
    case TlsLevel::kVerify:
    case TlsLevel::kSecure:
      peer.proof = net::TlsProof::kAuthority;
      peer.names = wanted_names(policy, target.host, target.nexthop);
      peer.tlsa = policy.anchors;
      break;
    case TlsLevel::kFingerprint:
      peer.proof = net::TlsProof::kFingerprint;
      peer.fingerprints = policy.match;
      break;
    case TlsLevel::kDaneOnly:
      peer.proof = net::TlsProof::kDane;
      peer.server_name = target.host;  // RFC 7672 8.1: always sent
      if (target.mx_secure && target.nexthop != target.host)
        peer.names = {std::string(target.nexthop)};
      if (dane != nullptr) peer.tlsa = dane->records;
      break;
    default:
      break;
  }
  peer.session_key =
      fmt::format("{} {} {} {}", target.address, target.host, plan.key, tls_level_name(plan.level));
  for (const net::TlsaData& record : peer.tlsa) {
    peer.session_key +=
        fmt::format(" {}.{}.{}.", record.usage, record.selector, record.matching_type);
    peer.session_key += record.data;
  }
  return plan;
}

TlsPlan make_sts_plan(const ClientTls& tls, const TlsTarget& target, bool testing) {
  const TlsPolicy policy{
      .level = TlsLevel::kSecure, .match = {"hostname"}, .server_name = "hostname"};
  TlsPlan plan = make_tls_plan(tls, policy, target, nullptr);
  plan.context = tls.sts_context.get();
  plan.peer.session_key += " sts";
  plan.advisory = testing;
  if (testing) {
    plan.level = TlsLevel::kMay;
    plan.peer.lenient = true;
  }
  return plan;
}

TlsReportPolicy report_policy_of(const dns::StsPolicy& policy, std::string_view domain) {
  constexpr std::string_view kModes[] = {"none", "testing", "enforce"};
  TlsReportPolicy report{.type = TlsPolicyType::kSts, .domain = std::string(domain)};
  report.strings = {"version: STSv1",
                    fmt::format("mode: {}", kModes[static_cast<size_t>(policy.mode)])};
  for (const std::string& host : policy.mx) report.strings.push_back("mx: " + host);
  report.strings.push_back(fmt::format("max_age: {}", policy.max_age.count()));
  report.mx_hosts = policy.mx;
  return report;
}

TlsReportPolicy report_policy_of(const std::vector<net::TlsaData>& records, std::string_view host,
                                 std::string_view tlsa_name) {
  TlsReportPolicy report{.type = TlsPolicyType::kTlsa, .domain = std::string(host)};
  for (const net::TlsaData& record : records) {
    std::string text = fmt::format("{}. IN TLSA {} {} {} ", tlsa_name, record.usage,
                                   record.selector, record.matching_type);
    text::append_hex(text, record.data);
    report.strings.push_back(std::move(text));
  }
  return report;
}

}  // namespace barid::smtp
