// A session's logins: whom it may ask, what it offers, and who logged in.
// Layer: smtp/server. Shard-owned.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/lookup/match_list.h"
#include "smtp/sasl/server.h"
#include "smtp/server/machine.h"

namespace barid::smtp {

/// AUTH at one listener.
struct AuthSettings {
  std::unique_ptr<sasl::Server> server;  ///< null: smtpd_sasl_auth_enable = no
  bool encrypted_only = false;           ///< smtpd_tls_auth_only
  lookup::AddressList exceptions;        ///< smtpd_sasl_exceptions_networks: AUTH is not theirs
  bool authenticated_header = false;     ///< smtpd_sasl_authenticated_header
};

class SessionAuth {
 public:
  SessionAuth(const AuthSettings& settings, sasl::ExchangeEnv env, sasl::Peer peer, bool excepted)
      : settings_(settings), env_(env), peer_(std::move(peer)), excepted_(excepted) {}

  [[nodiscard]] bool enabled() const noexcept { return settings_.server != nullptr && !excepted_; }
  /// What EHLO says now. `*problem`: why nothing can be offered.
  rt::Task<AuthOffer> offer(std::string* problem);
  /// After STARTTLS.
  void set_encrypted(std::string channel_binding);

  /// Does what the machine asks; the step is for its log. The machine is answered.
  rt::Task<sasl::Step> perform(ServerMachine& machine);

  /// XCLIENT says who logged in elsewhere; empty = nobody.
  void assume(const std::string& user);
  [[nodiscard]] const std::optional<sasl::Login>& login() const noexcept { return login_; }

 private:
  const AuthSettings& settings_;
  sasl::ExchangeEnv env_;
  sasl::Peer peer_;
  const bool excepted_;
  std::unique_ptr<sasl::Exchange> exchange_;
  std::optional<sasl::Login> login_;
};

}  // namespace barid::smtp
