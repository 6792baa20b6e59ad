#include "dns/name.h"

#include <idn2.h>

#include "core/text/ascii.h"

namespace barid::dns {
namespace {

constexpr text::CharSet kQueryChars = text::CharSet::range('!', '-') |
                                      text::CharSet::range('/', '[') |
                                      text::CharSet::range(']', '~');
constexpr text::CharSet kHostChars = text::kAlnum | text::CharSet("-_");

/// Every label is 1..63 characters and `label_ok`, the whole at most 253.
template <typename LabelTest>
bool labels_ok(std::string_view name, LabelTest label_ok) noexcept {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.empty() || name.size() > kNameCharsMax) return false;
  for (;;) {
    const size_t dot = name.find('.');
    const std::string_view label = name.substr(0, dot);
    if (label.empty() || label.size() > kLabelCharsMax || !label_ok(label)) return false;
    if (dot == std::string_view::npos) return true;
    name.remove_prefix(dot + 1);
  }
}

}  // namespace

std::string normalise_name(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  std::string result;
  result.reserve(name.size());
  text::append_lower(result, name);
  return result;
}

bool is_query_name(std::string_view name) noexcept {
  return labels_ok(name, [](std::string_view label) { return kQueryChars.has_all(label); });
}

bool is_host_name(std::string_view name) noexcept {
  bool all_digits = true;
  const bool labels = labels_ok(name, [&all_digits](std::string_view label) {
    if (!text::kDigits.has_all(label)) all_digits = false;
    return kHostChars.has_all(label) && label.front() != '-' && label.back() != '-';
  });
  return labels && !all_digits;
}

std::optional<std::string> name_to_ascii(std::string_view name) {
  if (text::is_ascii(name)) return std::string(name);
  if (name.find('\0') != std::string_view::npos) return std::nullopt;
  const std::string terminated(name);
  char* converted = nullptr;
  const int flags = IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL;
  if (idn2_to_ascii_8z(terminated.c_str(), &converted, flags) != IDN2_OK) return std::nullopt;
  std::string result(converted);
  idn2_free(converted);
  return result;
}

}  // namespace barid::dns
