#include "http/submit/query.h"

#include <fmt/format.h>

#include <charconv>

#include "http/submit/email_id.h"

namespace barid::http {

std::string key_of(QueueId id) {
  const auto key = id.key();
  return {key.data(), key.size()};
}

ApiError bad_parameter(std::string_view name, std::string_view what) {
  return {.status = 422,
          .name = "validation_error",
          .message = fmt::format("Invalid `{}`: {}", name, what),
          .param = std::string(name)};
}

std::optional<ApiError> read_page_query(const Target& target, uint32_t limit_max,
                                        std::string_view noun, PageQuery* page) {
  if (const std::string* text = target.find_query("limit"); text != nullptr) {
    uint32_t limit = 0;
    const char* end = text->data() + text->size();
    const auto parsed = std::from_chars(text->data(), end, limit);
    if (parsed.ec != std::errc() || parsed.ptr != end || limit == 0 || limit > limit_max) {
      return bad_parameter("limit", fmt::format("must be a number from 1 to {}", limit_max));
    }
    page->limit = limit;
  }
  for (const std::string_view name : {"after", "before"}) {
    const std::string* text = target.find_query(name);
    if (text == nullptr || text->empty()) continue;
    std::optional<QueueId> id = parse_email_id(*text);
    if (!id) id = QueueId::parse(*text);
    if (!id) return bad_parameter(name, fmt::format("must be the id of {}", noun));
    (name == "after" ? page->after : page->before) = key_of(*id);
  }
  if (!page->after.empty() && !page->before.empty()) {
    return bad_parameter("before", "may not stand beside `after`");
  }
  return std::nullopt;
}

}  // namespace barid::http
