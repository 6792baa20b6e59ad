// TLS sessions counted for the reports of RFC 8460: by the domain they were made for, its policy,
// and how they failed. One for the process, over all shards: it is told once a connection, hence a
// plain mutex. The file `tlsrpt` of the queue directory keeps it over a restart.
//
// File: a first line "barid tlsrpt 1", then lines of fields separated by tabs:
//   domain  NAME  begin  end  next  targets      times in microseconds since 1970; next = 0: open
//   policy  TYPE  DOMAIN  successes  failures  STRINGS  HOSTS      each list separated by '|'
//   failure RESULT  HOST  RECEIVING-IP  SENDING-IP  count  reason
// A policy belongs to the domain above it, a failure to the policy.
// Layer: smtp/client. Any thread.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"
#include "core/mail/tls_report.h"

namespace barid::smtp {

/// A domain's counts of a period that is over, to be reported.
struct DueTlsReport {
  std::string domain;
  WallTime begin{};
  WallTime end{};
  WallTime next{};                   ///< when it is to be tried
  std::vector<std::string> targets;  ///< URIs that are left; empty = not looked up yet
  std::vector<TlsPolicyCounts> policies;
};

class TlsReportCounts {
 public:
  static constexpr size_t kDomainsMax = 20'000;  ///< of a period; and as many that wait
  static constexpr size_t kPoliciesMax = 8;      ///< of a domain
  static constexpr size_t kDetailsMax = 50;      ///< of a policy; what is more counts as the last

  /// `interval`: what one report covers; periods begin at its multiples. Not enabled, nothing is
  /// counted.
  void set(bool enabled, Duration interval);
  [[nodiscard]] bool enabled() const noexcept { return enabled_.load(std::memory_order_relaxed); }

  void add_success(const std::string& domain, const TlsReportPolicy& policy, WallTime now);
  void add_failure(const std::string& domain, const TlsReportPolicy& policy, TlsFailure failure,
                   WallTime now);

  /// Ends the period if it is over: each domain's report is due at a moment of its own within
  /// `spread` after its end. How many sessions were not counted for want of room.
  uint64_t end_period(WallTime now, Duration spread);
  /// A report whose time has come, which stays until it is settled or postponed.
  [[nodiscard]] std::optional<DueTlsReport> find_due(WallTime now) const;
  void settle(const DueTlsReport& report);
  /// As it is now: `next` and `targets`.
  void postpone(const DueTlsReport& report);

  [[nodiscard]] std::string to_text() const;
  /// Replaces everything; false if the text is not of that form (what could be read counts).
  [[nodiscard]] bool from_text(std::string_view text);
  /// Whether something changed since the last call.
  [[nodiscard]] bool take_changed();

 private:
  TlsPolicyCounts* place_for(const std::string& domain, const TlsReportPolicy& policy,
                             WallTime now);

  std::atomic<bool> enabled_{false};
  mutable std::mutex mutex_;
  Duration interval_ = std::chrono::hours(24);
  WallTime begin_{};  // of the present period; epoch = nothing was counted yet
  WallTime end_{};
  std::map<std::string, std::vector<TlsPolicyCounts>> open_;
  std::vector<DueTlsReport> due_;
  uint64_t uncounted_ = 0;
  bool changed_ = false;
};

}  // namespace barid::smtp
