// Which class a recipient's domain is in: ours, one we relay for, or anybody's.
// Source: Postfix's address classes (local, virtual alias, virtual mailbox, relay, default).
// Layer: policy, pure; an immutable snapshot, callable from any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/lookup/ip_address.h"
#include "core/lookup/match_list.h"

namespace barid::policy {

enum class AddressClass : uint8_t {
  kLocal,
  kVirtualAlias,
  kVirtualMailbox,
  kRelay,
  kDefault,
  kTemporary,  ///< a table could not be asked
};

struct AddressClasses {
  lookup::StringList local;                      ///< mydestination
  lookup::StringList virtual_alias;              ///< virtual_alias_domains
  lookup::StringList virtual_mailbox;            ///< virtual_mailbox_domains
  lookup::DomainList relay;                      ///< relay_domains
  std::vector<lookup::IpAddress> own_addresses;  ///< user@[one of these] is local

  /// `domain` without trailing dot, any case; empty (a bare local part) is local.
  [[nodiscard]] AddressClass class_of(std::string_view domain) const;
};

/// Whether a local part asks to be routed on (user%other, other!user, user@other in quotes): such
/// mail is not taken for a domain of ours.
[[nodiscard]] bool has_source_routing(std::string_view local_part) noexcept;

/// The domain of an address in external form; empty if it has none.
[[nodiscard]] std::string_view domain_of(std::string_view address) noexcept;
[[nodiscard]] std::string_view local_part_of(std::string_view address) noexcept;
/// A local part as tables hold it: without quotes and backslashes.
[[nodiscard]] std::string unquoted(std::string_view local);

}  // namespace barid::policy
