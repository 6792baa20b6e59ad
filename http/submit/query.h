// What list calls read from a query: limit and page.
// Layer: http, pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/base/queue_id.h"
#include "http/message.h"

namespace barid::http {

[[nodiscard]] std::string key_of(QueueId id);

[[nodiscard]] ApiError bad_parameter(std::string_view name, std::string_view what);

struct PageQuery {
  uint32_t limit = 20;
  std::string after;   ///< key of an entry, empty = not given
  std::string before;  ///< the same
};
/// `limit` from 1 to `limit_max`, `after` or `before` as an id of what is listed (`noun`).
[[nodiscard]] std::optional<ApiError> read_page_query(const Target& target, uint32_t limit_max,
                                                      std::string_view noun, PageQuery* page);

}  // namespace barid::http
