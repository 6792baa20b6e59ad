// What a trusted proxy tells with XCLIENT (who is to be treated as the client) or XFORWARD (whom
// the mail came from, for logs and further hops). Source: Postfix's XCLIENT and XFORWARD protocols;
// RFC 3461 4 (xtext). Layer:  smtp/server, pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "smtp/proto/verb.h"

namespace barid::smtp {

enum class ClientAttribute : uint8_t {
  kName,
  kReverseName,
  kAddress,   ///< canonical text, without "IPV6:"
  kPort,      ///< digits
  kProtocol,  ///< SMTP or ESMTP; with XFORWARD any word
  kHelo,
  kLogin,
  kServerAddress,  ///< DESTADDR
  kServerPort,     ///< DESTPORT
  kIdent,          ///< the message's name in the log of the sending host
  kSource,         ///< LOCAL or REMOTE
};
inline constexpr size_t kClientAttributeCount = 11;

/// What EHLO announces behind each keyword.
inline constexpr std::string_view kXclientAttributes =
    " NAME ADDR PROTO HELO REVERSE_NAME PORT LOGIN DESTADDR DESTPORT";
inline constexpr std::string_view kXforwardAttributes = " NAME ADDR PROTO HELO SOURCE PORT IDENT";

class ClientAttributes {
 public:
  /// The value, empty where it was said to be unavailable; nullopt if it was not given.
  [[nodiscard]] const std::optional<std::string>& find(ClientAttribute attribute) const noexcept {
    return values_[static_cast<size_t>(attribute)];
  }
  void set(ClientAttribute attribute, std::string value) {
    values_[static_cast<size_t>(attribute)] = std::move(value);
  }
  /// What `later` gives replaces what was known.
  void merge(ClientAttributes&& later);

 private:
  std::array<std::optional<std::string>, kClientAttributeCount> values_;
};

/// Parses what follows XCLIENT or XFORWARD into `out`. Returns the whole reply that refuses the
/// command, with bytes of the peer in it; empty = good. All or nothing: on failure `out` is as
/// before.
[[nodiscard]] std::string parse_client_attributes(Verb command, std::string_view arguments,
                                                  ClientAttributes* out);

}  // namespace barid::smtp
