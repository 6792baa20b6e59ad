// Where a recipient goes: address class, relayhost, the sender's own, transport_maps.
// Source: Postfix's address resolution (class → transport and next hop → transport_maps).
// Layer: policy, pure; an immutable snapshot per configuration.
#pragma once

#include <memory>
#include <string>

#include "core/lookup/table_list.h"
#include "policy/address_class.h"
#include "policy/egress_pools.h"
#include "policy/feedback_addresses.h"
#include "shard/schedule/queue_manager.h"

namespace barid::policy {

struct RoutingRules {
  std::string local_transport = "local:$myhostname";
  std::string virtual_transport = "virtual";
  std::string relay_transport = "relay";
  std::string default_transport = "smtp";
  std::string relayhost;  ///< relay and default classes; empty = the recipient's domain
  /// Relay and default classes: sender → relayhost. DUNNO = as without.
  lookup::TableList sender_relayhost_maps;
  std::string sender_relayhost_null_key = "<>";
  /// Default class: sender → transport:nexthop. DUNNO = as without.
  lookup::TableList sender_transport_maps;
  std::string sender_transport_null_key = "<>";
  lookup::TableList transport_maps;
  bool transport_maps_bare_parents = false;
  std::shared_ptr<const EgressPools> pools;  ///< that mail may name; null = none
  std::string recipient_delimiter;
  std::string my_hostname;
  std::string my_origin;              ///< local like mydestination, as far as tables by sender go
  std::string double_bounce_address;  ///< mail to it is discarded
  FeedbackAddresses feedback;         ///< mail to them is what comes back from others
};

class TransportRouter final : public schedule::Router {
 public:
  TransportRouter(AddressClasses classes, RoutingRules rules)
      : classes_(std::move(classes)), rules_(std::move(rules)) {}

  [[nodiscard]] schedule::Route route(const Envelope& envelope,
                                      const Recipient& recipient) const override;
  [[nodiscard]] const AddressClasses& classes() const noexcept { return classes_; }

 private:
  [[nodiscard]] lookup::LookupResult find_for_sender(const lookup::TableList& tables,
                                                     std::string_view sender,
                                                     std::string_view null_key) const;
  [[nodiscard]] schedule::Route without_pool(const Envelope& envelope,
                                             const Recipient& recipient) const;
  [[nodiscard]] schedule::Route by_class(AddressClass address_class, std::string_view sender,
                                         std::string_view domain) const;

  AddressClasses classes_;
  RoutingRules rules_;
};

/// "transport:nexthop" or "transport". An empty part is returned empty.
struct TransportSpec {
  std::string_view transport;
  std::string_view nexthop;
};
[[nodiscard]] TransportSpec split_transport(std::string_view text) noexcept;

}  // namespace barid::policy
