// Where webhooks may go: public addresses, and networks of ours that the configuration names.
// Asked with the address that a name resolved to, when the connection is made, so that a name that
// changes its mind gains nothing.
// Source: RFC 6890 (special-purpose addresses), RFC 4193 (ULA), RFC 6052 (addresses inside others).
// Layer:  http, pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/lookup/ip_address.h"

namespace barid::http {

class AddressPolicy {
 public:
  AddressPolicy() = default;
  explicit AddressPolicy(std::vector<lookup::IpNetwork> allowed) : allowed_(std::move(allowed)) {}

  /// From a list like `127.0.0.0/8, [fd00::]/8`; `*problem` says what is wrong with it.
  [[nodiscard]] static AddressPolicy parse(std::string_view list, std::string* problem);

  [[nodiscard]] bool allows(const lookup::IpAddress& address) const noexcept;

 private:
  std::vector<lookup::IpNetwork> allowed_;
};

}  // namespace barid::http
