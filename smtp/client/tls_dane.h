// What TLSA records mean for one mail server: which of them prove it, or what to do without.
// Source: RFC 7672 2.1 and 2.2 (when TLSA is asked for), 3.1 (usages 2 and 3), 8.1; RFC 6698 2.1.
// Layer:  smtp/client, pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/mail/tls_report.h"
#include "dns/resolver.h"
#include "shard/net/tls_client_context.h"
#include "smtp/client/tls_policy.h"

namespace barid::smtp {

/// How far DNSSEC vouches for the way to a server.
struct DaneFacts {
  bool mx_secure = false;    ///< the MX records, or there was no need of any
  bool host_secure = false;  ///< the server's addresses
};

/// smtp_tls_dane_insecure_mx_policy: a secure server's records under MX records that are not.
enum class InsecureMx : uint8_t { kMay, kEncrypt, kDane };

/// True if the server's TLSA records are to be asked for.
[[nodiscard]] bool wants_tlsa(TlsLevel level, const DaneFacts& facts, InsecureMx insecure) noexcept;

struct DaneDecision {
  TlsLevel level = TlsLevel::kMay;  ///< kMay, kEncrypt, or kDaneOnly: `records` must prove it
  std::vector<net::TlsaData> records;
  std::string base;     ///< the name whose records they are: the host, or where its CNAMEs lead
  std::string problem;  ///< not empty: no connection to this server (RFC 3463 4.7.5)
  TlsResult result = TlsResult::kDaneRequired;  ///< the problem, for reports
};

/// `answer`: to the TLSA query, or null if none was asked. `host` is named in problems.
[[nodiscard]] DaneDecision decide_dane(TlsLevel level, const DaneFacts& facts, InsecureMx insecure,
                                       const dns::Answer* answer, std::string_view host);

/// "_25._tcp.mx.example.com"
[[nodiscard]] std::string tlsa_name(std::string_view host, uint16_t port);

}  // namespace barid::smtp
