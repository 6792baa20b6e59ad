// What the smtpd restriction lists say about a client, a command or a recipient: verdicts as pure
// functions of facts.
// Source: Postfix's SMTPD_ACCESS (evaluation order, texts, codes) and access(5) (table results).
// Layer: policy, pure.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/lookup/ip_address.h"
#include "core/lookup/match_list.h"
#include "core/lookup/table_list.h"
#include "policy/access_lookup.h"
#include "policy/address_class.h"
#include "policy/recipient_maps.h"
#include "policy/restriction_list.h"

namespace barid::policy {

/// What is known when a list is checked. What the client has not said yet is absent, and
/// restrictions about it pass. All views are borrowed for the check only.
struct ClientSideFacts {
  lookup::IpAddress address{};
  bool address_known = false;  ///< false for unix sockets: never in mynetworks
  bool authenticated = false;
  std::string_view login;                    ///< who, if authenticated
  bool pipelined = false;                    ///< sent commands before it may
  bool encrypted = false;                    ///< the session is TLS
  bool certificate_trusted = false;          ///< the client's certificate, by an authority of ours
  std::string_view certificate_fingerprint;  ///< empty: it showed none
  std::string_view key_fingerprint;          ///< of the public key in it
  std::string_view client_name = "unknown";
  std::string_view client_address;            ///< as text
  std::string_view helo;                      ///< empty: not given
  std::optional<std::string_view> sender;     ///< external form without brackets
  std::optional<std::string_view> recipient;  ///< at RCPT and VRFY
  std::string_view etrn_domain;
  size_t recipients_count = 0;  ///< accepted so far
  /// What an earlier stage's defer_if_permit left (Verdict::pending); empty = nothing.
  std::string_view pending;
};

struct RestrictionCodes {
  uint16_t relay_domains = 554;  ///< relay_domains_reject_code
  uint16_t reject = 554;
  uint16_t defer = 450;
  uint16_t non_fqdn = 504;
  uint16_t access_reject = 554;    ///< access_map_reject_code
  uint16_t access_defer = 450;     ///< access_map_defer_code
  uint16_t invalid_name = 501;     ///< invalid_hostname_reject_code
  uint16_t multi_recipient = 550;  ///< multi_recipient_bounce_reject_code
  uint16_t plaintext = 450;        ///< plaintext_reject_code
};

/// When lists are checked. VRFY is checked as kRcpt is.
enum class CheckPoint : uint8_t { kConnect, kHelo, kMail, kRcpt, kData, kEndOfMessage, kEtrn };

/// What a list wants besides a reply: a log line, or a change to the message.
struct PolicyAction {
  enum class Kind : uint8_t {
    kRejectWarning,  ///< warn_if_reject: `text` is the reply that was not given
    kWarn,
    kInfo,
    kDiscard,   ///< accept the message and throw it away
    kRedirect,  ///< `argument` instead of all recipients
    kBcc,       ///< `argument` as one more recipient
    kPrepend,   ///< header line `argument` above ours
  };
  Kind kind;
  std::string text;  ///< for the log
  std::string argument;
};

/// One listener's rules. An immutable snapshot.
class RelayPolicy {
 public:
  struct Rules {
    AddressClasses classes;
    lookup::AddressList mynetworks;
    std::array<RestrictionList, kListKindCount> lists;  ///< by ListKind
    RestrictionCodes codes;
    bool delay_reject = true;                    ///< smtpd_delay_reject
    bool relay_before_recipient = true;          ///< smtpd_relay_before_recipient_restrictions
    bool reject_unlisted_sender = false;         ///< smtpd_reject_unlisted_sender
    bool reject_unlisted_recipient = false;      ///< smtpd_reject_unlisted_recipient
    bool bare_parents = true;                    ///< of access tables, see AccessKeys
    std::string delimiters;                      ///< recipient_delimiter
    std::string null_sender = "<>";              ///< smtpd_null_access_lookup_key
    RestrictionClasses restriction_classes;      ///< those that a table's result may name
    RecipientMaps maps;                          ///< which addresses exist
    lookup::TableList sender_login_maps = {};    ///< smtpd_sender_login_maps: owners
    lookup::TableList client_certificates = {};  ///< relay_clientcerts

    RestrictionList& list(ListKind kind) { return lists[static_cast<size_t>(kind)]; }
  };
  explicit RelayPolicy(Rules rules) : rules_(std::move(rules)) {}

  /// True if one of relay and recipient lists can refuse a stranger: without, the server must not
  /// serve at all (an open relay).
  [[nodiscard]] bool is_safe() const noexcept;

  /// False if check() at this point always permits.
  [[nodiscard]] bool has_checks(CheckPoint point) const noexcept;

  struct Verdict {
    std::string reply;    ///< empty = permitted; else a whole reply
    std::string pending;  ///< before kRcpt: a defer_if_permit, to be given to the later checks
    std::vector<PolicyAction> actions;
  };
  [[nodiscard]] Verdict check(CheckPoint point, const ClientSideFacts& facts) const;

  /// In mynetworks. A table that cannot tell is no.
  [[nodiscard]] bool is_own_network(const ClientSideFacts& facts) const {
    return facts.address_known && rules_.mynetworks.match(facts.address).yes();
  }

  [[nodiscard]] const AddressClasses& classes() const noexcept { return rules_.classes; }

 private:
  Rules rules_;
};

}  // namespace barid::policy
