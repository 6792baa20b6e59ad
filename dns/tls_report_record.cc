#include "dns/tls_report_record.h"

#include <algorithm>
#include <optional>

#include "core/text/ascii.h"

namespace barid::dns {
namespace {

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && text::is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && text::is_blank(text.back())) text.remove_suffix(1);
  return text;
}

/// Takes what stands before the next `separator` off `text`.
std::string_view take(std::string_view& text, char separator) noexcept {
  const size_t length = std::min(text.find(separator), text.size());
  const std::string_view taken = text.substr(0, length);
  text.remove_prefix(std::min(length + 1, text.size()));
  return taken;
}

/// "%2C" and the like (RFC 3986 2.1); nullopt where a percent sign begins nothing.
std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    int value = 0;
    for (const char c : text.substr(i + 1, 2)) {
      const char lower = text::to_lower(c);
      const bool digit = lower >= '0' && lower <= '9';
      if (!digit && (lower < 'a' || lower > 'f')) return std::nullopt;
      value = value * 16 + (digit ? lower - '0' : lower - 'a' + 10);
    }
    out += static_cast<char>(value);
    i += 2;
  }
  return out;
}

/// An address as it may stand in an envelope without quotes.
bool is_plain_address(std::string_view address) noexcept {
  constexpr text::CharSet kLocal = text::kAlnum | text::CharSet("!#$%&'*+-/=?^_`{|}~.");
  constexpr text::CharSet kDomain = text::kAlnum | text::CharSet("-._");
  const size_t at = address.rfind('@');
  if (at == std::string_view::npos || at == 0 || address.size() > 254) return false;
  const std::string_view local = address.substr(0, at);
  const std::string_view domain = address.substr(at + 1);
  return !domain.empty() && local.size() <= 64 && kLocal.has_all(local) &&
         kDomain.has_all(domain) && local.front() != '.' && local.back() != '.' &&
         local.find("..") == std::string_view::npos && domain.front() != '.';
}

bool has_prefix(std::string_view text, std::string_view prefix) noexcept {
  return text.size() >= prefix.size() &&
         text::equals_ignore_case(text.substr(0, prefix.size()), prefix);
}

}  // namespace

bool parse_tls_report_target(std::string_view uri, TlsReportTarget* target) {
  constexpr text::CharSet kUri = text::kAlnum | text::CharSet("-._~:/?#[]@!$&'()*+,;=%");
  if (uri.size() > 512 || !kUri.has_all(uri)) return false;
  if (has_prefix(uri, "mailto:")) {
    uri.remove_prefix(7);
    uri = uri.substr(0, uri.find('?'));  // its header fields are not ours to write
    const std::optional<std::string> address = percent_decoded(uri);
    if (!address || !is_plain_address(*address)) return false;
    *target = {.is_mail = true, .place = *address};
    return true;
  }
  if (!has_prefix(uri, "https://") || uri.size() == 8 || uri.find('#') != std::string_view::npos) {
    return false;
  }
  const std::string_view authority = uri.substr(8, uri.find_first_of("/?", 8) - 8);
  constexpr text::CharSet kHost = text::kAlnum | text::CharSet("-._:");
  if (authority.empty() || !kHost.has_all(authority)) return false;  // no users, no literals
  *target = {.is_mail = false, .place = std::string(uri)};
  return true;
}

std::vector<TlsReportTarget> parse_tls_report_record(std::span<const std::string> texts) {
  std::vector<TlsReportTarget> targets;
  size_t records = 0;
  for (const std::string& record : texts) {
    std::string_view rest = record;
    if (trimmed(take(rest, ';')) != "v=TLSRPTv1") continue;
    if (++records > 1) return {};
    while (!rest.empty()) {
      std::string_view field = trimmed(take(rest, ';'));
      if (!field.starts_with("rua=")) continue;
      field.remove_prefix(4);
      while (!field.empty() && targets.size() < kTlsReportTargetsMax) {
        TlsReportTarget target;
        if (parse_tls_report_target(trimmed(take(field, ',')), &target)) {
          targets.push_back(std::move(target));
        }
      }
    }
  }
  return targets;
}

}  // namespace barid::dns
