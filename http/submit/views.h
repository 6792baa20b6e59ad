// Pieces of the JSON that GET calls answer with.
// Layer: http, pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"
#include "http/submit/json.h"

namespace barid::http {

/// ISO 8601 with milliseconds, UTC.
[[nodiscard]] std::string iso_time(WallTime time);

/// `,"name":` and that member of `record`, or null.
void append_json_member(std::string& out, const JsonValue& record, std::string_view name);
/// `,"name":` and the time; null for 0.
void append_json_time(std::string& out, std::string_view name, int64_t micros);

/// `{"object":"list","has_more":…,"data":[items]}` and a line feed.
[[nodiscard]] std::string json_list(const std::vector<std::string>& items, bool has_more);

}  // namespace barid::http
