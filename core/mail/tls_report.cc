#include "core/mail/tls_report.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>

#include "core/text/utf8.h"

namespace barid {
namespace {

constexpr std::array<std::string_view, 11> kResults = {
    "starttls-not-supported", "certificate-host-mismatch",
    "certificate-expired",    "certificate-not-trusted",
    "validation-failure",     "tlsa-invalid",
    "dnssec-invalid",         "dane-required",
    "sts-policy-fetch-error", "sts-policy-invalid",
    "sts-webpki-invalid"};
constexpr std::array<std::string_view, 3> kTypes = {"no-policy-found", "tlsa", "sts"};

/// JSON text; commas come by themselves.
class JsonText {
 public:
  void open(char bracket) {
    separate();
    out_ += bracket;
    fresh_ = true;
  }
  void close(char bracket) {
    out_ += bracket;
    fresh_ = false;
  }
  void name(std::string_view text) {
    separate();
    quote(text);
    out_ += ':';
    fresh_ = true;
  }
  void string(std::string_view text) {
    separate();
    quote(text);
  }
  void member(std::string_view key, std::string_view value) {
    name(key);
    string(value);
  }
  void optional_member(std::string_view key, std::string_view value) {
    if (!value.empty()) member(key, value);
  }
  void member(std::string_view key, uint64_t value) {
    name(key);
    separate();
    out_ += fmt::to_string(value);
  }
  void member(std::string_view key, const std::vector<std::string>& values) {
    name(key);
    open('[');
    for (const std::string& value : values) string(value);
    close(']');
  }
  std::string take() && { return std::move(out_); }

 private:
  void separate() {
    if (!fresh_) out_ += ',';
    fresh_ = false;
  }
  void quote(std::string_view text) {
    std::string printable;
    text::append_printable_ascii(printable, text);
    out_ += '"';
    for (const char c : printable) {
      if (c == '"' || c == '\\') out_ += '\\';
      out_ += c;
    }
    out_ += '"';
  }

  std::string out_;
  bool fresh_ = true;
};

void put_failure(JsonText& json, const TlsFailure& failure, uint64_t count) {
  json.open('{');
  json.member("result-type", tls_result_name(failure.result));
  json.optional_member("sending-mta-ip", failure.sending_ip);
  json.optional_member("receiving-mx-hostname", failure.mx_host);
  json.optional_member("receiving-ip", failure.receiving_ip);
  json.member("failed-session-count", count);
  json.optional_member("failure-reason-code", failure.reason);
  json.close('}');
}

void put_policy(JsonText& json, const TlsPolicyCounts& counts) {
  json.open('{');
  json.name("policy");
  json.open('{');
  json.member("policy-type", tls_policy_type_name(counts.policy.type));
  if (counts.policy.type != TlsPolicyType::kNone) {
    json.member("policy-string", counts.policy.strings);
  }
  json.member("policy-domain", counts.policy.domain);
  if (!counts.policy.mx_hosts.empty()) json.member("mx-host", counts.policy.mx_hosts);
  json.close('}');
  json.name("summary");
  json.open('{');
  json.member("total-successful-session-count", counts.successes);
  json.member("total-failure-session-count", counts.failures);
  json.close('}');
  if (!counts.details.empty()) {
    json.name("failure-details");
    json.open('[');
    for (const auto& [failure, count] : counts.details) put_failure(json, failure, count);
    json.close(']');
  }
  json.close('}');
}

}  // namespace

std::string_view tls_result_name(TlsResult result) noexcept {
  return kResults[static_cast<size_t>(result)];
}

std::optional<TlsResult> parse_tls_result(std::string_view name) noexcept {
  for (size_t i = 0; i < kResults.size(); ++i) {
    if (kResults[i] == name) return static_cast<TlsResult>(i);
  }
  return std::nullopt;
}

std::string_view tls_policy_type_name(TlsPolicyType type) noexcept {
  return kTypes[static_cast<size_t>(type)];
}

std::optional<TlsPolicyType> parse_tls_policy_type(std::string_view name) noexcept {
  for (size_t i = 0; i < kTypes.size(); ++i) {
    if (kTypes[i] == name) return static_cast<TlsPolicyType>(i);
  }
  return std::nullopt;
}

std::string internet_time(WallTime time) {
  const auto seconds = static_cast<std::time_t>(unix_seconds(time));
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(seconds));
}

std::string tls_report_json(const TlsReport& report) {
  JsonText json;
  json.open('{');
  json.member("organization-name", report.organization);
  json.name("date-range");
  json.open('{');
  json.member("start-datetime", internet_time(report.begin));
  json.member("end-datetime", internet_time(report.end - std::chrono::seconds(1)));
  json.close('}');
  json.member("contact-info", report.contact);
  json.member("report-id", report.id);
  json.name("policies");
  json.open('[');
  for (const TlsPolicyCounts& counts : report.policies) put_policy(json, counts);
  json.close(']');
  json.close('}');
  return std::move(json).take();
}

}  // namespace barid
