#include "core/lookup/match_list.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "core/lookup/logical_lines.h"
#include "core/lookup/split.h"

namespace barid::lookup {
namespace detail {
namespace {

constexpr std::string_view kV4Chars = "0123456789.";
constexpr std::string_view kV6Chars = "0123456789abcdefABCDEF:.[]/";

/// Whether an item of an address list is an address pattern rather than a host name: it has a `:`
/// or `/` and no character foreign to addresses, or is digits and dots alone, which no host is.
bool looks_like_network(std::string_view text) noexcept {
  if (text.find_first_not_of(kV4Chars) == std::string_view::npos) return true;
  return text.find_first_of(":/") != std::string_view::npos &&
         text.find_first_not_of(kV6Chars) == std::string_view::npos;
}

class Parser {
 public:
  Parser(std::string_view list_name, ItemKind kind, const OpenContext& context)
      : list_name_(list_name), kind_(kind), context_(context.about(list_name)) {}

  void add_text(std::string_view text, bool negated, int depth) {
    for (const std::string_view item : split_list(text)) add_item(item, negated, depth);
  }

  std::vector<Item> finish() { return std::move(items_); }

 private:
  void add_item(std::string_view text, bool negated, int depth) {
    while (text.starts_with('!')) {
      negated = !negated;
      text = trim_left(text.substr(1));
    }
    if (text.empty()) {
      context_.warn("no pattern specified after '!'");
      return push(negated, Unreadable{fmt::format("{}: no pattern after '!'", list_name_)});
    }
    if (text.front() == '/') return add_file(std::string(text), negated, depth);
    if (is_table_spec(text)) return push(negated, TableItem{open_table(text, context_)});
    if (kind_ == ItemKind::kAddresses) return add_address_item(text, negated);
    push(negated, Literal{lower(text)});
  }

  void add_file(const std::string& path, bool negated, int depth) {
    constexpr int kDepthMax = 10;
    if (depth >= kDepthMax) {
      return unreadable(negated, fmt::format("{}: files include each other too deeply", path));
    }
    const Result<std::string> content = context_.read_file(path);
    if (!content.ok()) return unreadable(negated, open_failure(path, content.error()));
    LogicalLineReader reader(*content);
    LogicalLine line;
    while (reader.next(line)) {
      if (line.is_orphan()) {
        context_.warn(fmt::format("{}: {}", path, orphan_warning(line.text)));
        continue;
      }
      add_text(line.text, negated, depth + 1);
    }
  }

  void add_address_item(std::string_view text, bool negated) {
    const bool bracketed = text.front() == '[';
    if (!bracketed) {
      if (const auto address = IpAddress::parse(text)) {
        return push(negated, Network{IpNetwork::make(*address, address->bits())});
      }
    }
    if (!bracketed && !looks_like_network(text)) return push(negated, Literal{lower(text)});
    ParsedNetwork parsed = parse_network(text);
    if (parsed.network) return push(negated, Network{*parsed.network});
    const bool is_v6 = text.find(':') != std::string_view::npos;
    if (parsed.has_host_bits) {
      context_.warn(parsed.error);
    } else {
      context_.error(parsed.error +
                     "; need one such as 192.0.2.1, 192.0.2.0/24 or [2001:db8::]/32");
    }
    push(negated,
         BadNetwork{.is_v6 = is_v6, .reason = fmt::format("{}: {}", list_name_, parsed.error)});
  }

  void unreadable(bool negated, std::string_view text) {
    context_.warn(std::string(text));
    push(negated, Unreadable{fmt::format("{}: {}", list_name_, text)});
  }

  template <typename Pattern>
  void push(bool negated, Pattern pattern) {
    items_.push_back(Item{.negated = negated, .pattern = std::move(pattern)});
  }

  std::string list_name_;
  ItemKind kind_;
  const OpenContext context_;
  std::vector<Item> items_;
};

}  // namespace

std::vector<Item> parse_items(std::string_view list_name, std::string_view value, ItemKind kind,
                              const OpenContext& context) {
  Parser parser(list_name, kind, context);
  parser.add_text(value, /*negated=*/false, /*depth=*/0);
  return parser.finish();
}

}  // namespace detail

namespace {

using detail::Item;

constexpr MatchResult kMiss{};
constexpr MatchResult kHit{.match = Match::kYes, .reason = {}};

MatchResult failure(std::string_view reason) noexcept {
  return {.match = Match::kTemporary, .reason = reason};
}

/// A table item: only whether the key exists counts. A failing table's own text may die with the
/// result, so the table's name (which the list owns) is the reason.
MatchResult match_key(const Table& table, std::string_view key) {
  const LookupResult result = table.find(key);
  if (result.is_temporary()) return failure(table.name());
  return result.is_found() ? kHit : kMiss;
}

/// Runs `match_one` over the items; the first hit decides, a failure ends the search.
template <typename MatchOne>
MatchResult first_match(const std::vector<Item>& items, const MatchOne& match_one) {
  for (const Item& item : items) {
    MatchResult result = std::visit(match_one, item.pattern);
    if (result.is_temporary()) return result;
    if (result.yes()) return item.negated ? kMiss : kHit;
  }
  return kMiss;
}

bool ends_with_subdomain(std::string_view name, std::string_view pattern,
                         Subdomains subdomains) noexcept {
  if (name.size() <= pattern.size()) return false;
  const size_t start = name.size() - pattern.size();
  if (!equals_ignore_case(name.substr(start), pattern)) return false;
  return subdomains == Subdomains::kParent ? name[start - 1] == '.' : pattern.front() == '.';
}

/// A table item of a domain list: the name, then its parents if the table takes partial keys.
MatchResult match_domain_keys(const Table& table, std::string_view name, Subdomains subdomains) {
  MatchResult result = match_key(table, name);
  if (table.key_style() == KeyStyle::kPattern) return result;
  size_t dot = name.find('.', name.empty() ? 0 : 1);
  while (result.match == Match::kNo && dot != std::string_view::npos) {
    const size_t start = subdomains == Subdomains::kParent ? dot + 1 : dot;
    if (start == name.size()) break;
    result = match_key(table, name.substr(start));
    dot = name.find('.', dot + 1);
  }
  return result;
}

struct MatchString {
  std::string_view name;

  MatchResult operator()(const detail::Literal& item) const {
    return equals_ignore_case(item.text, name) ? kHit : kMiss;
  }
  MatchResult operator()(const detail::TableItem& item) const {
    return match_key(*item.table, name);
  }
  MatchResult operator()(const detail::Unreadable& item) const { return failure(item.reason); }
  MatchResult operator()(const detail::Network&) const { return kMiss; }
  MatchResult operator()(const detail::BadNetwork&) const { return kMiss; }
};

struct MatchDomain {
  std::string_view name;
  Subdomains subdomains;

  MatchResult operator()(const detail::Literal& item) const {
    const bool hit =
        equals_ignore_case(item.text, name) || ends_with_subdomain(name, item.text, subdomains);
    return hit ? kHit : kMiss;
  }
  MatchResult operator()(const detail::TableItem& item) const {
    return match_domain_keys(*item.table, name, subdomains);
  }
  MatchResult operator()(const detail::Unreadable& item) const { return failure(item.reason); }
  MatchResult operator()(const detail::Network&) const { return kMiss; }
  MatchResult operator()(const detail::BadNetwork&) const { return kMiss; }
};

struct MatchAddress {
  const IpAddress& address;
  std::string_view host_name;
  Subdomains subdomains;

  MatchResult operator()(const detail::Literal& item) const {
    if (host_name.empty()) return kMiss;
    return MatchDomain{host_name, subdomains}(item);
  }
  MatchResult operator()(const detail::Network& item) const {
    return item.network.contains(address) ? kHit : kMiss;
  }
  MatchResult operator()(const detail::BadNetwork& item) const {
    return item.is_v6 == address.is_v6 ? failure(item.reason) : kMiss;
  }
  MatchResult operator()(const detail::TableItem& item) const {
    if (!host_name.empty()) {
      const MatchResult result = match_domain_keys(*item.table, host_name, subdomains);
      if (result.match != Match::kNo) return result;
    }
    return match_key(*item.table, address.text());
  }
  MatchResult operator()(const detail::Unreadable& item) const { return failure(item.reason); }
};

}  // namespace

StringList::StringList(std::string_view list_name, std::string_view value,
                       const OpenContext& context)
    : items_(detail::parse_items(list_name, value, detail::ItemKind::kNames, context)) {}

MatchResult StringList::match(std::string_view name) const {
  return first_match(items_, MatchString{name});
}

DomainList::DomainList(std::string_view list_name, std::string_view value, Subdomains subdomains,
                       const OpenContext& context)
    : items_(detail::parse_items(list_name, value, detail::ItemKind::kNames, context)),
      subdomains_(subdomains) {}

MatchResult DomainList::match(std::string_view name) const {
  return first_match(items_, MatchDomain{name, subdomains_});
}

AddressList::AddressList(std::string_view list_name, std::string_view value, Subdomains subdomains,
                         const OpenContext& context)
    : items_(detail::parse_items(list_name, value, detail::ItemKind::kAddresses, context)),
      subdomains_(subdomains) {}

MatchResult AddressList::match(const IpAddress& address, std::string_view host_name) const {
  const IpAddress client = address.unmapped();
  return first_match(items_, MatchAddress{client, host_name, subdomains_});
}

}  // namespace barid::lookup
