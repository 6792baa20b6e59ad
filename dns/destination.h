// Where a delivery goes, as configured: relayhost, the next hop of a transport, fallback relays.
// Source: the destination syntax of smtp(8) and lmtp(8); RFC 5321 4.1.3 (address literals).
// Layer:  dns, pure; callable from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shard/net/socket_address.h"

namespace barid::dns {

enum class DestinationKind : uint8_t {
  kDomain,  ///< has MX hosts
  kHost,    ///< one host, no MX lookup
  kUnix,    ///< a unix-domain socket
};

struct Destination {
  DestinationKind kind = DestinationKind::kDomain;
  std::string name;    ///< domain or host in ASCII form as written, IP text, or socket path
  uint16_t port = 25;  ///< 0 for kUnix
  std::optional<net::SocketAddress> literal;  ///< an IP with `port`: nothing to look up
  std::string text;  ///< as configured, e.g. "[mail.example.com]:587" (the key of SASL tables)

  bool operator==(const Destination&) const = default;
};

enum class DestinationSyntax : uint8_t {
  kSmtp,  ///< `domain`, `host:port`, `[host]`, `[host]:port`, `[ip]`, `[ipv6:address]:port`
  kLmtp,  ///< the same without MX lookup, and `inet:host:port`, `unix:path`; default port 24
};

struct ParsedDestinations {
  std::vector<Destination> destinations;  ///< in the order of trying; empty on error
  std::string error;                      ///< one sentence that names the item; empty if none
};

struct DestinationDefaults {
  DestinationSyntax syntax = DestinationSyntax::kSmtp;
  uint16_t port = 25;  ///< smtp_tcp_port, lmtp_tcp_port
};

/// Parses one item or a list separated by commas and blanks. An empty text is an error: what an
/// empty relayhost means is the caller's to know.
[[nodiscard]] ParsedDestinations parse_destinations(std::string_view text,
                                                    const DestinationDefaults& defaults);

/// A port number 1..65535 or one of the names smtp, lmtp, smtps, submission, submissions.
[[nodiscard]] std::optional<uint16_t> parse_port(std::string_view text) noexcept;

}  // namespace barid::dns
