// Whether a HELO argument could be a host's name or address at all.
// Source: RFC 1123 2.1 (names), RFC 5321 4.1.3 (address literals). Layer: policy, pure.
#pragma once

#include <string_view>

namespace barid::policy {

/// Labels of 1 to 63 letters, digits, "-" and "_", no hyphen at either end of one, not all digits
/// and dots; at most 255 bytes. No final dot.
[[nodiscard]] bool is_host_name(std::string_view name) noexcept;

/// "[192.0.2.1]", "[IPv6:2001:db8::1]".
[[nodiscard]] bool is_address_literal(std::string_view text) noexcept;

}  // namespace barid::policy
