// Where a domain wants reports on TLS to go: the TXT record of _smtp._tls.DOMAIN.
// Source: RFC 8460 3 (record), 3.1 (examples), 5.3, 5.4 (mailto and https).
// Layer:  dns, pure.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace barid::dns {

/// As many as are sent to.
inline constexpr size_t kTlsReportTargetsMax = 4;

/// One place: a mail address or an https URL.
struct TlsReportTarget {
  bool is_mail = false;
  std::string place;  ///< "reports@example.com", "https://example.com/v1/tlsrpt"
  bool operator==(const TlsReportTarget&) const = default;
};

/// Empty unless exactly one of the TXT records is one of TLS-RPT, and names a place that can be
/// used.
[[nodiscard]] std::vector<TlsReportTarget> parse_tls_report_record(
    std::span<const std::string> texts);

/// One URI of the list, without blanks. False: neither mailto nor https, or not safe to use.
[[nodiscard]] bool parse_tls_report_target(std::string_view uri, TlsReportTarget* target);

}  // namespace barid::dns
