// A list of tables as parameters name it, and the order in which features build keys for it.
// Each key is tried in all tables before the next key (so the best key wins, not the first table).
// Layer: core/lookup. Building opens tables; queries are pure.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/lookup/table.h"

namespace barid::lookup {

/// A complete key goes to every table, a partial one only to tables with fixed keys.
enum class KeyExtent : uint8_t { kComplete, kPartial };

class TableList {
 public:
  /// `value` is the expanded value of parameter `parameter_name`, which error texts mention.
  TableList(std::string_view parameter_name, std::string_view value, const OpenContext& context);
  TableList() = default;

  [[nodiscard]] bool empty() const noexcept { return tables_.empty(); }

  /// First hit over all tables. A failing table ends the search; an empty value is a configuration
  /// error (is_misconfigured).
  [[nodiscard]] LookupResult find(std::string_view key,
                                  KeyExtent extent = KeyExtent::kComplete) const;

 private:
  std::string parameter_name_;
  std::vector<std::unique_ptr<Table>> tables_;
};

/// One entry of a table that is read as a whole.
struct TableEntry {
  std::string table;  ///< `type:name`
  std::string key;    ///< folded
  std::string value;
};

/// All entries of the tables that a parameter names, for features that must know every value before
/// they use one. A table that cannot be listed is an error of `context`.
[[nodiscard]] std::vector<TableEntry> list_entries(std::string_view parameter_name,
                                                   std::string_view value,
                                                   const OpenContext& context);

struct TransportQuery {
  std::string_view address;              ///< local@domain without brackets; empty for `<>`
  std::string_view recipient_delimiter;  ///< set of characters; empty disables extensions
  bool bare_parents = false;             ///< transport_maps is in parent_domain_matches_subdomains
  std::string_view null_key = "<>";      ///< asked instead of an empty address
};

/// transport_maps: user+ext@domain, user@domain, domain, .parents (or bare parents), `*`.
[[nodiscard]] LookupResult find_transport(const TableList& tables, const TransportQuery& query);

struct AddressQuery {
  std::string_view address;              ///< without brackets; empty for `<>`
  std::string_view recipient_delimiter;  ///< set of characters; empty disables extensions
  std::string_view null_key = "<>";      ///< asked instead of an empty address
  bool is_local = false;                 ///< the domain is this host's: the local part is asked too
};

/// Tables of addresses (recipient maps, sender_dependent_*_maps): user+ext@domain, user@domain, for
/// local domains user+ext, user, and last @domain. A bare user is asked with and without extension.
/// A quoted local part is asked for as it is written, then without its quotes.
[[nodiscard]] LookupResult find_address(const TableList& tables, const AddressQuery& query);

/// Start of the extension in a local part (the index of the delimiter), or npos. A delimiter at the
/// very start separates nothing, and neither do those of postmaster-like `owner-` names.
[[nodiscard]] size_t find_extension(std::string_view local_part,
                                    std::string_view delimiters) noexcept;

}  // namespace barid::lookup
