// Record data from the wire, uncompressed as a resolver library hands it out, to typed values.
// Source: RFC 1035 3.1 (names), 3.3 (MX, PTR, TXT), RFC 3596 2.2 (AAAA), RFC 6698 2.1 (TLSA),
//         RFC 4343 2.1 (escapes in presentation form).
// Layer:  dns, pure. All functions: nullopt for anything that breaks the format, trailing bytes
//         included; they copy what they return.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "dns/resolver.h"

namespace barid::dns {

/// A name in presentation form without trailing dot; the root is "". Dots and backslashes inside a
/// label and bytes that are not printable come out escaped, so that no such name passes for a host.
[[nodiscard]] std::optional<std::string> decode_name(std::string_view wire);

[[nodiscard]] std::optional<MxRecord> decode_mx(std::string_view wire);
/// 4 bytes (A) or 16 bytes (AAAA); the port is 0.
[[nodiscard]] std::optional<net::SocketAddress> decode_address(std::string_view wire,
                                                               RecordType type);
/// The character strings joined, as SPF, DKIM and DMARC read them (RFC 7208 3.3).
[[nodiscard]] std::optional<std::string> decode_text(std::string_view wire);
[[nodiscard]] std::optional<TlsaRecord> decode_tlsa(std::string_view wire);

/// Decodes one record into the field of `answer` that belongs to `type`; false if it is malformed.
[[nodiscard]] bool append_record(Answer& answer, RecordType type, std::string_view wire);

}  // namespace barid::dns
