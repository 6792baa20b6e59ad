// The server's side of AUTH: what a session needs to know of whoever checks passwords.
// Source: RFC 4954 (AUTH), RFC 4422 (SASL), RFC 9266 (tls-exporter).
// Layer:  smtp/sasl. Shard-owned.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"
#include "shard/runtime/offload.h"
#include "shard/runtime/task.h"

namespace barid::sasl {

/// tls-exporter: keying material of this label, of so many bytes.
inline constexpr std::string_view kBindingLabel = "EXPORTER-Channel-Binding";
inline constexpr size_t kBindingBytes = 32;

/// Who wants to log in, and how it is connected. Owned strings: an exchange outlives a command.
struct Peer {
  std::string client_address;  ///< textual; empty = not known
  std::string server_address;
  bool encrypted = false;
  /// tls-exporter channel binding (RFC 9266); empty = none.
  std::string channel_binding;
};

/// Who logged in.
struct Login {
  std::string user;
  std::string method;                     ///< the mechanism
  std::string tenant;                     ///< whose mail it submits; empty = nobody's
  std::vector<std::string> from_domains;  ///< lower case; empty = any
};

/// What the server says next.
struct Step {
  enum class Kind : uint8_t {
    kChallenge,  ///< 334 with `text`, in base64
    kSuccess,    ///< `login` says who
    kFailure,    ///< 535 with `text` as the reason; `login.user` as far as it is known
    kTemporary,  ///< 454, likewise
  };
  Kind kind = Kind::kFailure;
  std::string text;
  Login login;
};

/// One AUTH command.
class Exchange {
 public:
  virtual ~Exchange() = default;
  /// The initial response, decoded no further than SMTP: base64; nullopt = there was none.
  virtual rt::Task<Step> start(std::optional<std::string> initial) = 0;
  /// An answer to the last challenge, in base64.
  virtual rt::Task<Step> respond(std::string response) = 0;
};

/// What a shard lends to exchanges; outlives them.
struct ExchangeEnv {
  rt::Reactor& reactor;
  rt::Offload& offload;
};

/// smtpd_sasl_security_options: a set.
enum SecurityOption : uint8_t {
  kNoPlaintext = 1,
  kNoActive = 2,
  kNoDictionary = 4,
  kNoAnonymous = 8,
  kForwardSecrecy = 16,
  kMutualAuth = 32,
};
using SecurityOptions = uint8_t;
/// The first unknown word in `*bad`.
[[nodiscard]] SecurityOptions parse_security_options(std::string_view list, std::string* bad);

/// What is true of a mechanism, in the terms of SecurityOption: what it would violate, and what it
/// has.
struct MechanismTraits {
  uint8_t violates = 0;  ///< of kNoPlaintext … kNoAnonymous
  uint8_t has = 0;       ///< of kForwardSecrecy, kMutualAuth
  [[nodiscard]] bool fits(SecurityOptions options) const noexcept {
    constexpr uint8_t kWanted = kForwardSecrecy | kMutualAuth;
    return (violates & options) == 0 && (options & kWanted & ~has) == 0;
  }
};
/// Of the mechanisms that this program knows itself.
[[nodiscard]] MechanismTraits mechanism_traits(std::string_view mechanism) noexcept;

class Server {
 public:
  virtual ~Server() = default;
  /// Looks what there is, if that can change; mechanisms() is right afterwards. `*problem` if it
  /// cannot be found out.
  virtual rt::Task<std::string> refresh(const ExchangeEnv& env) = 0;
  /// For EHLO, by preference.
  [[nodiscard]] virtual std::vector<std::string> mechanisms(const Peer& peer) const = 0;
  /// `mechanism` is one of mechanisms(), upper case.
  [[nodiscard]] virtual std::unique_ptr<Exchange> begin(const ExchangeEnv& env,
                                                        std::string_view mechanism,
                                                        const Peer& peer) const = 0;
};

}  // namespace barid::sasl
