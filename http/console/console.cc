#include "http/console/console.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/text/ascii.h"

namespace barid::http {
namespace {

/// Nothing from elsewhere, nothing inline, no text that becomes markup, in no frame of others. A
/// frame shows the HTML of mail, which has a stricter policy of its own.
constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'";

/// The items of a comma-separated list, without blanks around them.
template <typename Visit>
void for_each_item(std::string_view list, const Visit& visit) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    visit(text::trim(list.substr(0, comma)));
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  }
}

/// RFC 9110 12.5.3: named, and not with a weight of zero.
bool takes_gzip(const Request& request) {
  bool takes = false;
  for_each_item(request.field("accept-encoding"), [&takes](std::string_view item) {
    const std::string_view coding = text::trim(item.substr(0, item.find(';')));
    if (!text::equals_ignore_case(coding, "gzip")) return;
    const size_t weight = item.find("q=");
    takes = weight == std::string_view::npos ||
            item.find_first_of("123456789", weight) != std::string_view::npos;
  });
  return takes;
}

/// RFC 9110 13.1.2: compared weakly; "*" is any.
bool has_already(const Request& request, std::string_view tag) {
  bool has = false;
  for_each_item(request.field("if-none-match"), [&has, tag](std::string_view item) {
    if (item.starts_with("W/")) item.remove_prefix(2);
    has = has || item == "*" || item == tag;
  });
  return has;
}

}  // namespace

Response answer_file(const ConsoleFile& file, const Request& request) {
  const bool zipped = !file.gzip.empty() && takes_gzip(request);
  const std::string tag = fmt::format("\"{}{}\"", file.tag, zipped ? "-gzip" : "");
  Response response{.content_type = std::string(file.type)};
  response.fields = {{"etag", tag},
                     {"cache-control", "no-cache"},
                     {"vary", "accept-encoding"},
                     {"content-security-policy", std::string(kPolicy)},
                     {"referrer-policy", "no-referrer"},
                     {"cross-origin-opener-policy", "same-origin"},
                     {"cross-origin-resource-policy", "same-origin"},
                     {"x-frame-options", "DENY"}};
  if (has_already(request, tag)) {
    response.status = 304;
    response.content_type.clear();
    return response;
  }
  if (zipped) response.fields.push_back({"content-encoding", "gzip"});
  response.body = zipped ? file.gzip : file.bytes;
  return response;
}

void Console::add_routes(Router& router) {
  router.add(Method::kGet, "/", handler<&Console::lead>(*this));  // who types the host's name
  router.add(Method::kGet, "/console", handler<&Console::lead>(*this));
  for (const ConsoleFile& file : console_files()) {
    router.add(Method::kGet, file.path, handler<&Console::show>(*this));
  }
}

rt::Task<void> Console::lead(Exchange& exchange) {
  Response response{.status = 308, .content_type = {}};
  response.fields.push_back({.name = "location", .value = "/console/"});
  co_await exchange.answer(std::move(response));
}

rt::Task<void> Console::show(Exchange& exchange) {
  std::string path;
  for (const std::string& segment : exchange.request().target.segments) path += '/' + segment;
  const auto files = console_files();
  const auto found = std::find_if(files.begin(), files.end(),
                                  [&path](const ConsoleFile& file) { return file.path == path; });
  if (found == files.end()) {
    co_await exchange.refuse(
        {.status = 404, .name = "not_found", .message = "there is no such file"});
    co_return;
  }
  co_await exchange.answer(answer_file(*found, exchange.request()));
}

}  // namespace barid::http
