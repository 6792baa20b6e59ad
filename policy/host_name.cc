#include "policy/host_name.h"

#include "core/lookup/ip_address.h"
#include "core/text/ascii.h"

namespace barid::policy {

bool is_host_name(std::string_view name) noexcept {
  constexpr text::CharSet kLabelChars = text::kAlnum | text::CharSet("-_");
  constexpr text::CharSet kNumberChars = text::kDigits | text::CharSet(".");
  if (name.empty() || name.size() > 255 || kNumberChars.has_all(name)) return false;
  for (;;) {
    const size_t dot = name.find('.');
    const std::string_view label = name.substr(0, dot);
    if (label.empty() || label.size() > 63 || !kLabelChars.has_all(label)) return false;
    if (label.front() == '-' || label.back() == '-') return false;
    if (dot == std::string_view::npos) return true;
    name.remove_prefix(dot + 1);
  }
}

bool is_address_literal(std::string_view text) noexcept {
  constexpr std::string_view kTag = "IPv6:";
  if (text.size() < 3 || text.front() != '[' || text.back() != ']') return false;
  std::string_view inner = text.substr(1, text.size() - 2);
  const bool tagged = text::starts_with_ignore_case(inner, kTag);
  if (tagged) inner.remove_prefix(kTag.size());
  const bool v6 = inner.find(':') != std::string_view::npos;
  return v6 == tagged && lookup::IpAddress::parse(inner).has_value();
}

}  // namespace barid::policy
