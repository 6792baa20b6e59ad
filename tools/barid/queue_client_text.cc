// Queries to the admin API written, its answers read with Boost.JSON (compiled in
// queue_list_json.cc).
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <ctime>
#include <optional>

#include "core/text/ascii.h"
#include "core/text/utf8.h"

#include "tools/barid/queue_client.h"

namespace barid::tools {
namespace {

namespace json = boost::json;

constexpr text::CharSet kUnreserved = text::kAlnum | text::CharSet("-._~@:");

std::optional<json::value> parse(std::string_view text) {
  json::error_code error;
  json::value value = json::parse(json::string_view(text.data(), text.size()), error);
  if (error || !value.is_object()) return std::nullopt;
  return value;
}

void read_count(const json::object& object, std::string_view name, uint64_t* count) {
  const json::value* value = object.if_contains(json::string_view(name.data(), name.size()));
  const int64_t* number = value != nullptr ? value->if_int64() : nullptr;
  if (number != nullptr && *number >= 0) *count = static_cast<uint64_t>(*number);
}

std::string find_text(const json::object& object, const char* name) {
  const json::value* found = object.if_contains(name);
  if (found == nullptr || !found->is_string()) return {};
  return {found->as_string().data(), found->as_string().size()};
}

/// "2026-11-25 17:00:00", local.
std::string short_time(uint64_t unix_time) {
  const auto seconds = static_cast<std::time_t>(unix_time);
  std::tm parts{};
  localtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

void read_ids(const json::object& object, const char* name, std::vector<std::string>* ids) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_array()) return;
  for (const json::value& id : value->as_array()) {
    if (id.is_string()) ids->emplace_back(id.as_string().data(), id.as_string().size());
  }
}

/// How wide the names in a table of destinations are.
struct RowWidths {
  size_t nexthop = 32;
  size_t site = 24;
  bool is_short = false;
};

RowWidths row_widths(size_t columns) noexcept {
  constexpr size_t kOthers = 10 + 8 + 6 + 6 + 5;  // transport and numbers, with their blanks
  constexpr size_t kState = 11;                   // " dead 12:00"
  constexpr size_t kNameMin = 8;
  constexpr size_t kLongRow = kOthers + 32 + 24 + 32;
  if (columns == 0 || columns >= kLongRow) return {};
  const size_t left = columns > kOthers + kState ? columns - kOthers - kState : 0;
  return {.nexthop = std::max(kNameMin, left * 3 / 5),
          .site = std::max(kNameMin, left - left * 3 / 5),
          .is_short = true};
}

}  // namespace

std::string query_text(const QueryWords& words) {
  std::string out;
  const auto append = [&out](std::string_view text) {
    for (const char c : text) {
      if (kUnreserved.has(c)) {
        out += c;
      } else {
        out += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
      }
    }
  };
  for (const auto& [name, value] : words) {
    out += out.empty() ? '?' : '&';
    append(name);
    out += '=';
    append(value);
  }
  return out;
}

std::string error_message(std::string_view body) {
  const std::optional<json::value> value = parse(body);
  if (value) {
    const json::value* message = value->as_object().if_contains("message");
    if (message != nullptr && message->is_string()) {
      return {message->as_string().data(), message->as_string().size()};
    }
  }
  return std::string(body);
}

bool parse_action_line(std::string_view line, ActionResult* result) {
  const std::optional<json::value> value = parse(line);
  if (!value || !value->as_object().contains("examined")) return false;
  const json::object& object = value->as_object();
  read_count(object, "examined", &result->examined);
  read_count(object, "matched", &result->matched);
  read_count(object, "released", &result->released);
  read_count(object, "busy", &result->busy);
  if (const json::value* end = object.if_contains("result"); end != nullptr && end->is_string()) {
    result->result.assign(end->as_string().data(), end->as_string().size());
  }
  read_ids(object, "unknown", &result->unknown);
  read_ids(object, "changed", &result->changed);
  return true;
}

std::string suspension_row(std::string_view line) {
  const std::optional<json::value> value = parse(line);
  if (!value) return {};
  const json::object& object = value->as_object();
  uint64_t until = 0;
  read_count(object, "until", &until);
  std::string row = fmt::format("{:<40} {}", find_text(object, "name"),
                                until == 0 ? "until resumed" : "until " + short_time(until));
  const std::string reason = find_text(object, "reason");
  if (!reason.empty()) row += fmt::format(" ({})", reason);
  std::string printable;
  text::append_printable(printable, row);
  return printable + '\n';
}

std::string destination_head(size_t columns) {
  const RowWidths widths = row_widths(columns);
  return fmt::format("{:<10} {:<{}} {:<{}} {:>8} {:>6} {:>6}\n", "TRANSPORT", "NEXT HOP",
                     widths.nexthop, "SITE", widths.site, "WAITING", "IN USE", "WINDOW");
}

std::string destination_row(std::string_view line, size_t columns) {
  const std::optional<json::value> value = parse(line);
  if (!value) return {};
  const RowWidths widths = row_widths(columns);
  const json::object& object = value->as_object();
  const auto number = [&](const char* name) {
    uint64_t count = 0;
    read_count(object, name, &count);
    return count;
  };
  const auto name = [&](const char* member, size_t width) {
    std::string text = find_text(object, member);
    if (widths.is_short && text.size() > width) text = '+' + text.substr(text.size() - width + 1);
    return text;
  };
  std::string state;
  if (const uint64_t dead_until = number("dead_until"); dead_until > 0) {
    const std::string time = short_time(dead_until);
    state = widths.is_short ? fmt::format(" dead {}", time.substr(time.size() - 8, 5))
                            : fmt::format(" dead until {} ({})", time, find_text(object, "reason"));
  }
  if (const json::value* rate = object.if_contains("rate"); rate != nullptr && rate->is_number()) {
    state += fmt::format(" {}/s", rate->to_number<double>());
  }
  std::string printable;
  text::append_printable(
      printable,
      fmt::format("{:<10} {:<{}} {:<{}} {:>8} {:>6} {:>6}{}", find_text(object, "transport"),
                  name("nexthop", widths.nexthop), widths.nexthop, name("site", widths.site),
                  widths.site, number("waiting"), number("in_use"), number("window"), state));
  return printable + '\n';
}

}  // namespace barid::tools
