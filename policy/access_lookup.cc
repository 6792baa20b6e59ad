#include "policy/access_lookup.h"

#include <string>

#include "core/lookup/table_list.h"
#include "policy/address_class.h"

namespace barid::policy {
namespace {

using lookup::LookupResult;

bool is_undecided(const LookupResult& result) noexcept {
  return result.status() == LookupResult::Status::kNotFound;
}

/// Pattern tables see complete keys only.
LookupResult find_partial(const lookup::Table& table, std::string_view key) {
  if (table.key_style() == lookup::KeyStyle::kPattern) return LookupResult::not_found();
  return table.find(key);
}

LookupResult find_parents(const lookup::Table& table, std::string_view domain, bool bare) {
  LookupResult result = LookupResult::not_found();
  size_t dot = domain.find('.');
  while (is_undecided(result) && dot != std::string_view::npos && dot + 1 < domain.size()) {
    result = find_partial(table, domain.substr(bare ? dot + 1 : dot));
    dot = domain.find('.', dot + 1);
  }
  return result;
}

}  // namespace

LookupResult find_access_domain(const lookup::Table& table, std::string_view domain,
                                const AccessKeys& keys) {
  if (domain.ends_with('.')) domain.remove_suffix(1);
  if (domain.empty()) return LookupResult::not_found();
  LookupResult result = table.find(domain);
  if (is_undecided(result)) result = find_parents(table, domain, keys.bare_parents);
  return result;
}

LookupResult find_access_address(const lookup::Table& table, std::string_view address) {
  const char separator = address.find(':') != std::string_view::npos ? ':' : '.';
  LookupResult result = table.find(address);
  while (is_undecided(result)) {
    const size_t cut = address.rfind(separator);
    if (cut == std::string_view::npos || cut == 0) break;
    address = address.substr(0, cut);
    if (!address.ends_with(separator)) result = find_partial(table, address);
  }
  return result;
}

LookupResult find_access_mail(const lookup::Table& table, std::string_view address,
                              const AccessKeys& keys) {
  if (address.empty()) {
    return keys.null_sender.empty() ? LookupResult::not_found() : table.find(keys.null_sender);
  }
  std::string_view domain = domain_of(address);
  if (domain.ends_with('.')) domain.remove_suffix(1);
  const std::string local = unquoted(local_part_of(address));
  const size_t extension = lookup::find_extension(local, keys.delimiters);
  const bool extended = extension != std::string::npos;
  const std::string base = local.substr(0, extension);
  const std::string at_domain = domain.empty() ? std::string() : '@' + std::string(domain);

  LookupResult result = table.find(local + at_domain);
  if (is_undecided(result) && extended) result = find_partial(table, base + at_domain);
  if (is_undecided(result) && !domain.empty()) {
    result = find_partial(table, domain);
    if (is_undecided(result)) result = find_parents(table, domain, keys.bare_parents);
  }
  if (is_undecided(result)) result = find_partial(table, local + '@');
  if (is_undecided(result) && extended) result = find_partial(table, base + '@');
  return result;
}

}  // namespace barid::policy
