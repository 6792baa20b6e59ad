// smtpd restriction lists: verdicts as pure functions of facts.
// Source: Postfix's SMTPD_ACCESS (evaluation order, texts, codes); the restrictions that relay
//         control and basic hygiene need. Every list is checked when it is loaded.
// Layer: policy, pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/lookup/ip_address.h"
#include "core/lookup/match_list.h"
#include "policy/address_class.h"

namespace barid::policy {

enum class Restriction : uint8_t {
  kPermit,
  kReject,
  kDefer,
  kPermitMynetworks,
  kPermitInetInterfaces,
  kPermitSaslAuthenticated,
  kPermitAuthDestination,
  kRejectUnauthDestination,
  kDeferUnauthDestination,
  kRejectNonFqdnSender,
  kRejectNonFqdnRecipient,
  kRejectNonFqdnHeloHostname,
  kUnknown,  ///< 451 4.3.5 when reached
};

struct RestrictionList {
  struct Item {
    Restriction restriction = Restriction::kUnknown;
    bool warn_only = false;  ///< warn_if_reject
    std::string name;        ///< as written
  };
  std::vector<Item> items;
};

/// Parses a list whose items were split already. Unknown names are kept as kUnknown and reported in
/// `warnings` ("unknown smtpd restriction: …").
[[nodiscard]] RestrictionList parse_restrictions(const std::vector<std::string>& items,
                                                 std::vector<std::string>* warnings);

struct ClientSideFacts {
  lookup::IpAddress address;
  bool address_known = false;  ///< false for unix sockets: never in mynetworks
  bool authenticated = false;
  std::string_view helo;
};

struct RestrictionCodes {
  uint16_t relay_domains = 554;  ///< relay_domains_reject_code
  uint16_t reject = 554;
  uint16_t defer = 450;
  uint16_t non_fqdn = 504;
};

/// One listener's rules. An immutable snapshot.
class RelayPolicy {
 public:
  struct Rules {
    AddressClasses classes;
    lookup::AddressList mynetworks;
    RestrictionList relay;      ///< smtpd_relay_restrictions
    RestrictionList recipient;  ///< smtpd_recipient_restrictions
    RestrictionList sender;     ///< smtpd_sender_restrictions, evaluated at RCPT
    RestrictionCodes codes;
  };
  explicit RelayPolicy(Rules rules) : rules_(std::move(rules)) {}

  /// True if one of relay and recipient lists can refuse a stranger: without, the server must not
  /// serve at all (an open relay).
  [[nodiscard]] bool is_safe() const noexcept;

  struct Verdict {
    std::string reply;    ///< empty = permitted; else a whole reply
    std::string warning;  ///< what warn_if_reject let through; empty = nothing
  };
  /// At RCPT. `sender` and `recipient` in external form without brackets.
  [[nodiscard]] Verdict check_recipient(const ClientSideFacts& client, std::string_view sender,
                                        std::string_view recipient) const;

  [[nodiscard]] const AddressClasses& classes() const noexcept { return rules_.classes; }

 private:
  enum class Answer : uint8_t { kDunno, kPermit, kRefuse };
  Answer evaluate(const RestrictionList::Item& item, const ClientSideFacts& client,
                  std::string_view sender, std::string_view recipient, std::string* reply) const;
  Answer run(const RestrictionList& list, const ClientSideFacts& client, std::string_view sender,
             std::string_view recipient, Verdict* verdict) const;
  Answer check_destination(std::string_view recipient, bool defer, std::string* reply) const;

  Rules rules_;
};

}  // namespace barid::policy
