#include "policy/transport_router.h"

#include <algorithm>
#include <cctype>

#include "core/text/ascii.h"

namespace barid::policy {

using schedule::Route;

namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  // ASCII only: UTF-8 domains stay as they are, their A-labels are made at lookup.
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
  });
  return out;
}

Route lookup_failure(std::string_view parameter) {
  return Route{.transport = "retry",
               .nexthop = "4.3.0 " + std::string(parameter) + ": lookup failure"};
}

}  // namespace

TransportSpec split_transport(std::string_view text) noexcept {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return TransportSpec{.transport = text, .nexthop = {}};
  return TransportSpec{.transport = text.substr(0, colon), .nexthop = text.substr(colon + 1)};
}

/// What a table says of a sender; DUNNO ends the search and counts as nothing found.
lookup::LookupResult TransportRouter::find_for_sender(const lookup::TableList& tables,
                                                      std::string_view sender,
                                                      std::string_view null_key) const {
  if (tables.empty()) return lookup::LookupResult::not_found();
  const std::string_view domain = domain_of(sender);
  lookup::LookupResult found = lookup::find_address(
      tables, {.address = sender,
               .recipient_delimiter = rules_.recipient_delimiter,
               .null_key = null_key,
               .is_local = classes_.class_of(domain) == AddressClass::kLocal ||
                           text::equals_ignore_case(domain, rules_.my_origin)});
  if (found.is_found() && text::equals_ignore_case(found.value(), "DUNNO")) {
    return lookup::LookupResult::not_found();
  }
  return found;
}

// Next hops as configured keep their spelling: they may be texts or paths. Domains are folded.
Route TransportRouter::by_class(AddressClass address_class, std::string_view sender,
                                std::string_view domain) const {
  std::string_view spec_text = rules_.default_transport;
  bool relayed = false;
  lookup::LookupResult by_sender = lookup::LookupResult::not_found();
  switch (address_class) {
    case AddressClass::kLocal:
      spec_text = rules_.local_transport;
      break;
    case AddressClass::kVirtualMailbox:
      spec_text = rules_.virtual_transport;
      break;
    case AddressClass::kVirtualAlias:
      return Route{.transport = "error", .nexthop = "5.1.1 User unknown in virtual alias table"};
    case AddressClass::kRelay:
      spec_text = rules_.relay_transport;
      relayed = true;
      break;
    case AddressClass::kDefault:
      relayed = true;
      by_sender =
          find_for_sender(rules_.sender_transport_maps, sender, rules_.sender_transport_null_key);
      if (by_sender.is_temporary()) {
        return lookup_failure("sender_dependent_default_transport_maps");
      }
      if (by_sender.is_found()) spec_text = by_sender.value();
      break;
    case AddressClass::kTemporary:
      return Route{.transport = "retry", .nexthop = "4.3.0 address resolver failure"};
  }
  const TransportSpec spec = split_transport(spec_text);
  const std::string_view transport =
      spec.transport.empty() ? split_transport(rules_.default_transport).transport : spec.transport;
  Route route{.transport = std::string(transport), .nexthop = std::string(spec.nexthop)};
  if (!route.nexthop.empty()) return route;
  if (relayed) {
    const lookup::LookupResult own =
        find_for_sender(rules_.sender_relayhost_maps, sender, rules_.sender_relayhost_null_key);
    if (own.is_temporary()) return lookup_failure("sender_dependent_relayhost_maps");
    route.nexthop = own.is_found() ? own.value() : std::string_view(rules_.relayhost);
  }
  if (route.nexthop.empty()) route.nexthop = lower(domain);
  if (route.nexthop.empty()) route.nexthop = lower(rules_.my_hostname);
  return route;
}

/// Mail that names a pool leaves from no other address.
Route TransportRouter::route(const Envelope& envelope, const Recipient& recipient) const {
  Route route = without_pool(envelope, recipient);
  constexpr std::string_view kNoConnections[] = {"error", "retry", "discard", "feedback"};
  const bool connects = std::find(std::begin(kNoConnections), std::end(kNoConnections),
                                  route.transport) == std::end(kNoConnections);
  if (envelope.pool.empty() || !connects) return route;
  if (rules_.pools == nullptr || rules_.pools->find(envelope.pool) == nullptr) {
    return Route{.transport = "retry",
                 .nexthop = "4.3.5 there is no egress pool \"" + envelope.pool + "\""};
  }
  route.pool = envelope.pool;
  return route;
}

Route TransportRouter::without_pool(const Envelope& envelope, const Recipient& recipient) const {
  std::string_view address = recipient.address;
  if (address.ends_with('.') && !domain_of(address).empty()) address.remove_suffix(1);
  const std::string_view domain = domain_of(address);
  if (!rules_.double_bounce_address.empty() && lower(address) == rules_.double_bounce_address) {
    return Route{.transport = "discard",
                 .nexthop = "2.0.0 undeliverable postmaster notification discarded"};
  }
  if (rules_.feedback.contains(address)) return Route{.transport = "feedback", .nexthop = {}};
  const AddressClass address_class = classes_.class_of(domain);
  Route route = by_class(address_class, envelope.sender, domain);
  if (rules_.transport_maps.empty() || address_class == AddressClass::kVirtualAlias ||
      address_class == AddressClass::kTemporary) {
    return route;
  }
  const lookup::LookupResult found = lookup::find_transport(
      rules_.transport_maps, {.address = address,
                              .recipient_delimiter = rules_.recipient_delimiter,
                              .bare_parents = rules_.transport_maps_bare_parents});
  if (found.is_temporary()) return lookup_failure("transport_maps");
  if (!found.is_found()) return route;
  // "t:n" both, "t:" the domain again, ":n" the class's transport, ":" no change, "t" transport
  // only.
  const std::string_view value = found.value();
  const TransportSpec spec = split_transport(value);
  const bool has_colon = value.find(':') != std::string_view::npos;
  if (!spec.transport.empty()) {
    route.transport = std::string(spec.transport);
    if (has_colon && spec.nexthop.empty()) route.nexthop = lower(domain);
  }
  if (!spec.nexthop.empty()) {
    route.nexthop = std::string(spec.nexthop);
  } else if (!spec.transport.empty() &&
             (route.transport == "error" || route.transport == "retry")) {
    route.nexthop = route.transport == "error" ? "5.0.0 Address is undeliverable"
                                               : "4.0.0 Address is undeliverable";
  }
  return route;
}

}  // namespace barid::policy
