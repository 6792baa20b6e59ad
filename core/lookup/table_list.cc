#include "core/lookup/table_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/lookup/split.h"

namespace barid::lookup {
namespace {

/// A part of an address that a stranger chose would name a host, a program or a file.
constexpr std::array<std::string_view, 10> kLiteralResults = {
    "alias_maps",           "transport_maps",         "sender_dependent_relayhost_maps",
    "virtual_uid_maps",     "virtual_gid_maps",       "sender_dependent_default_transport_maps",
    "virtual_mailbox_maps", "mailbox_transport_maps", "fallback_transport_maps",
    "mailbox_command_maps"};

}  // namespace

TableList::TableList(std::string_view parameter_name, std::string_view value,
                     const OpenContext& context)
    : parameter_name_(parameter_name) {
  OpenContext own = context.about(parameter_name);
  own.literal_results = std::find(kLiteralResults.begin(), kLiteralResults.end(), parameter_name) !=
                        kLiteralResults.end();
  own.secret_values = holds_secrets(parameter_name);
  for (const std::string_view spec : split_list(value)) {
    tables_.push_back(open_table(spec, own));
  }
}

LookupResult TableList::find(std::string_view key, KeyExtent extent) const {
  for (const auto& table : tables_) {
    if (extent == KeyExtent::kPartial && table->key_style() == KeyStyle::kPattern) continue;
    LookupResult result = table->find(key);
    if (result.is_temporary()) return result;
    if (!result.is_found()) continue;
    if (result.value().empty()) {
      return LookupResult::misconfigured(
          fmt::format("{} lookup of {} returns an empty string result", parameter_name_, key));
    }
    return result;
  }
  return LookupResult::not_found();
}

std::vector<TableEntry> list_entries(std::string_view parameter_name, std::string_view value,
                                     const OpenContext& context) {
  std::vector<TableEntry> entries;
  for (const std::string_view spec : split_list(value)) {
    std::vector<std::string> warnings;
    OpenContext own = context;
    own.warnings = &warnings;
    own.errors = &warnings;
    const std::unique_ptr<Table> table = open_table(spec, own);
    const bool listed = table->for_each_entry([&](std::string_view key, std::string_view text) {
      entries.push_back({std::string(spec), std::string(key), std::string(text)});
    });
    for (std::string& warning : warnings) {
      warning = fmt::format("{}: {}", parameter_name, warning);
      listed ? context.warn(std::move(warning)) : context.error(std::move(warning));
    }
    if (!listed && warnings.empty()) {
      context.error(fmt::format(
          "{}: {} cannot be read as a whole; need inline, texthash, or cidr without \"!\" and IF",
          parameter_name, spec));
    }
  }
  return entries;
}

size_t find_extension(std::string_view local_part, std::string_view delimiters) noexcept {
  constexpr std::array<std::string_view, 3> kReserved = {"mailer-daemon", "double-bounce",
                                                         "postmaster"};
  if (delimiters.empty()) return std::string_view::npos;
  const bool reserved = std::any_of(kReserved.begin(), kReserved.end(), [&](std::string_view name) {
    return equals_ignore_case(local_part, name);
  });
  if (reserved) return std::string_view::npos;
  if (delimiters.find('-') != std::string_view::npos) {
    // owner-list and list-request are addresses of their own.
    if (local_part.size() > 6 && equals_ignore_case(local_part.substr(0, 6), "owner-")) {
      return std::string_view::npos;
    }
    if (local_part.size() > 8 &&
        equals_ignore_case(local_part.substr(local_part.size() - 8), "-request")) {
      return std::string_view::npos;
    }
  }
  const size_t at = local_part.find_first_of(delimiters);
  return at == 0 ? std::string_view::npos : at;
}

namespace {

/// domain, then its parents: `.b.c`, `.c`, or bare `b.c`, `c`.
LookupResult find_domain(const TableList& tables, std::string_view domain, bool bare_parents) {
  LookupResult result = tables.find(domain, KeyExtent::kPartial);
  size_t dot = domain.find('.', domain.empty() ? 0 : 1);
  while (result.status() == LookupResult::Status::kNotFound && dot != std::string_view::npos) {
    const std::string_view parent = domain.substr(bare_parents ? dot + 1 : dot);
    if (parent.empty()) break;
    result = tables.find(parent, KeyExtent::kPartial);
    dot = domain.find('.', dot + 1);
  }
  return result;
}

/// user@domain without the extension, built on the stack or, if long, on the heap.
LookupResult find_without_extension(const TableList& tables, std::string_view user,
                                    std::string_view at_domain) {
  std::array<char, 320> buffer;
  if (user.size() + at_domain.size() > buffer.size()) {
    return tables.find(fmt::format("{}{}", user, at_domain), KeyExtent::kPartial);
  }
  char* end = std::copy(user.begin(), user.end(), buffer.data());
  end = std::copy(at_domain.begin(), at_domain.end(), end);
  const auto length = static_cast<size_t>(end - buffer.data());
  return tables.find({buffer.data(), length}, KeyExtent::kPartial);
}

}  // namespace

LookupResult find_transport(const TableList& tables, const TransportQuery& query) {
  if (tables.empty()) return LookupResult::not_found();
  const std::string_view address = query.address.empty() ? query.null_key : query.address;
  LookupResult result = tables.find(address);
  const size_t at = address.rfind('@');
  if (result.status() == LookupResult::Status::kNotFound && at != std::string_view::npos) {
    const std::string_view local_part = address.substr(0, at);
    const size_t extension = find_extension(local_part, query.recipient_delimiter);
    if (extension != std::string_view::npos) {
      result = find_without_extension(tables, local_part.substr(0, extension), address.substr(at));
    }
    if (result.status() == LookupResult::Status::kNotFound) {
      result = find_domain(tables, address.substr(at + 1), query.bare_parents);
    }
  }
  if (result.status() == LookupResult::Status::kNotFound) result = tables.find("*");
  return result;
}

namespace {

/// All keys but @domain.
LookupResult find_user(const TableList& tables, const AddressQuery& query) {
  const std::string_view address = query.address.empty() ? query.null_key : query.address;
  LookupResult result = tables.find(address);
  if (result.status() != LookupResult::Status::kNotFound) return result;
  const size_t at = std::min(address.rfind('@'), address.size());
  const std::string_view local_part = address.substr(0, at);
  const std::string_view at_domain = address.substr(at);
  const size_t extension = find_extension(local_part, query.recipient_delimiter);
  if (extension != std::string_view::npos) {
    result = find_without_extension(tables, local_part.substr(0, extension), at_domain);
    if (result.status() != LookupResult::Status::kNotFound) return result;
  }
  if (at_domain.empty()) return result;
  if (query.is_local) {
    result = tables.find(local_part, KeyExtent::kPartial);
    if (result.status() != LookupResult::Status::kNotFound) return result;
    if (extension != std::string_view::npos) {
      result = tables.find(local_part.substr(0, extension), KeyExtent::kPartial);
      if (result.status() != LookupResult::Status::kNotFound) return result;
    }
  }
  return result;
}

/// `"a b"@c` as `a b@c`.
std::string without_quotes(std::string_view address) {
  const size_t at = std::min(address.rfind('@'), address.size());
  std::string raw;
  for (size_t i = 1; i < at && address[i] != '"'; ++i) {
    if (address[i] == '\\' && i + 1 < at) ++i;
    raw += address[i];
  }
  return raw.append(address.substr(at));
}

}  // namespace

LookupResult find_address(const TableList& tables, const AddressQuery& query) {
  if (tables.empty()) return LookupResult::not_found();
  LookupResult result = find_user(tables, query);
  const std::string_view address = query.address;
  if (result.status() == LookupResult::Status::kNotFound && address.starts_with('"')) {
    const std::string raw = without_quotes(address);
    AddressQuery other = query;
    other.address = raw;
    result = find_user(tables, other);
  }
  const size_t at = std::min(address.rfind('@'), address.size());
  if (result.status() != LookupResult::Status::kNotFound || at == address.size()) return result;
  return tables.find(address.substr(at), KeyExtent::kPartial);
}

}  // namespace barid::lookup
