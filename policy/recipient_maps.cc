#include "policy/recipient_maps.h"

#include <algorithm>
#include <array>

#include "core/text/ascii.h"

namespace barid::policy {
namespace {

using Answer = RecipientMaps::Answer;
using lookup::LookupResult;

constexpr std::string_view kUnknownUser = "User unknown";

struct Query {
  std::string_view address;
  std::string_view delimiters;
  bool is_local;
};

/// As it is written on the wire, then, if the local part is quoted, as people write it in tables.
LookupResult find_listed(const lookup::TableList& tables, const Query& query) {
  const auto find = [&](std::string_view address) {
    return lookup::find_address(
        tables,
        {.address = address, .recipient_delimiter = query.delimiters, .is_local = query.is_local});
  };
  LookupResult result = find(query.address);
  if (result.status() != LookupResult::Status::kNotFound || !query.address.starts_with('"')) {
    return result;
  }
  std::string plain = unquoted(local_part_of(query.address));
  plain.append(query.address.substr(local_part_of(query.address).size()));
  return find(plain);
}

}  // namespace

Answer RecipientMaps::find(std::string_view address, AddressClass address_class,
                           std::string_view delimiters) const {
  if (address_class == AddressClass::kTemporary) return {.kind = Answer::Kind::kTemporary};
  if (feedback.contains(address)) return {};
  const Query query{.address = address,
                    .delimiters = delimiters,
                    .is_local = address_class == AddressClass::kLocal};
  const LookupResult alias = find_listed(virtual_alias, query);
  if (alias.is_temporary()) return {.kind = Answer::Kind::kTemporary};
  if (alias.is_found()) return {};

  const auto unknown = [&](uint16_t code, std::string_view text) {
    return Answer{.kind = Answer::Kind::kUnknown,
                  .code = code,
                  .reason = show_table_name ? text : kUnknownUser};
  };
  const auto known_in = [&](const lookup::TableList& tables, const Answer& otherwise) {
    if (tables.empty()) return Answer{};
    const LookupResult result = find_listed(tables, query);
    if (result.is_temporary()) return Answer{.kind = Answer::Kind::kTemporary};
    return result.is_found() ? Answer{} : otherwise;
  };
  switch (address_class) {
    case AddressClass::kLocal: {
      const std::array<std::string_view, 3> always = {double_bounce, "postmaster", "mailer-daemon"};
      const std::string_view user = local_part_of(address);
      const bool exempt = std::any_of(always.begin(), always.end(), [&](std::string_view name) {
        return text::equals_ignore_case(user, name);
      });
      if (exempt) return {};
      return known_in(local, unknown(codes.local, "User unknown in local recipient table"));
    }
    case AddressClass::kVirtualAlias:
      return unknown(codes.virtual_alias, "User unknown in virtual alias table");
    case AddressClass::kVirtualMailbox:
      return known_in(virtual_mailbox,
                      unknown(codes.virtual_mailbox, "User unknown in virtual mailbox table"));
    case AddressClass::kRelay:
      return known_in(relay, unknown(codes.relay, "User unknown in relay recipient table"));
    case AddressClass::kDefault:
    case AddressClass::kTemporary:
      break;
  }
  return {};
}

}  // namespace barid::policy
