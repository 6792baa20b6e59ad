// The TLS of transports and of single connections.
// Layer: smtp/client.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "core/mail/tls_report.h"
#include "dns/mta_sts.h"
#include "shard/net/tls_client_context.h"
#include "smtp/client/tls_dane.h"
#include "smtp/client/tls_policy.h"

namespace barid::smtp {

/// smtp_tls_* of a transport.
struct ClientTls {
  TlsPolicyRules rules;
  std::unique_ptr<const net::TlsClientContext> context;  ///< null: there is no TLS to be had
  net::TlsVersions versions;                             ///< smtp_tls_protocols
  net::TlsVersions mandatory_versions;                   ///< smtp_tls_mandatory_protocols
  std::string grade = "medium";                          ///< smtp_tls_ciphers
  std::string mandatory_grade = "medium";
  std::map<std::string, std::string, std::less<>> ciphers;  ///< what each grade means
  std::string excluded;                                     ///< ":!X:!Y", always,
  std::string mandatory_excluded;                           ///< and where TLS is mandatory, too
  bool mta_sts = false;  ///< smtp_mta_sts_enable, where DNS is asked at all
  std::unique_ptr<const net::TlsClientContext> sts_context;  ///< with mta_sts_CAfile
  InsecureMx insecure_mx = InsecureMx::kDane;
  bool wrapper = false;                          ///< smtp_tls_wrappermode
  bool note_offer = false;                       ///< smtp_tls_note_starttls_offer
  uint32_t log_level = 0;                        ///< smtp_tls_loglevel
  bool report = false;                           ///< smtp_tlsrpt_enable
  bool report_resumed = false;                   ///< smtp_tlsrpt_skip_reused_handshakes = no
  Duration timeout = std::chrono::seconds(300);  ///< smtp_starttls_timeout
  /// minimal_backoff_time: mail that has waited so long may go in clear (level may); mail whose
  /// promise was broken is not tried for so long.
  Duration backoff = std::chrono::seconds(300);
  std::vector<std::string> files;  ///< what the context was made of
};

/// Whose report a connection counts for (RFC 8460), and under which policy.
struct TlsReporting {
  std::string domain;
  TlsReportPolicy policy;
  std::string receiving_ip;
};

/// What one connection does about TLS.
struct TlsPlan {
  TlsLevel level = TlsLevel::kNone;  ///< kNone, kMay, or kEncrypt and above: mandatory
  bool fallback = false;             ///< kNone because a handshake of level kMay failed
  bool wrapper = false;
  bool advisory = false;  ///< MTA-STS in testing: what is not proven is told, and borne
  const net::TlsClientContext* context = nullptr;  ///< of the settings; null at kNone
  net::TlsClientPeer peer;
  std::string key;  ///< of the policy: mail of equal keys may use the connection
  std::optional<TlsReporting> reporting;  ///< none: it is not counted
};

/// The server that a plan is for.
struct TlsTarget {
  std::string_view host;     ///< as MX or configuration name it
  std::string_view nexthop;  ///< the domain, or the host where no MX is looked up
  std::string_view address;  ///< with port: what tells sessions to be resumed apart
  bool is_literal = false;   ///< the host is an address: no name to send
  bool mx_secure = false;
};

/// Fills in what a connection under `policy` must do and prove; `dane` only for the levels that ask
/// DNS. Pure.
[[nodiscard]] TlsPlan make_tls_plan(const ClientTls& tls, const TlsPolicy& policy,
                                    const TlsTarget& target, const DaneDecision* dane);
/// The same where an MTA-STS policy of mode enforce or testing holds (RFC 8461 4): the host's own
/// name, by an authority.
[[nodiscard]] TlsPlan make_sts_plan(const ClientTls& tls, const TlsTarget& target, bool testing);

/// The policies as a report names them. `tlsa_name`: "_25._tcp.mx.example.com".
[[nodiscard]] TlsReportPolicy report_policy_of(const dns::StsPolicy& policy,
                                               std::string_view domain);
[[nodiscard]] TlsReportPolicy report_policy_of(const std::vector<net::TlsaData>& records,
                                               std::string_view host, std::string_view tlsa_name);

}  // namespace barid::smtp
