// The TXT record that publishes a DKIM key.
// Source: RFC 6376 3.6.1 (tags), 8463 4 (ed25519), 8301 (no SHA-1).
// Layer:  core/mail, pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace barid::dkim {

struct KeyRecord {
  std::string key_type = "rsa";     ///< k=
  std::string public_key;           ///< p=, decoded; empty = revoked
  std::vector<std::string> hashes;  ///< h=; empty = all
  bool for_mail = true;             ///< s= has "*" or "email"
  bool testing = false;             ///< t=y
  bool strict_identity = false;     ///< t=s: i= must be in d= itself
};

struct ParsedKeyRecord {
  KeyRecord record;
  std::string problem;  ///< not empty: it is no such record
};

/// Unknown tags are passed over; what repeats a tag, or is not name=value, is a problem.
[[nodiscard]] ParsedKeyRecord parse_key_record(std::string_view text);

/// "v=DKIM1; k=rsa; p=…".
[[nodiscard]] std::string format_key_record(std::string_view key_type, std::string_view public_key);

/// "S._domainkey.D".
[[nodiscard]] std::string key_record_name(std::string_view selector, std::string_view domain);

/// The record as a line of a zone file, in character strings of at most 255 bytes.
[[nodiscard]] std::string zone_line(std::string_view name, std::string_view text);

}  // namespace barid::dkim
