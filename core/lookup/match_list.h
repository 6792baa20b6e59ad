// Lists that say yes or no: mydestination, relay_domains, mynetworks and their kind.
// Items are tried from the left and the first match decides: literal, `!item`, `/file`,
// `type:table`. An item that cannot be checked is a temporary failure when it is reached, never
// "no". Layer: core/lookup. Building reads files and parses every item once; matching is pure and,
// apart from tables, allocates nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/lookup/ip_address.h"
#include "core/lookup/table.h"

namespace barid::lookup {

enum class Match : uint8_t { kNo, kYes, kTemporary };

/// `reason` is set when temporary; it borrows from the list.
struct MatchResult {
  Match match = Match::kNo;
  std::string_view reason;

  [[nodiscard]] bool yes() const noexcept { return match == Match::kYes; }
  [[nodiscard]] bool is_temporary() const noexcept { return match == Match::kTemporary; }
};

namespace detail {

struct Literal {
  std::string text;  ///< lower case
};
/// A literal that contains `/`, `:` or only digits and dots and is a good address or network.
struct Network {
  IpNetwork network;
};
/// A pattern that looks like a network of one family but is none; only that family reaches it.
struct BadNetwork {
  bool is_v6 = false;
  std::string reason;
};
struct TableItem {
  std::unique_ptr<Table> table;
};
/// A `/file` that could not be read.
struct Unreadable {
  std::string reason;
};

struct Item {
  bool negated = false;
  std::variant<Literal, Network, BadNetwork, TableItem, Unreadable> pattern;
};

enum class ItemKind : uint8_t { kNames, kAddresses };

[[nodiscard]] std::vector<Item> parse_items(std::string_view list_name, std::string_view value,
                                            ItemKind kind, const OpenContext& context);

}  // namespace detail

/// Exact names, e.g. mydestination.
class StringList {
 public:
  StringList() = default;
  StringList(std::string_view list_name, std::string_view value, const OpenContext& context);
  [[nodiscard]] bool empty() const noexcept { return items_.empty(); }
  [[nodiscard]] MatchResult match(std::string_view name) const;

 private:
  std::vector<detail::Item> items_;
};

/// How a name in a list relates to the names below it.
enum class Subdomains : uint8_t {
  kDotted,  ///< `example.com` is exact, `.example.com` matches its subdomains only
  kParent,  ///< `example.com` matches its subdomains too (parent_domain_matches_subdomains)
};

/// Domain names, e.g. relay_domains.
class DomainList {
 public:
  DomainList() = default;
  DomainList(std::string_view list_name, std::string_view value, Subdomains subdomains,
             const OpenContext& context);
  [[nodiscard]] bool empty() const noexcept { return items_.empty(); }
  [[nodiscard]] MatchResult match(std::string_view name) const;

 private:
  std::vector<detail::Item> items_;
  Subdomains subdomains_ = Subdomains::kDotted;
};

/// Client addresses and host names, e.g. mynetworks.
class AddressList {
 public:
  AddressList() = default;
  AddressList(std::string_view list_name, std::string_view value, Subdomains subdomains,
              const OpenContext& context);
  [[nodiscard]] bool empty() const noexcept { return items_.empty(); }

  /// `::ffff:a.b.c.d` is matched as the IPv4 address it stands for. `host_name` may be empty (not
  /// known); then only address patterns can match.
  [[nodiscard]] MatchResult match(const IpAddress& address, std::string_view host_name = {}) const;

 private:
  std::vector<detail::Item> items_;
  Subdomains subdomains_ = Subdomains::kDotted;
};

}  // namespace barid::lookup
