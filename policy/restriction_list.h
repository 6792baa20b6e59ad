// smtpd restriction lists as they are written: names, their arguments, tables and classes, parsed
// once when the configuration is loaded.
// Source: Postfix's SMTPD_ACCESS and access(5).
// Layer: policy. Parsing opens tables; a parsed list is immutable.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/lookup/table.h"

namespace barid::policy {

/// Which parameter a list stands in: what a bare `type:table` means there, and what the list's own
/// refusals are about.
enum class ListKind : uint8_t {
  kClient,
  kHelo,
  kSender,
  kRelay,
  kRecipient,
  kData,
  kEndOfData,
  kEtrn,
};
inline constexpr size_t kListKindCount = 8;

/// "smtpd_client_restrictions" …
[[nodiscard]] std::string_view parameter_name(ListKind kind) noexcept;

enum class Restriction : uint8_t {
  kPermit,
  kReject,
  kDefer,
  kDeferIfPermit,
  kDeferIfReject,
  kPermitMynetworks,
  kPermitInetInterfaces,
  kPermitSaslAuthenticated,
  kPermitAuthDestination,
  kRejectUnauthDestination,
  kDeferUnauthDestination,
  kRejectNonFqdnSender,
  kRejectNonFqdnRecipient,
  kRejectNonFqdnHeloHostname,
  kRejectInvalidHeloHostname,
  kRejectUnlistedSender,
  kRejectUnlistedRecipient,
  kRejectUnauthPipelining,
  kRejectMultiRecipientBounce,
  kRejectPlaintextSession,
  kRejectSenderLoginMismatch,
  kRejectKnownSenderLoginMismatch,
  kRejectAuthenticatedSenderLoginMismatch,
  kRejectUnauthenticatedSenderLoginMismatch,
  kCheckClientAccess,
  kCheckHeloAccess,
  kCheckSenderAccess,
  kCheckRecipientAccess,
  kCheckEtrnAccess,
  kCheckSaslAccess,
  kCheckCcertAccess,
  kPermitTlsClientcerts,
  kPermitTlsAllClientcerts,
  kClass,    ///< a list of its own: smtpd_restriction_classes
  kUnknown,  ///< unknown or not served: 451 4.3.5 when reached
};

struct RestrictionList {
  struct Item {
    Restriction restriction = Restriction::kUnknown;
    bool warn_only = false;                      ///< warn_if_reject
    std::string name;                            ///< as written
    std::unique_ptr<const lookup::Table> table;  ///< check_…_access
    std::unique_ptr<const RestrictionList> owned_list;
    const RestrictionList* list = nullptr;  ///< kClass: the own one, or one of RestrictionClasses
  };
  std::vector<Item> items;

  [[nodiscard]] bool empty() const noexcept { return items.empty(); }
};

/// Restriction classes by name, parsed. Lists that name one borrow it.
using RestrictionClasses = std::map<std::string, RestrictionList, std::less<>>;

/// Where a list gets its tables and classes from. This one has none: for lists that came out of a
/// table, which may use `classes` but open nothing.
class RestrictionSource {
 public:
  explicit RestrictionSource(const RestrictionClasses* classes = nullptr) : classes_(classes) {}
  virtual ~RestrictionSource() = default;
  RestrictionSource(const RestrictionSource&) = delete;
  RestrictionSource& operator=(const RestrictionSource&) = delete;

  /// Opens `type:name`; null: no tables here.
  [[nodiscard]] virtual std::unique_ptr<const lookup::Table> open(std::string_view spec) const;
  /// The items of a class that is not parsed yet; nullopt if no class has that name.
  [[nodiscard]] virtual std::optional<std::vector<std::string>> class_items(
      std::string_view name) const;

  [[nodiscard]] const RestrictionClasses* parsed_classes() const noexcept { return classes_; }

 private:
  const RestrictionClasses* classes_;
};

/// Parses a list whose items were split already. Never fails: what is unknown, not served by this
/// version, or lacks its argument is kept as kUnknown, which answers 451 4.3.5. It is reported in
/// `warnings`, or in `errors` if it can mean nothing and is reached.
[[nodiscard]] RestrictionList parse_restrictions(const std::vector<std::string>& items,
                                                 ListKind kind, const RestrictionSource& source,
                                                 std::vector<std::string>* warnings = nullptr,
                                                 std::vector<std::string>* errors = nullptr);

/// True if the list can refuse a stranger: it holds, before a bare `permit` and without
/// warn_if_reject, one of reject, defer, defer_if_permit, reject_unauth_destination,
/// defer_unauth_destination, classes included.
[[nodiscard]] bool can_refuse(const RestrictionList& list) noexcept;

}  // namespace barid::policy
