// Domain and host names as text: folding, validity, and the ASCII form of internationalised names.
// Source: RFC 1035 2.3.1, 2.3.4 (sizes), RFC 1123 2.1 (host names), RFC 5891, UTS 46 (IDNA).
// Layer:  dns, pure; callable from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace barid::dns {

inline constexpr size_t kNameCharsMax = 253;  // RFC 1035 2.3.4: 255 octets on the wire
inline constexpr size_t kLabelCharsMax = 63;

/// Lower case, without the trailing dot; the root "." becomes "". The one spelling used for keys.
[[nodiscard]] std::string normalise_name(std::string_view name);

/// True for dot-separated labels of 1..63 printable ASCII characters without blank or backslash, at
/// most 253 in all; one trailing dot is allowed. What a query may ask for ("_dmarc.example.org").
[[nodiscard]] bool is_query_name(std::string_view name) noexcept;

/// True for what a mail host or domain may be called: letters, digits, hyphens and underscores,
/// no label that starts or ends with a hyphen, and not all digits and dots.
[[nodiscard]] bool is_host_name(std::string_view name) noexcept;

/// The A-label form of `name` (RFC 5891 5, mapped per UTS 46); ASCII names come back unchanged.
/// nullopt if the name is no valid IDN or not UTF-8.
[[nodiscard]] std::optional<std::string> name_to_ascii(std::string_view name);

}  // namespace barid::dns
