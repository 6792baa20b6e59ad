// What a transport logs in with: smtp_sasl_password_maps, by server and next hop.
// Layer: smtp/client. A snapshot; queries are pure.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/lookup/table_list.h"
#include "smtp/sasl/client.h"

namespace barid::smtp {

class ClientLogins {
 public:
  /// `by_sender`: smtp_sender_dependent_authentication.
  ClientLogins(lookup::TableList passwords, std::string delimiter, sasl::ClientRules rules,
               bool by_sender = false)
      : passwords_(std::move(passwords)),
        delimiter_(std::move(delimiter)),
        rules_(std::move(rules)),
        by_sender_(by_sender) {}

  struct Answer {
    std::unique_ptr<sasl::Client> client;  ///< null: no login there
    bool temporary = false;                ///< it cannot be told now
  };
  /// `host`: the server's name; `nexthop`: the destination as configured, e.g. "[mx]:587";
  /// `sender`: of the mail, where has_own() said so, else empty.
  [[nodiscard]] Answer find(std::string_view host, std::string_view nexthop,
                            std::string_view sender = {}) const;
  /// True if mail of this sender needs a login, and so a connection, of its own.
  [[nodiscard]] bool has_own(std::string_view sender) const;

 private:
  [[nodiscard]] lookup::LookupResult find_sender(std::string_view sender) const;

  lookup::TableList passwords_;
  std::string delimiter_;
  sasl::ClientRules rules_;
  bool by_sender_ = false;
};

}  // namespace barid::smtp
