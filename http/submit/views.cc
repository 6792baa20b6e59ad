#include "http/submit/views.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace barid::http {

std::string iso_time(WallTime time) {
  const int64_t micros = unix_micros(time);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(static_cast<std::time_t>(unix_seconds(time))),
                     micros / 1000 % 1000);
}

void append_json_member(std::string& out, const JsonValue& record, std::string_view name) {
  fmt::format_to(std::back_inserter(out), ",\"{}\":", name);
  const JsonValue* member = record.find(name);
  if (member == nullptr) {
    out += "null";
  } else {
    append_json(out, *member);
  }
}

void append_json_time(std::string& out, std::string_view name, int64_t micros) {
  fmt::format_to(std::back_inserter(out), ",\"{}\":", name);
  if (micros == 0) {
    out += "null";
  } else {
    fmt::format_to(std::back_inserter(out), "\"{}\"", iso_time(wall_from_micros(micros)));
  }
}

std::string json_list(const std::vector<std::string>& items, bool has_more) {
  std::string out = fmt::format("{{\"object\":\"list\",\"has_more\":{},\"data\":[", has_more);
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out += ',';
    out += items[i];
  }
  out += "]}\n";
  return out;
}

}  // namespace barid::http
