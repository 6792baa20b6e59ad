// The console: a web page for operators, built in. It holds no facts: it asks the admin API, with
// the rights that the browser's user has there.
// Source: RFC 9110 8.8.3, 13.1.2 (ETag, If-None-Match), CSP Level 3.
// Layer:  http. Shard-owned.
#pragma once

#include <span>
#include <string_view>

#include "http/exchange.h"
#include "http/router.h"

namespace barid::http {

/// A file of http/console/page, as it is built in (http/console/embed).
struct ConsoleFile {
  std::string_view path;  ///< "/console/console.css"; the page itself: "/console/"
  std::string_view type;
  std::string_view tag;  ///< of its bytes, without quotes
  std::string_view bytes;
  std::string_view gzip;  ///< empty = not worth it
};
[[nodiscard]] std::span<const ConsoleFile> console_files() noexcept;

/// The answer to a request for `file`: 200, or 304 if the client has it. Pure.
[[nodiscard]] Response answer_file(const ConsoleFile& file, const Request& request);

class Console {
 public:
  void add_routes(Router& router);

 private:
  rt::Task<void> show(Exchange& exchange);
  rt::Task<void> lead(Exchange& exchange);
};

}  // namespace barid::http
