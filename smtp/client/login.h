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
  ClientLogins(lookup::TableList passwords, std::string delimiter, sasl::ClientRules rules)
      : passwords_(std::move(passwords)),
        delimiter_(std::move(delimiter)),
        rules_(std::move(rules)) {}

  struct Answer {
    std::unique_ptr<sasl::Client> client;  ///< null: no login there
    bool temporary = false;                ///< it cannot be told now
  };
  /// `host`: the server's name; `nexthop`: the destination as configured, e.g. "[mx]:587".
  [[nodiscard]] Answer find(std::string_view host, std::string_view nexthop) const;

 private:
  lookup::TableList passwords_;
  std::string delimiter_;
  sasl::ClientRules rules_;
};

}  // namespace barid::smtp
