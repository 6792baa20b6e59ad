// Which keys sign a message: `dkim_signing_maps`, asked for the domain of its From field, and
// `arc_signing_maps`, asked for the domain at which it arrived.
//
//   dkim_signing_maps = inline:{ { example.com = selector=s1 key=/etc/barid/dkim/s1.pem } }
//
// Keys in this order: the domain, each parent as `.parent`, `*`. The value is one rule or several,
// separated by commas: selector=S key=PATH, and as far as wanted tenant=T, domain=D, identity=I,
// canonicalization=HEADER[/BODY], lifetime=TIME.
// Layer:  policy, pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/lookup/table_list.h"
#include "core/mail/dkim_signature.h"

namespace barid::policy {

struct DkimRule {
  std::string selector;
  std::string key_path;
  std::string tenant;    ///< signs this tenant's mail only; empty = everybody's
  std::string domain;    ///< d=; in a table's value empty = what the table's key says
  std::string identity;  ///< i=; empty = none
  dkim::Canonical header = dkim::Canonical::kRelaxed;
  dkim::Canonical body = dkim::Canonical::kRelaxed;
  std::chrono::seconds lifetime{};  ///< from t= to x=; 0 = no x=

  bool operator==(const DkimRule&) const = default;
};

/// What holds for rules that do not say it themselves.
struct DkimDefaults {
  dkim::Canonical header = dkim::Canonical::kRelaxed;
  dkim::Canonical body = dkim::Canonical::kRelaxed;
  std::chrono::seconds lifetime{};
};

/// "relaxed/simple"; the body's form is simple if it is not given (RFC 6376 3.5). False: malformed.
[[nodiscard]] bool parse_canonicalization(std::string_view text, DkimDefaults* forms);

/// The rules of a value. If `*error` is not empty, it says what is wrong with it.
[[nodiscard]] std::vector<DkimRule> parse_dkim_rules(std::string_view value,
                                                     const DkimDefaults& defaults,
                                                     std::string* error);

/// An immutable snapshot.
class DkimRules {
 public:
  DkimRules() = default;
  /// `parameter`, which names the tables in problems, lives for ever.
  DkimRules(lookup::TableList tables, const DkimDefaults& defaults,
            std::string_view parameter = "dkim_signing_maps")
      : tables_(std::move(tables)), defaults_(defaults), parameter_(parameter) {}

  [[nodiscard]] bool empty() const noexcept { return tables_.empty(); }

  struct Answer {
    std::vector<DkimRule> rules;  ///< with their domain
    std::string problem;          ///< not empty: it cannot be told now
  };
  /// `asked` is in lower case and A-labels.
  [[nodiscard]] Answer find(std::string_view asked, std::string_view tenant) const;

 private:
  lookup::TableList tables_;
  DkimDefaults defaults_;
  std::string_view parameter_;
};

/// Checks all entries of the tables that can be listed; what is wrong becomes errors of `context`.
/// Returns the rules of all, for a check of their keys.
[[nodiscard]] std::vector<DkimRule> check_dkim_tables(std::string_view parameter,
                                                      std::string_view value,
                                                      const DkimDefaults& defaults,
                                                      const lookup::OpenContext& context);

}  // namespace barid::policy
