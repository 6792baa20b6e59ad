#include "policy/restriction_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/config/schema.h"
#include "core/text/ascii.h"

namespace barid::policy {
namespace {

using text::equals_ignore_case;

/// Classes within classes; deeper ones go in circles.
constexpr int kClassDepthMax = 20;

struct Name {
  std::string_view text;
  Restriction restriction;
};
constexpr std::array kNames = {
    Name{"permit", Restriction::kPermit},
    Name{"reject", Restriction::kReject},
    Name{"defer", Restriction::kDefer},
    Name{"defer_if_permit", Restriction::kDeferIfPermit},
    Name{"defer_if_reject", Restriction::kDeferIfReject},
    Name{"permit_mynetworks", Restriction::kPermitMynetworks},
    Name{"permit_inet_interfaces", Restriction::kPermitInetInterfaces},
    Name{"permit_sasl_authenticated", Restriction::kPermitSaslAuthenticated},
    Name{"permit_auth_destination", Restriction::kPermitAuthDestination},
    Name{"reject_unauth_destination", Restriction::kRejectUnauthDestination},
    Name{"defer_unauth_destination", Restriction::kDeferUnauthDestination},
    Name{"reject_non_fqdn_sender", Restriction::kRejectNonFqdnSender},
    Name{"reject_non_fqdn_recipient", Restriction::kRejectNonFqdnRecipient},
    Name{"reject_non_fqdn_helo_hostname", Restriction::kRejectNonFqdnHeloHostname},
    Name{"reject_non_fqdn_hostname", Restriction::kRejectNonFqdnHeloHostname},
    Name{"reject_invalid_helo_hostname", Restriction::kRejectInvalidHeloHostname},
    Name{"reject_invalid_hostname", Restriction::kRejectInvalidHeloHostname},
    Name{"reject_unlisted_sender", Restriction::kRejectUnlistedSender},
    Name{"reject_unlisted_recipient", Restriction::kRejectUnlistedRecipient},
    Name{"check_recipient_maps", Restriction::kRejectUnlistedRecipient},
    Name{"reject_unauth_pipelining", Restriction::kRejectUnauthPipelining},
    Name{"reject_multi_recipient_bounce", Restriction::kRejectMultiRecipientBounce},
    Name{"reject_plaintext_session", Restriction::kRejectPlaintextSession},
    Name{"reject_sender_login_mismatch", Restriction::kRejectSenderLoginMismatch},
    Name{"reject_known_sender_login_mismatch", Restriction::kRejectKnownSenderLoginMismatch},
    Name{"reject_authenticated_sender_login_mismatch",
         Restriction::kRejectAuthenticatedSenderLoginMismatch},
    Name{"reject_unauthenticated_sender_login_mismatch",
         Restriction::kRejectUnauthenticatedSenderLoginMismatch},
    Name{"permit_tls_clientcerts", Restriction::kPermitTlsClientcerts},
    Name{"permit_tls_all_clientcerts", Restriction::kPermitTlsAllClientcerts},
};

/// Names that are followed by an argument.
constexpr std::array kNamesWithTable = {
    Name{"check_client_access", Restriction::kCheckClientAccess},
    Name{"check_helo_access", Restriction::kCheckHeloAccess},
    Name{"check_sender_access", Restriction::kCheckSenderAccess},
    Name{"check_recipient_access", Restriction::kCheckRecipientAccess},
    Name{"check_etrn_access", Restriction::kCheckEtrnAccess},
    Name{"check_sasl_access", Restriction::kCheckSaslAccess},
    Name{"check_ccert_access", Restriction::kCheckCcertAccess},
};

/// Postfix's other restrictions: none is served by this version.
constexpr std::array<std::string_view, 13> kUnserved = {
    "permit_mx_backup",
    "permit_naked_ip_address",
    "reject_maps_rbl",
    "reject_unknown_address",
    "reject_unknown_client",
    "reject_unknown_client_hostname",
    "reject_unknown_helo_hostname",
    "reject_unknown_hostname",
    "reject_unknown_recipient_domain",
    "reject_unknown_reverse_client_hostname",
    "reject_unknown_sender_domain",
    "reject_unverified_recipient",
    "reject_unverified_sender",
};

/// The same with an argument.
constexpr std::array<std::string_view, 26> kUnservedWithArgument = {
    "check_reverse_client_hostname_access",
    "check_client_a_access",
    "check_client_mx_access",
    "check_client_ns_access",
    "check_reverse_client_hostname_a_access",
    "check_reverse_client_hostname_mx_access",
    "check_reverse_client_hostname_ns_access",
    "check_helo_a_access",
    "check_helo_mx_access",
    "check_helo_ns_access",
    "check_sender_a_access",
    "check_sender_mx_access",
    "check_sender_ns_access",
    "check_recipient_a_access",
    "check_recipient_mx_access",
    "check_recipient_ns_access",
    "check_policy_service",
    "reject_rbl_client",
    "reject_rhsbl_client",
    "reject_rhsbl_reverse_client",
    "reject_rhsbl_helo",
    "reject_rhsbl_sender",
    "reject_rhsbl_recipient",
    "permit_dnswl_client",
    "permit_rhswl_client",
    "sleep",
};

Restriction table_restriction(ListKind kind) noexcept {
  switch (kind) {
    case ListKind::kClient:
      return Restriction::kCheckClientAccess;
    case ListKind::kHelo:
      return Restriction::kCheckHeloAccess;
    case ListKind::kSender:
      return Restriction::kCheckSenderAccess;
    case ListKind::kRelay:
    case ListKind::kRecipient:
      return Restriction::kCheckRecipientAccess;
    case ListKind::kEtrn:
      return Restriction::kCheckEtrnAccess;
    case ListKind::kData:
    case ListKind::kEndOfData:
      break;  // nothing to look up
  }
  return Restriction::kUnknown;
}

/// Reads one list; classes call it again.
class Parser {
 public:
  Parser(ListKind kind, const RestrictionSource& source, std::vector<std::string>* warnings,
         std::vector<std::string>* errors)
      : kind_(kind), source_(source), warnings_(warnings), errors_(errors) {}

  RestrictionList parse(const std::vector<std::string>& items, int depth) {
    RestrictionList list;
    bool warn_only = false;
    const bool was_decided = decided_;
    for (size_t i = 0; i < items.size(); ++i) {
      const std::string& text = items[i];
      if (equals_ignore_case(text, "warn_if_reject")) {
        warn_only = true;
        continue;
      }
      RestrictionList::Item item;
      item.warn_only = warn_only;
      item.name = text;
      warn_only = false;
      i += read_item(item, items, i, depth);
      decided_ = decided_ || (!item.warn_only && always_decides(item.restriction));
      list.items.push_back(std::move(item));
    }
    decided_ = was_decided;
    return list;
  }

 private:
  [[nodiscard]] static bool always_decides(Restriction restriction) noexcept {
    return restriction == Restriction::kPermit || restriction == Restriction::kReject ||
           restriction == Restriction::kDefer;
  }

  /// Returns how many items after the name belong to it.
  size_t read_item(RestrictionList::Item& item, const std::vector<std::string>& items, size_t index,
                   int depth) {
    const auto is_named = [&](const Name& name) {
      return equals_ignore_case(name.text, item.name);
    };
    const auto plain = std::find_if(kNames.begin(), kNames.end(), is_named);
    if (plain != kNames.end()) {
      item.restriction = plain->restriction;
      return 0;
    }
    const auto with_table = std::find_if(kNamesWithTable.begin(), kNamesWithTable.end(), is_named);
    if (with_table != kNamesWithTable.end()) {
      if (index + 1 >= items.size() || !lookup::is_table_spec(items[index + 1])) {
        refuse(fmt::format("restriction {} must be followed by type:table", item.name));
        return 0;
      }
      open_table(item, with_table->restriction, items[index + 1]);
      return 1;
    }
    for (const std::string_view name : kUnservedWithArgument) {
      if (!equals_ignore_case(name, item.name)) continue;
      warn_unserved(item.name);
      return index + 1 < items.size() ? 1 : 0;
    }
    for (const std::string_view name : kUnserved) {
      if (!equals_ignore_case(name, item.name)) continue;
      warn_unserved(item.name);
      return 0;
    }
    if (lookup::is_table_spec(item.name)) {
      open_table(item, table_restriction(kind_), item.name);
      return 0;
    }
    read_class(item, depth);
    return 0;
  }

  void open_table(RestrictionList::Item& item, Restriction restriction, std::string_view spec) {
    item.table = restriction == Restriction::kUnknown ? nullptr : source_.open(spec);
    if (item.table == nullptr) return refuse(fmt::format("table {} cannot be used here", spec));
    item.restriction = restriction;
  }

  void read_class(RestrictionList::Item& item, int depth) {
    if (const RestrictionClasses* parsed = source_.parsed_classes(); parsed != nullptr) {
      if (const auto found = parsed->find(item.name); found != parsed->end()) {
        item.restriction = Restriction::kClass;
        item.list = &found->second;
        return;
      }
    }
    const std::optional<std::vector<std::string>> items = source_.class_items(item.name);
    if (!items) return refuse_unknown(item.name);
    if (depth >= kClassDepthMax) {
      return refuse(fmt::format("restriction class \"{}\" contains itself", item.name));
    }
    item.restriction = Restriction::kClass;
    item.owned_list = std::make_unique<const RestrictionList>(parse(*items, depth + 1));
    item.list = item.owned_list.get();
  }

  void warn_unserved(std::string_view name) {
    warn(fmt::format("this version does not serve the restriction {}", name));
  }
  void refuse_unknown(std::string_view name) {
    std::vector<std::string_view> known;
    for (const Name& one : kNames) known.push_back(one.text);
    for (const Name& one : kNamesWithTable) known.push_back(one.text);
    const std::string_view near = config::nearest_of(name, known);
    refuse(fmt::format("unknown smtpd restriction: \"{}\"{}", name,
                       near.empty() ? "" : fmt::format(" (did you mean {}?)", near)));
  }
  /// What stands behind a permit, reject or defer is never reached: no reason not to start.
  void refuse(std::string text) {
    if (errors_ == nullptr || decided_) return warn(std::move(text));
    errors_->push_back(fmt::format("{}: {}", parameter_name(kind_), text));
  }
  void warn(std::string text) {
    if (warnings_ == nullptr) return;
    warnings_->push_back(
        fmt::format("{}: {}; it answers 451 4.3.5 when reached", parameter_name(kind_), text));
  }

  ListKind kind_;
  const RestrictionSource& source_;
  std::vector<std::string>* warnings_;
  std::vector<std::string>* errors_;
  bool decided_ = false;  ///< an item before decided already
};

/// What a list does to a stranger who passes all its conditions.
enum class Effect : uint8_t { kNone, kRefuses, kPermits };

Effect effect_of(const RestrictionList& list) noexcept {
  for (const RestrictionList::Item& item : list.items) {
    if (item.warn_only) continue;
    switch (item.restriction) {
      case Restriction::kPermit:
        return Effect::kPermits;
      case Restriction::kReject:
      case Restriction::kDefer:
      case Restriction::kDeferIfPermit:
      case Restriction::kRejectUnauthDestination:
      case Restriction::kDeferUnauthDestination:
        return Effect::kRefuses;
      case Restriction::kClass:
        if (const Effect effect = effect_of(*item.list); effect != Effect::kNone) return effect;
        break;
      default:
        break;
    }
  }
  return Effect::kNone;
}

}  // namespace

std::string_view parameter_name(ListKind kind) noexcept {
  static constexpr std::array<std::string_view, kListKindCount> kParameters = {
      "smtpd_client_restrictions",      "smtpd_helo_restrictions",      "smtpd_sender_restrictions",
      "smtpd_relay_restrictions",       "smtpd_recipient_restrictions", "smtpd_data_restrictions",
      "smtpd_end_of_data_restrictions", "smtpd_etrn_restrictions"};
  return kParameters[static_cast<size_t>(kind)];
}

std::unique_ptr<const lookup::Table> RestrictionSource::open(std::string_view) const {
  return nullptr;
}

std::optional<std::vector<std::string>> RestrictionSource::class_items(std::string_view) const {
  return std::nullopt;
}

RestrictionList parse_restrictions(const std::vector<std::string>& items, ListKind kind,
                                   const RestrictionSource& source,
                                   std::vector<std::string>* warnings,
                                   std::vector<std::string>* errors) {
  return Parser(kind, source, warnings, errors).parse(items, 0);
}

bool can_refuse(const RestrictionList& list) noexcept {
  return effect_of(list) == Effect::kRefuses;
}

}  // namespace barid::policy
