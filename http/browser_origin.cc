#include "http/browser_origin.h"

#include <algorithm>

#include "core/lookup/ip_address.h"
#include "core/text/ascii.h"

namespace barid::http {
namespace {

/// What every browser sends and no page can leave out, and hardly any other client sends.
bool looks_like_browser(const Request& request) noexcept {
  constexpr std::string_view kSigns[] = {"origin", "referer", "accept-language", "sec-fetch-site",
                                         "sec-fetch-mode"};
  return std::any_of(std::begin(kSigns), std::end(kSigns), [&request](std::string_view name) {
    return request.find_field(name) != nullptr;
  });
}

/// Nobody else can have a page under such a name: an address is not looked up, localhost is ours.
bool is_own_name(std::string_view host, const std::vector<std::string>& own_names) {
  if (host == "localhost" || host.ends_with(".localhost")) return true;
  std::string_view address = host;
  if (address.starts_with('[') && address.ends_with(']')) {
    address = address.substr(1, address.size() - 2);
  }
  if (lookup::IpAddress::parse(address)) return true;
  return std::find(own_names.begin(), own_names.end(), host) != own_names.end();
}

bool is_safe(Method method) noexcept {
  return method == Method::kGet || method == Method::kHead || method == Method::kOptions;
}

}  // namespace

std::string host_of_authority(std::string_view authority) {
  const size_t bracket = authority.rfind(']');
  const size_t colon = authority.rfind(':');
  const bool has_port =
      colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  if (has_port) authority = authority.substr(0, colon);
  if (authority.ends_with('.')) authority.remove_suffix(1);
  std::string host;
  text::append_lower(host, authority);
  return host;
}

const char* foreign_page_problem(const Request& request, HostCheck host_check,
                                 const std::vector<std::string>& own_names) {
  const std::string* host = request.find_field("host");
  const bool judged = host_check == HostCheck::kAlways || looks_like_browser(request);
  if (judged && host != nullptr && !is_own_name(host_of_authority(*host), own_names)) {
    return "Host is no name of this server (http_host_names)";
  }
  // Ports make another origin, but not another site: "same-site" is somebody else too.
  if (const std::string* site = request.find_field("sec-fetch-site"); site != nullptr) {
    const bool own = *site == "same-origin" || (*site == "none" && is_safe(request.method));
    if (!own) return "the request comes from a page of another origin (Sec-Fetch-Site)";
  }
  if (const std::string* origin = request.find_field("origin"); origin != nullptr) {
    const size_t slashes = origin->find("://");
    if (slashes == std::string::npos) {
      return "the request comes from a page of unknown origin (Origin)";
    }
    const std::string_view authority = std::string_view(*origin).substr(slashes + 3);
    const bool same = host != nullptr && text::equals_ignore_case(authority, *host);
    // A proxy in front of us, named by the operator, may have its own idea of Host.
    const std::string name = host_of_authority(authority);
    const bool named = std::find(own_names.begin(), own_names.end(), name) != own_names.end();
    if (!same && !named) return "the request comes from a page of another origin (Origin)";
  }
  return nullptr;
}

}  // namespace barid::http
