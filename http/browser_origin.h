// Whether a request may come from a web page of somebody else, in a browser that reaches what only
// this host can: forged requests (CSRF) and names that were pointed at us (DNS rebinding). Who asks
// without a browser is not concerned.
// Source: Fetch (Origin), Fetch Metadata (Sec-Fetch-Site), RFC 9110 7.2 (Host), RFC 6761 6.3.
// Layer:  http, pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"

namespace barid::http {

enum class HostCheck : uint8_t {
  kAlways,      ///< Host must name this host
  kOfBrowsers,  ///< only in requests that look as if a browser made them
};

/// Names are addresses, `localhost` and what ends in it, and those of `own_names` (lower case).
/// Null, or what is wrong, for people.
[[nodiscard]] const char* foreign_page_problem(const Request& request, HostCheck host_check,
                                               const std::vector<std::string>& own_names);

/// The host of "name:port" or "[address]:port", without a dot at its end, in lower case.
[[nodiscard]] std::string host_of_authority(std::string_view authority);

}  // namespace barid::http
