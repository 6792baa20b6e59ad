#include "dns/mta_sts.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "core/text/ascii.h"

namespace barid::dns {
namespace {

constexpr std::chrono::seconds kMaxAgeMax{31'557'600};  // RFC 8461 3.2: about a year

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

bool is_pattern(std::string_view name) noexcept {
  if (name.starts_with("*.")) name.remove_prefix(2);
  constexpr text::CharSet kNameChars = text::kAlnum | text::CharSet("-._");
  return !name.empty() && name.size() <= 255 && kNameChars.has_all(name);
}

struct PolicyReader {
  StsPolicy policy;
  bool has_version = false;
  bool has_mode = false;
  bool has_max_age = false;

  /// What is wrong with the field, if anything. Unknown fields are for later versions.
  std::string take_field(std::string_view key, std::string_view value) {
    if (key == "version") {
      if (value != "STSv1") return fmt::format("unknown version \"{}\"", value);
      has_version = true;
    } else if (key == "mode") {
      if (has_mode) return "two modes";
      has_mode = true;
      if (value == "enforce") {
        policy.mode = StsMode::kEnforce;
      } else if (value == "testing") {
        policy.mode = StsMode::kTesting;
      } else if (value != "none") {
        return fmt::format("unknown mode \"{}\"", value);
      }
    } else if (key == "max_age") {
      if (has_max_age) return "two values of max_age";
      has_max_age = true;
      uint32_t seconds = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
      if (error != std::errc() || end != value.data() + value.size() || value.size() > 10) {
        return fmt::format("bad max_age \"{}\"", value);
      }
      policy.max_age = std::min(std::chrono::seconds(seconds), kMaxAgeMax);
    } else if (key == "mx") {
      if (!is_pattern(value)) return fmt::format("bad mx \"{}\"", value);
      if (policy.mx.size() >= kStsPatternsMax) return "too many mx fields";
      policy.mx.emplace_back(value);
    }
    return {};
  }
};

}  // namespace

std::optional<std::string> parse_sts_record(std::span<const std::string> texts) {
  std::optional<std::string> id;
  size_t records = 0;
  for (const std::string& record : texts) {
    std::string_view rest = record;
    if (trimmed(take(rest, ';')) != "v=STSv1") continue;
    if (++records > 1) return std::nullopt;
    while (!rest.empty()) {
      const std::string_view field = trimmed(take(rest, ';'));
      if (!field.starts_with("id=")) continue;
      const std::string_view value = trimmed(field.substr(3));
      const bool valid = !value.empty() && value.size() <= 32 && text::kAlnum.has_all(value);
      if (!valid || id) return std::nullopt;
      id = std::string(value);
    }
  }
  return id;
}

ParsedStsPolicy parse_sts_policy(std::string_view text) {
  if (text.size() > kStsPolicyBytesMax) return {.error = "too long"};
  PolicyReader reader;
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    if (line.ends_with('\r')) line.remove_suffix(1);
    line = trimmed(line);
    if (line.empty()) continue;
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return {.error = "a line without a colon"};
    std::string error =
        reader.take_field(trimmed(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
    if (!error.empty()) return {.error = std::move(error)};
  }
  if (!reader.has_version) return {.error = "no version"};
  if (!reader.has_mode) return {.error = "no mode"};
  if (!reader.has_max_age) return {.error = "no max_age"};
  if (reader.policy.mode != StsMode::kNone && reader.policy.mx.empty()) return {.error = "no mx"};
  return {.policy = std::move(reader.policy)};
}

bool sts_allows(const StsPolicy& policy, std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  return std::any_of(policy.mx.begin(), policy.mx.end(), [host](std::string_view pattern) {
    if (!pattern.starts_with("*.")) return text::equals_ignore_case(pattern, host);
    const size_t dot = host.find('.');
    return dot != std::string_view::npos && dot > 0 &&
           text::equals_ignore_case(pattern.substr(1), host.substr(dot));
  });
}

}  // namespace barid::dns
