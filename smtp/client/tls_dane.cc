#include "smtp/client/tls_dane.h"

#include <fmt/format.h>

namespace barid::smtp {
namespace {

/// Usages 0 and 1 name public authorities, which mean nothing between mail servers (RFC 7672
/// 3.1.3); unknown selectors and digests are left out like them.
bool is_usable(const dns::TlsaRecord& record) noexcept {
  if (record.usage != 2 && record.usage != 3) return false;
  if (record.selector > 1) return false;
  switch (record.matching_type) {
    case 0:
      return !record.data.empty();
    case 1:
      return record.data.size() == 32;
    case 2:
      return record.data.size() == 64;
    default:
      return false;
  }
}

DaneDecision without_dane(TlsLevel level, std::string problem) {
  if (level == TlsLevel::kDane) return {.level = TlsLevel::kMay};
  return {.level = level, .problem = std::move(problem)};
}

}  // namespace

bool wants_tlsa(TlsLevel level, const DaneFacts& facts, InsecureMx insecure) noexcept {
  if (level != TlsLevel::kDane && level != TlsLevel::kDaneOnly) return false;
  if (!facts.host_secure) return false;
  return facts.mx_secure || (level == TlsLevel::kDane && insecure != InsecureMx::kMay);
}

DaneDecision decide_dane(TlsLevel level, const DaneFacts& facts, InsecureMx insecure,
                         const dns::Answer* answer, std::string_view host) {
  using dns::AnswerStatus;
  if (answer == nullptr) {
    return without_dane(level, fmt::format("non DNSSEC destination {}", host));
  }
  if (dns::is_temporary(answer->status) || answer->status == AnswerStatus::kMalformed) {
    // Who can make this answer fail could otherwise turn encryption off (RFC 7672 2.1.2).
    return {.level = level,
            .problem = fmt::format("TLSA lookup error for {}", host),
            .result = TlsResult::kDnssecInvalid};
  }
  if (answer->status != AnswerStatus::kOk || answer->validation != dns::Validation::kSecure) {
    return without_dane(level, fmt::format("no TLSA records found for {}", host));
  }
  DaneDecision decision{.level = TlsLevel::kEncrypt};
  for (const dns::TlsaRecord& record : answer->tlsa) {
    if (!is_usable(record)) continue;
    decision.records.push_back({.usage = record.usage,
                                .selector = record.selector,
                                .matching_type = record.matching_type,
                                .data = record.data});
  }
  if (decision.records.empty()) {
    // RFC 7672 2.2: somebody promises TLS there, but nothing says who it is.
    if (level == TlsLevel::kDaneOnly) {
      decision.problem = fmt::format("no usable TLSA records found for {}", host);
      decision.result = TlsResult::kTlsaInvalid;
    }
    return decision;
  }
  if (facts.mx_secure || insecure == InsecureMx::kDane) decision.level = TlsLevel::kDaneOnly;
  return decision;
}

std::string tlsa_name(std::string_view host, uint16_t port) {
  return fmt::format("_{}._tcp.{}", port, host);
}

}  // namespace barid::smtp
