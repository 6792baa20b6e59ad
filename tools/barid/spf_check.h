// Whether a domain's SPF record lets an address of ours send. Only for advice: mechanisms that need
// a message (macros) do not match.
// Source: RFC 7208 4.6 (evaluation, limits), 5 (mechanisms), 6.1 (redirect).
// Layer:  tools.
#pragma once

#include <absl/functional/function_ref.h>

#include <string>
#include <string_view>

#include "core/lookup/ip_address.h"
#include "dns/resolver.h"

namespace barid::tools {

enum class SpfResult : uint8_t { kNone, kPass, kFail, kSoftFail, kNeutral, kTemporary, kPermanent };
/// "none", "pass", …
[[nodiscard]] std::string_view spf_result_name(SpfResult result) noexcept;

struct SpfVerdict {
  SpfResult result = SpfResult::kNone;
  std::string record;
  std::string problem;  ///< of kTemporary and kPermanent
};

using AskDns = absl::FunctionRef<dns::Answer(const std::string& name, dns::RecordType type)>;

[[nodiscard]] SpfVerdict check_spf(const std::string& domain, const lookup::IpAddress& address,
                                   AskDns ask);

}  // namespace barid::tools
