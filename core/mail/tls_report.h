// What a report on TLS between mail servers holds: sessions counted by policy, what failed and how
// often; and the report as JSON.
// Source: RFC 8460 4.2 (what is counted), 4.3 (result types), 4.4 (the schema).
// Layer:  core/mail, pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"

namespace barid {

/// RFC 8460 4.3, in its order.
enum class TlsResult : uint8_t {
  kStartTlsNotSupported,
  kCertificateHostMismatch,
  kCertificateExpired,
  kCertificateNotTrusted,
  kValidationFailure,
  kTlsaInvalid,
  kDnssecInvalid,
  kDaneRequired,
  kStsPolicyFetchError,
  kStsPolicyInvalid,
  kStsWebpkiInvalid,
};
[[nodiscard]] std::string_view tls_result_name(TlsResult result) noexcept;
[[nodiscard]] std::optional<TlsResult> parse_tls_result(std::string_view name) noexcept;

enum class TlsPolicyType : uint8_t { kNone, kTlsa, kSts };
[[nodiscard]] std::string_view tls_policy_type_name(TlsPolicyType type) noexcept;
[[nodiscard]] std::optional<TlsPolicyType> parse_tls_policy_type(std::string_view name) noexcept;

/// What was asked of the receiver's servers.
struct TlsReportPolicy {
  TlsPolicyType type = TlsPolicyType::kNone;
  std::string domain;                 ///< that it is published for: a mail host for TLSA
  std::vector<std::string> strings;   ///< "mode: enforce"; "_25._tcp.mx.example. IN TLSA 3 1 1 …"
  std::vector<std::string> mx_hosts;  ///< the patterns of an MTA-STS policy
  bool operator==(const TlsReportPolicy&) const = default;
};

/// One way in which sessions failed.
struct TlsFailure {
  TlsResult result = TlsResult::kValidationFailure;
  std::string mx_host;       ///< empty = not known, like all below
  std::string receiving_ip;  ///< the server's address,
  std::string sending_ip;    ///< and ours
  std::string reason;        ///< in words
  [[nodiscard]] bool operator==(const TlsFailure&) const = default;
};

/// The sessions under one policy.
struct TlsPolicyCounts {
  TlsReportPolicy policy;
  uint64_t successes = 0;
  uint64_t failures = 0;
  std::vector<std::pair<TlsFailure, uint64_t>> details;  ///< with the number of sessions
};

struct TlsReport {
  std::string organization;
  std::string contact;
  std::string id;
  WallTime begin{};
  WallTime end{};  ///< the first moment that it does not cover
  std::vector<TlsPolicyCounts> policies;
};

/// "2026-11-25T00:00:00Z"
[[nodiscard]] std::string internet_time(WallTime time);
/// RFC 8460 4.4. Printable ASCII: bytes of strings that are not come out as '?'.
[[nodiscard]] std::string tls_report_json(const TlsReport& report);

}  // namespace barid
