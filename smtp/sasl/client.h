// The client's side of AUTH: one login at one server.
// Source: RFC 4954 (AUTH), RFC 4616, 5802, 7677, 9266. GNU SASL conducts the exchanges.
// Layer:  smtp/sasl. One thread at a time. No I/O. SCRAM costs the server's iterations, once a
//         connection: milliseconds at the usual 4,096; above 50,000 it is refused.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/lookup/match_list.h"
#include "smtp/sasl/server.h"

namespace barid::sasl {

struct Credentials {
  std::string user;
  std::string password;
};

/// "user:password", split at the first `delimiter`; nullopt: there is no user.
[[nodiscard]] std::optional<Credentials> parse_credentials(std::string_view value,
                                                           std::string_view delimiter);

/// What the connection is worth that a password goes over.
enum class Channel : uint8_t { kClear, kEncrypted, kVerified };

class Client {
 public:
  virtual ~Client() = default;
  /// The best mechanism of those that a server names (blanks separate them); empty = none fits.
  /// `binding`: tls-exporter of the connection; empty = it cannot be bound to. With it,
  /// SCRAM-SHA-256-PLUS finds out who sits between us and the server.
  [[nodiscard]] virtual std::string choose(std::string_view offered, Channel channel,
                                           std::string_view binding) = 0;
  /// After choose(): what goes with the AUTH command, base64; nullopt = nothing does.
  [[nodiscard]] virtual std::optional<std::string> initial_response() = 0;
  /// Whether respond() to this challenge takes longer than a shard has: half a millisecond.
  [[nodiscard]] virtual bool is_costly(std::string_view /*challenge*/) const { return false; }
  /// The answer to a challenge, base64 both; nullopt = the server makes no sense, or is an
  /// impostor.
  [[nodiscard]] virtual std::optional<std::string> respond(std::string_view challenge) = 0;
  /// After the server's success: whether it has proved what it had to.
  [[nodiscard]] virtual bool satisfied() const noexcept = 0;
};

/// What all connections of a transport have in common.
struct ClientRules {
  SecurityOptions options = kNoPlaintext | kNoAnonymous;
  SecurityOptions options_encrypted = kNoPlaintext | kNoAnonymous;
  SecurityOptions options_verified = kNoPlaintext | kNoAnonymous;  ///< the server has proved itself
  std::optional<lookup::StringList> mechanism_filter;
};

/// `rules` outlives the client.
[[nodiscard]] std::unique_ptr<Client> make_client(const ClientRules& rules,
                                                  Credentials credentials);

}  // namespace barid::sasl
