// Which addresses exist in the domains that are ours or that we relay for.
// Source: Postfix's ADDRESS_CLASS and LOCAL_RECIPIENT (tables, texts, codes).
// Layer: policy, pure; an immutable snapshot, callable from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/lookup/table_list.h"
#include "policy/address_class.h"
#include "policy/feedback_addresses.h"

namespace barid::policy {

struct UnknownAddressCodes {
  uint16_t local = 550;            ///< unknown_local_recipient_reject_code
  uint16_t relay = 550;            ///< unknown_relay_recipient_reject_code
  uint16_t virtual_alias = 550;    ///< unknown_virtual_alias_reject_code
  uint16_t virtual_mailbox = 550;  ///< unknown_virtual_mailbox_reject_code
};

/// An empty list of tables knows every address; only virtual alias domains have no others than
/// those in virtual_alias_maps.
struct RecipientMaps {
  lookup::TableList local;            ///< local_recipient_maps
  lookup::TableList relay;            ///< relay_recipient_maps
  lookup::TableList virtual_alias;    ///< virtual_alias_maps: addresses of any class
  lookup::TableList virtual_mailbox;  ///< virtual_mailbox_maps
  FeedbackAddresses feedback;         ///< always known
  UnknownAddressCodes codes;
  std::string double_bounce = "double-bounce";  ///< double_bounce_sender: always known
  bool show_table_name = true;                  ///< show_user_unknown_table_name

  struct Answer {
    enum class Kind : uint8_t { kKnown, kUnknown, kTemporary };
    Kind kind = Kind::kKnown;
    uint16_t code = 0;          ///< kUnknown: what to refuse with
    std::string_view reason{};  ///< kUnknown: "User unknown in …"
  };
  /// `address` in external form, of class `address_class`; without a domain it is local.
  [[nodiscard]] Answer find(std::string_view address, AddressClass address_class,
                            std::string_view delimiters) const;
};

}  // namespace barid::policy
