#include "dns/destination.h"

#include <fmt/format.h>

#include "core/text/ascii.h"
#include "core/text/cursor.h"
#include "dns/name.h"

namespace barid::dns {
namespace {

constexpr text::CharSet kSeparators = text::CharSet(", \t\r\n");

struct ServicePort {
  std::string_view name;
  uint16_t port;
};
// The services that mail uses, fixed so that parsing needs no /etc/services.
constexpr ServicePort kServices[] = {
    {"smtp", 25}, {"lmtp", 24}, {"smtps", 465}, {"submissions", 465}, {"submission", 587},
};

/// What one item is made of before its names are judged.
struct Parts {
  std::string_view host;
  std::string_view port;
  bool bracketed = false;
  bool has_port = false;
  const char* error = nullptr;
};

Parts split_host_port(std::string_view item) noexcept {
  Parts parts;
  std::string_view rest = item;
  if (rest.starts_with('[')) {
    const size_t close = rest.find(']');
    if (close == std::string_view::npos) return Parts{.error = "\"]\" is missing"};
    parts.bracketed = true;
    parts.host = rest.substr(1, close - 1);
    rest.remove_prefix(close + 1);
    if (!rest.empty() && rest.front() != ':') {
      return Parts{.error = "only \":port\" may follow \"]\""};
    }
  } else {
    const size_t colon = rest.find(':');
    if (colon != rest.rfind(':')) {
      return Parts{.error = "an IPv6 address is written [ipv6:ADDRESS]"};
    }
    parts.host = rest.substr(0, colon);
    rest.remove_prefix(parts.host.size());
  }
  if (!rest.empty()) {
    parts.has_port = true;
    parts.port = rest.substr(1);
  }
  if (parts.host.empty()) return Parts{.error = "the host name is empty"};
  return parts;
}

/// "192.0.2.1", "2001:db8::1" or "ipv6:2001:db8::1"; the prefix only fits an IPv6 address.
std::optional<net::SocketAddress> parse_literal(std::string_view host, uint16_t port) noexcept {
  const bool prefixed = text::starts_with_ignore_case(host, "ipv6:");
  if (prefixed) host.remove_prefix(5);
  std::optional<net::SocketAddress> address = net::SocketAddress::from_ip(host, port);
  if (prefixed && address && address->family() != AF_INET6) return std::nullopt;
  return address;
}

/// Fills `out`; returns what is wrong, or null.
const char* parse_unix(std::string_view path, Destination& out) {
  if (path.empty()) return "the socket path is empty";
  if (!net::SocketAddress::from_unix_path(path)) return "the socket path is too long";
  out.kind = DestinationKind::kUnix;
  out.name = path;
  out.port = 0;
  return nullptr;
}

const char* parse_inet(std::string_view item, const DestinationDefaults& defaults, bool use_mx,
                       Destination& out) {
  const Parts parts = split_host_port(item);
  if (parts.error != nullptr) return parts.error;
  out.port = defaults.port;
  if (parts.has_port) {
    const std::optional<uint16_t> port = parse_port(parts.port);
    if (!port) return "the port is neither 1..65535 nor a mail service name";
    out.port = *port;
  }
  out.literal = parse_literal(parts.host, out.port);
  if (out.literal) {
    out.kind = DestinationKind::kHost;
    out.name = out.literal->ip_text();
    return nullptr;
  }
  const std::optional<std::string> ascii = name_to_ascii(parts.host);
  if (!ascii || !is_host_name(*ascii)) return "not a valid host or domain name or address";
  out.kind = parts.bracketed || !use_mx ? DestinationKind::kHost : DestinationKind::kDomain;
  out.name = *ascii;
  return nullptr;
}

const char* parse_item(std::string_view item, const DestinationDefaults& defaults,
                       Destination& out) {
  const bool lmtp = defaults.syntax == DestinationSyntax::kLmtp;
  out.text = item;
  if (lmtp && item.starts_with("unix:")) return parse_unix(item.substr(5), out);
  if (lmtp && item.starts_with("inet:")) item.remove_prefix(5);
  return parse_inet(item, defaults, /*use_mx=*/!lmtp, out);
}

}  // namespace

std::optional<uint16_t> parse_port(std::string_view text) noexcept {
  for (const ServicePort& service : kServices) {
    if (text == service.name) return service.port;
  }
  text::Cursor in(text);
  const uint64_t port = in.number(65535);
  if (in.failed() || !in.at_end() || port == 0) return std::nullopt;
  return static_cast<uint16_t>(port);
}

ParsedDestinations parse_destinations(std::string_view text, const DestinationDefaults& defaults) {
  ParsedDestinations result;
  size_t position = 0;
  while (position < text.size()) {
    if (kSeparators.has(text[position])) {
      ++position;
      continue;
    }
    const size_t start = position;
    while (position < text.size() && !kSeparators.has(text[position])) ++position;
    const std::string_view item = text.substr(start, position - start);
    Destination destination;
    const char* problem = parse_item(item, defaults, destination);
    if (problem != nullptr) {
      return ParsedDestinations{.error = fmt::format("destination \"{}\": {}", item, problem)};
    }
    result.destinations.push_back(std::move(destination));
  }
  if (result.destinations.empty()) result.error = "the destination is empty";
  return result;
}

}  // namespace barid::dns
