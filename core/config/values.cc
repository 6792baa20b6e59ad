#include "core/config/values.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "core/lookup/ip_address.h"
#include "core/lookup/split.h"

namespace barid::config {
namespace {

constexpr int64_t seconds_of_unit(char unit) noexcept {
  switch (unit) {
    case 's':
      return 1;
    case 'm':
      return 60;
    case 'h':
      return 3600;
    case 'd':
      return 86400;
    case 'w':
      return 7 * 86400;
    default:
      return 0;
  }
}

using Level = std::array<uint32_t, 3>;

std::optional<Level> parse_level(std::string_view text) noexcept {
  Level level{};
  for (size_t part = 0; part < level.size(); ++part) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), level[part]);
    if (error != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    if (text.empty()) return level;
    if (text.front() != '.') return std::nullopt;
    text.remove_prefix(1);
  }
  return std::nullopt;
}

bool is_port(std::string_view text) noexcept {
  const std::optional<int64_t> port = parse_int(text);
  return port && *port >= 1 && *port <= 65535;
}

/// address or address@port, brackets around an IPv6 address allowed.
bool is_endpoint(std::string_view item) noexcept {
  const size_t at = item.find('@');
  std::string_view address = item.substr(0, at);
  if (address.size() > 2 && address.front() == '[' && address.back() == ']') {
    address = address.substr(1, address.size() - 2);
  }
  if (at != std::string_view::npos && !is_port(item.substr(at + 1))) return false;
  return lookup::IpAddress::parse(address).has_value();
}

std::string range_error(const Parameter& parameter, std::string_view name, int64_t value) {
  if (parameter.check != Check::kRange) return {};
  if (value < parameter.minimum) {
    return fmt::format("invalid {} parameter value {} < {}", name, value, parameter.minimum);
  }
  if (value > parameter.maximum) {
    return fmt::format("invalid {} parameter value {} > {}", name, value, parameter.maximum);
  }
  return {};
}

std::string choice_error(const Parameter& parameter, std::string_view name,
                         std::string_view value) {
  const std::vector<std::string_view> choices = split_choices(parameter.choices);
  const auto is_choice = [&](std::string_view item) {
    return std::any_of(choices.begin(), choices.end(), [&](std::string_view choice) {
      return lookup::equals_ignore_case(choice, item);
    });
  };
  std::vector<std::string_view> items = {value};
  if (parameter.check != Check::kOneOf) items = lookup::split_list(value);
  if (items.empty() && parameter.check == Check::kSomeOf) items = {value};
  for (const std::string_view item : items) {
    if (is_choice(item)) continue;
    return fmt::format("invalid {} parameter value \"{}\": need {}", name, item,
                       describe_check(parameter));
  }
  return {};
}

std::string endpoints_error(std::string_view name, std::string_view value) {
  const std::vector<std::string_view> items = lookup::split_list(value);
  if (items.size() == 1 && items.front() == "recursive") return {};
  for (const std::string_view item : items) {
    if (is_endpoint(item)) continue;
    return fmt::format("invalid {} parameter value \"{}\": need address@port", name, item);
  }
  return {};
}

/// Labels of letters, digits, "-" and "_" (which hosts have, whatever the RFCs say); UTF-8 too.
bool is_host_name(std::string_view name) noexcept {
  constexpr size_t kNameBytesMax = 255;
  constexpr size_t kLabelBytesMax = 63;
  if (name.empty() || name.size() > kNameBytesMax) return false;
  while (!name.empty()) {
    const size_t dot = std::min(name.find('.'), name.size());
    const std::string_view label = name.substr(0, dot);
    const bool good = std::all_of(label.begin(), label.end(), [](char c) {
      const auto byte = static_cast<unsigned char>(c);
      return byte >= 0x80 || c == '-' || c == '_' || lookup::is_digit(c) ||
             (lookup::to_lower(c) >= 'a' && lookup::to_lower(c) <= 'z');
    });
    if (!good || label.empty() || label.size() > kLabelBytesMax) return false;
    if (label.front() == '-' || label.back() == '-') return false;
    if (dot + 1 == name.size()) return false;  // a dot at the end
    name.remove_prefix(std::min(dot + 1, name.size()));
  }
  return true;
}

std::string host_name_error(const Parameter& parameter, std::string_view name,
                            std::string_view value) {
  const bool literal = parameter.check == Check::kHeloName && value.size() > 2 &&
                       value.front() == '[' && value.back() == ']';
  std::string_view address = literal ? value.substr(1, value.size() - 2) : value;
  if (address.starts_with("IPv6:")) address.remove_prefix(5);
  if (literal ? lookup::IpAddress::parse(address).has_value() : is_host_name(value)) return {};
  return fmt::format("bad parameter value: {} = {}; need a host name such as mx.example.org", name,
                     value);
}

std::string string_error(const Parameter& parameter, std::string_view name,
                         std::string_view value) {
  switch (parameter.check) {
    case Check::kNone:
    case Check::kRange:
      return {};
    case Check::kRequired:
      if (!value.empty()) return {};
      return fmt::format("bad string length 0 < 1: {} = {}; it must not be empty", name, value);
    case Check::kHostName:
    case Check::kHeloName:
      return host_name_error(parameter, name, value);
    case Check::kOneOf:
    case Check::kAnyOf:
    case Check::kSomeOf:
      return choice_error(parameter, name, value);
    case Check::kEndpoints:
      return endpoints_error(name, value);
  }
  return {};
}

}  // namespace

std::optional<bool> parse_bool(std::string_view text) noexcept {
  if (lookup::equals_ignore_case(text, "yes")) return true;
  if (lookup::equals_ignore_case(text, "no")) return false;
  return std::nullopt;
}

std::optional<int64_t> parse_int(std::string_view text) noexcept {
  int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stopped != end) return std::nullopt;
  return value;
}

std::optional<std::chrono::seconds> parse_time(std::string_view text, char default_unit) noexcept {
  if (text.empty()) return std::nullopt;
  char unit = default_unit;
  if (!lookup::is_digit(text.back())) {
    unit = lookup::to_lower(text.back());
    text.remove_suffix(1);
  }
  const int64_t factor = seconds_of_unit(unit);
  const std::optional<int64_t> count = parse_int(text);
  if (factor == 0 || !count || *count < 0) return std::nullopt;
  if (*count > std::numeric_limits<int32_t>::max() / factor) return std::nullopt;
  return std::chrono::seconds(*count * factor);
}

char time_unit_of(std::string_view expanded_default) noexcept {
  const char last = expanded_default.empty() ? 's' : lookup::to_lower(expanded_default.back());
  return seconds_of_unit(last) != 0 ? last : 's';
}

std::string value_error(const Parameter& parameter, std::string_view name, std::string_view value,
                        char time_unit) {
  const auto bad_time = [&](std::string_view text) {
    return fmt::format(
        "parameter {}: bad time value or unit: {}; need a number and s, m, h, d or w, such as 5{}",
        name, text, time_unit);
  };
  switch (parameter.type) {
    case ValueType::kString:
    case ValueType::kRaw:
      return string_error(parameter, name, value);
    case ValueType::kBool:
      if (parse_bool(value)) return {};
      return fmt::format("bad boolean configuration: {} = {}; need yes or no", name, value);
    case ValueType::kInt: {
      const std::optional<int64_t> number = parse_int(value);
      if (!number) {
        return fmt::format("bad numerical configuration: {} = {}; need a whole number", name,
                           value);
      }
      return range_error(parameter, name, *number);
    }
    case ValueType::kTime: {
      const auto seconds = parse_time(value, time_unit);
      if (!seconds) return bad_time(value);
      return range_error(parameter, name, seconds->count());
    }
    case ValueType::kTimeList:
      for (const std::string_view item : lookup::split_list(value)) {
        const auto seconds = parse_time(item, time_unit);
        if (!seconds) return bad_time(item);
        if (seconds->count() == 0) {
          return fmt::format("invalid {} parameter value {} < 1", name, item);
        }
      }
      return {};
  }
  return {};
}

std::optional<int> compare_levels(std::string_view a, std::string_view b) noexcept {
  const std::optional<Level> left = parse_level(a);
  const std::optional<Level> right = parse_level(b);
  if (!left || !right) return std::nullopt;
  if (*left == *right) return 0;
  return *left < *right ? -1 : 1;
}

}  // namespace barid::config
