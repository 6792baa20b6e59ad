#include "policy/address_class.h"

#include <algorithm>

namespace barid::policy {

namespace {

/// "[192.0.2.1]" or "[IPv6:2001:db8::1]" without its decoration; empty if it is no literal.
std::string_view literal_address(std::string_view domain) noexcept {
  if (domain.size() < 3 || domain.front() != '[' || domain.back() != ']') return {};
  std::string_view inner = domain.substr(1, domain.size() - 2);
  constexpr std::string_view kTag = "IPv6:";
  const auto same = [](char a, char b) { return (a | 0x20) == (b | 0x20); };
  if (inner.size() > kTag.size() && std::equal(kTag.begin(), kTag.end(), inner.begin(), same)) {
    inner.remove_prefix(kTag.size());
  }
  return inner;
}

}  // namespace

AddressClass AddressClasses::class_of(std::string_view domain) const {
  if (domain.empty()) return AddressClass::kLocal;
  if (const std::string_view literal = literal_address(domain); !literal.empty()) {
    const auto address = lookup::IpAddress::parse(literal);
    const bool own = address && std::find(own_addresses.begin(), own_addresses.end(), *address) !=
                                    own_addresses.end();
    return own ? AddressClass::kLocal : AddressClass::kDefault;
  }
  // In order of precedence.
  const std::pair<lookup::MatchResult, AddressClass> answers[] = {
      {local.match(domain), AddressClass::kLocal},
      {virtual_alias.match(domain), AddressClass::kVirtualAlias},
      {virtual_mailbox.match(domain), AddressClass::kVirtualMailbox},
      {relay.match(domain), AddressClass::kRelay},
  };
  for (const auto& [answer, address_class] : answers) {
    if (answer.is_temporary()) return AddressClass::kTemporary;
    if (answer.yes()) return address_class;
  }
  return AddressClass::kDefault;
}

bool has_source_routing(std::string_view local_part) noexcept {
  return local_part.find_first_of("%!@") != std::string_view::npos;
}

std::string_view domain_of(std::string_view address) noexcept {
  // In external form an '@' inside the local part is quoted, so the last one separates.
  const size_t at = address.rfind('@');
  return at == std::string_view::npos ? std::string_view() : address.substr(at + 1);
}

std::string_view local_part_of(std::string_view address) noexcept {
  return address.substr(0, address.rfind('@'));
}

std::string unquoted(std::string_view local) {
  if (local.size() < 2 || local.front() != '"' || local.back() != '"') return std::string(local);
  std::string plain;
  for (size_t i = 1; i + 1 < local.size(); ++i) {
    if (local[i] == '\\' && i + 2 < local.size()) ++i;
    plain.push_back(local[i]);
  }
  return plain;
}

}  // namespace barid::policy
