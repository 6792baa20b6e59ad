// The right-hand side of an access table.
// Source: access(5). Layer: policy, pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace barid::policy {

struct AccessAction {
  enum class Verb : uint8_t {
    kOk,      ///< OK, RELAY, a number that is no reply code
    kDunno,   ///< stop searching, decide nothing
    kReject,  ///< with access_map_reject_code
    kDefer,   ///< with access_map_defer_code
    kReply,   ///< `code`
    kDeferIfPermit,
    kDeferIfReject,
    kWarn,
    kInfo,
    kDiscard,
    kRedirect,
    kBcc,
    kPrepend,
    kList,  ///< anything else: restrictions
    kBad,   ///< HOLD, FILTER (not served by this version), or an argument that is none
  };
  Verb verb = Verb::kList;
  uint16_t code = 0;
  std::string_view status;  ///< "5.7.1" if the text began with one
  std::string_view text;
};

/// Never fails; views borrow `value`.
[[nodiscard]] AccessAction parse_access_action(std::string_view value) noexcept;

}  // namespace barid::policy
