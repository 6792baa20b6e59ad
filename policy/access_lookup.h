// The keys under which access tables are asked, in Postfix's order.
// Source: access(5): host names and their parents, addresses and their networks, mail addresses.
// Layer: policy, pure.
#pragma once

#include <string_view>

#include "core/lookup/table.h"

namespace barid::policy {

struct AccessKeys {
  bool bare_parents = true;      ///< smtpd_access_maps is in parent_domain_matches_subdomains
  std::string_view delimiters;   ///< recipient_delimiter
  std::string_view null_sender;  ///< smtpd_null_access_lookup_key; empty = not asked
};

/// `mail.a.example`, `a.example`, `example` (or `.a.example`, `.example`).
[[nodiscard]] lookup::LookupResult find_access_domain(const lookup::Table& table,
                                                      std::string_view domain,
                                                      const AccessKeys& keys);
/// `192.0.2.1`, `192.0.2`, `192.0`, `192`; IPv6 likewise at its colons.
[[nodiscard]] lookup::LookupResult find_access_address(const lookup::Table& table,
                                                       std::string_view address);
/// `user+ext@domain`, `user@domain`, the domain and its parents, `user+ext@`, `user@`. `address` in
/// external form.
[[nodiscard]] lookup::LookupResult find_access_mail(const lookup::Table& table,
                                                    std::string_view address,
                                                    const AccessKeys& keys);

}  // namespace barid::policy
