// smtpd_sasl_type = dovecot: Dovecot checks the passwords, over its auth socket.
// Each AUTH has a connection of its own; the list of mechanisms is asked for again after a while.
// Layer:  smtp/sasl. Shard-owned.
#pragma once

#include "core/lookup/match_list.h"
#include "shard/net/socket_address.h"
#include "smtp/sasl/server.h"

namespace barid::sasl {

struct DovecotSettings {
  net::SocketAddress socket;
  std::string service = "smtp";  ///< smtpd_sasl_service
  SecurityOptions options = kNoAnonymous;
  SecurityOptions options_encrypted = kNoAnonymous;
  std::optional<lookup::StringList> mechanism_filter;
};

[[nodiscard]] std::unique_ptr<Server> make_dovecot_server(DovecotSettings settings);

}  // namespace barid::sasl
