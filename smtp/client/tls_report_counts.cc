#include "smtp/client/tls_report_counts.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "core/config/values.h"
#include "core/text/ascii.h"
#include "core/text/utf8.h"

namespace barid::smtp {
namespace {

constexpr std::string_view kFirstLine = "barid tlsrpt 1";
constexpr size_t kReasonBytesMax = 200;

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

/// A field of the file: no tabs, line ends, or separators of lists.
std::string plain(std::string_view text) {
  std::string out;
  text::append_printable_ascii(out, text.substr(0, kReasonBytesMax * 2));
  std::replace(out.begin(), out.end(), '|', '/');
  std::replace(out.begin(), out.end(), '\t', ' ');
  return out;
}

std::string joined(const std::vector<std::string>& list) {
  std::string out;
  for (const std::string& one : list) out += (out.empty() ? "" : "|") + plain(one);
  return out;
}

std::vector<std::string> parted(std::string_view text) {
  std::vector<std::string> list;
  if (text.empty()) return list;
  for (const std::string_view one : split(text, '|')) list.emplace_back(one);
  return list;
}

void put_policies(std::string& out, const std::vector<TlsPolicyCounts>& policies) {
  for (const TlsPolicyCounts& one : policies) {
    out += fmt::format("policy\t{}\t{}\t{}\t{}\t{}\t{}\n", tls_policy_type_name(one.policy.type),
                       plain(one.policy.domain), one.successes, one.failures,
                       joined(one.policy.strings), joined(one.policy.mx_hosts));
    for (const auto& [failure, count] : one.details) {
      out += fmt::format("failure\t{}\t{}\t{}\t{}\t{}\t{}\n", tls_result_name(failure.result),
                         plain(failure.mx_host), plain(failure.receiving_ip),
                         plain(failure.sending_ip), count, plain(failure.reason));
    }
  }
}

std::optional<uint64_t> number(std::string_view text) {
  const std::optional<int64_t> value = config::parse_int(text);
  if (!value || *value < 0) return std::nullopt;
  return static_cast<uint64_t>(*value);
}

bool read_policy(const std::vector<std::string_view>& fields, TlsPolicyCounts* counts) {
  if (fields.size() != 7) return false;
  const std::optional<TlsPolicyType> type = parse_tls_policy_type(fields[1]);
  const std::optional<uint64_t> successes = number(fields[3]);
  const std::optional<uint64_t> failures = number(fields[4]);
  if (!type || !successes || !failures) return false;
  counts->policy = {.type = *type,
                    .domain = std::string(fields[2]),
                    .strings = parted(fields[5]),
                    .mx_hosts = parted(fields[6])};
  counts->successes = *successes;
  counts->failures = *failures;
  return true;
}

bool read_failure(const std::vector<std::string_view>& fields, TlsPolicyCounts* counts) {
  if (fields.size() != 7 || counts->details.size() >= TlsReportCounts::kDetailsMax) return false;
  const std::optional<TlsResult> result = parse_tls_result(fields[1]);
  const std::optional<uint64_t> count = number(fields[5]);
  if (!result || !count) return false;
  counts->details.emplace_back(TlsFailure{.result = *result,
                                          .mx_host = std::string(fields[2]),
                                          .receiving_ip = std::string(fields[3]),
                                          .sending_ip = std::string(fields[4]),
                                          .reason = std::string(fields[6])},
                               *count);
  return true;
}

bool read_domain(const std::vector<std::string_view>& fields, DueTlsReport* report) {
  if (fields.size() != 6 || fields[1].empty()) return false;
  const std::optional<uint64_t> begin = number(fields[2]);
  const std::optional<uint64_t> end = number(fields[3]);
  const std::optional<uint64_t> next = number(fields[4]);
  if (!begin || !end || !next || *begin >= *end) return false;
  report->domain = fields[1];
  report->begin = wall_from_micros(static_cast<int64_t>(*begin));
  report->end = wall_from_micros(static_cast<int64_t>(*end));
  report->next = wall_from_micros(static_cast<int64_t>(*next));
  report->targets = parted(fields[5]);
  return true;
}

}  // namespace

void TlsReportCounts::set(bool enabled, Duration interval) {
  const std::lock_guard lock(mutex_);
  interval_ = interval;
  enabled_.store(enabled, std::memory_order_relaxed);
}

/// Null: there is no room.
TlsPolicyCounts* TlsReportCounts::place_for(const std::string& domain,
                                            const TlsReportPolicy& policy, WallTime now) {
  if (open_.empty()) {
    const int64_t step = std::chrono::duration_cast<std::chrono::microseconds>(interval_).count();
    begin_ = wall_from_micros(unix_micros(now) / step * step);
    end_ = wall_from_micros(unix_micros(begin_) + step);
  }
  changed_ = true;
  std::string key;
  text::append_lower(key, domain);
  auto found = open_.find(key);
  if (found == open_.end()) {
    if (open_.size() >= kDomainsMax) {
      ++uncounted_;
      return nullptr;
    }
    found = open_.emplace(std::move(key), std::vector<TlsPolicyCounts>()).first;
  }
  std::vector<TlsPolicyCounts>& policies = found->second;
  const auto known = std::find_if(policies.begin(), policies.end(),
                                  [&](const auto& one) { return one.policy == policy; });
  if (known != policies.end()) return &*known;
  if (policies.size() >= kPoliciesMax) {
    ++uncounted_;
    return nullptr;
  }
  policies.push_back({.policy = policy});
  return &policies.back();
}

void TlsReportCounts::add_success(const std::string& domain, const TlsReportPolicy& policy,
                                  WallTime now) {
  if (!enabled()) return;
  const std::lock_guard lock(mutex_);
  if (TlsPolicyCounts* counts = place_for(domain, policy, now)) ++counts->successes;
}

void TlsReportCounts::add_failure(const std::string& domain, const TlsReportPolicy& policy,
                                  TlsFailure failure, WallTime now) {
  if (!enabled()) return;
  failure.reason = plain(std::string_view(failure.reason).substr(0, kReasonBytesMax));
  const std::lock_guard lock(mutex_);
  TlsPolicyCounts* counts = place_for(domain, policy, now);
  if (counts == nullptr) return;
  ++counts->failures;
  auto& details = counts->details;
  const auto known = std::find_if(details.begin(), details.end(),
                                  [&](const auto& one) { return one.first == failure; });
  if (known != details.end()) {
    ++known->second;
  } else if (details.size() < kDetailsMax - 1) {
    details.emplace_back(std::move(failure), 1);
  } else if (details.size() == kDetailsMax - 1) {
    details.emplace_back(
        TlsFailure{.result = TlsResult::kValidationFailure, .reason = "others, not told apart"}, 1);
  } else {
    ++details.back().second;
  }
}

uint64_t TlsReportCounts::end_period(WallTime now, Duration spread) {
  const std::lock_guard lock(mutex_);
  if (open_.empty() || now < end_) return 0;
  for (auto& [domain, policies] : open_) {
    if (due_.size() >= kDomainsMax) {
      ++uncounted_;
      continue;
    }
    // Always the same moment for a domain, and another one for each: no crowd at midnight.
    const auto share = static_cast<double>(std::hash<std::string>()(domain) % 1000) / 1000;
    const auto wait = std::chrono::duration_cast<std::chrono::microseconds>(spread * share);
    due_.push_back({.domain = domain,
                    .begin = begin_,
                    .end = end_,
                    .next = end_ + wait,
                    .targets = {},
                    .policies = std::move(policies)});
  }
  open_.clear();
  changed_ = true;
  return std::exchange(uncounted_, 0);
}

std::optional<DueTlsReport> TlsReportCounts::find_due(WallTime now) const {
  const std::lock_guard lock(mutex_);
  const auto found =
      std::find_if(due_.begin(), due_.end(), [now](const auto& one) { return one.next <= now; });
  if (found == due_.end()) return std::nullopt;
  return *found;
}

void TlsReportCounts::settle(const DueTlsReport& report) {
  const std::lock_guard lock(mutex_);
  std::erase_if(due_, [&report](const auto& one) {
    return one.domain == report.domain && one.begin == report.begin;
  });
  changed_ = true;
}

void TlsReportCounts::postpone(const DueTlsReport& report) {
  const std::lock_guard lock(mutex_);
  for (DueTlsReport& one : due_) {
    if (one.domain != report.domain || one.begin != report.begin) continue;
    one.next = report.next;
    one.targets = report.targets;
  }
  changed_ = true;
}

std::string TlsReportCounts::to_text() const {
  const std::lock_guard lock(mutex_);
  std::string text = fmt::format("{}\n", kFirstLine);
  const auto put = [&text](std::string_view domain, WallTime begin, WallTime end, WallTime next,
                           const std::vector<std::string>& targets,
                           const std::vector<TlsPolicyCounts>& policies) {
    text += fmt::format("domain\t{}\t{}\t{}\t{}\t{}\n", plain(domain), unix_micros(begin),
                        unix_micros(end), unix_micros(next), joined(targets));
    put_policies(text, policies);
  };
  for (const auto& [domain, policies] : open_) put(domain, begin_, end_, {}, {}, policies);
  for (const DueTlsReport& one : due_) {
    put(one.domain, one.begin, one.end, one.next, one.targets, one.policies);
  }
  return text;
}

bool TlsReportCounts::from_text(std::string_view text) {
  const std::lock_guard lock(mutex_);
  open_.clear();
  due_.clear();
  changed_ = false;
  const std::vector<std::string_view> lines = split(text, '\n');
  if (lines.front() != kFirstLine || !lines.back().empty()) return false;
  std::vector<TlsPolicyCounts>* policies = nullptr;
  for (size_t i = 1; i + 1 < lines.size(); ++i) {
    const std::vector<std::string_view> fields = split(lines[i], '\t');
    if (fields[0] == "domain") {
      DueTlsReport report;
      if (open_.size() >= kDomainsMax || due_.size() >= kDomainsMax) return false;
      if (!read_domain(fields, &report)) return false;
      if (report.next == WallTime{}) {
        if (!open_.empty() && (report.begin != begin_ || report.end != end_)) return false;
        begin_ = report.begin;
        end_ = report.end;
        policies = &open_[report.domain];
      } else {
        due_.push_back(std::move(report));
        policies = &due_.back().policies;
      }
    } else if (fields[0] == "policy" && policies != nullptr && policies->size() < kPoliciesMax) {
      TlsPolicyCounts counts;
      if (!read_policy(fields, &counts)) return false;
      policies->push_back(std::move(counts));
    } else if (fields[0] == "failure" && policies != nullptr && !policies->empty()) {
      if (!read_failure(fields, &policies->back())) return false;
    } else {
      return false;
    }
  }
  return true;
}

bool TlsReportCounts::take_changed() {
  const std::lock_guard lock(mutex_);
  return std::exchange(changed_, false);
}

}  // namespace barid::smtp
