// A DKIM-Signature or ARC-Message-Signature field as it came in: what it says, and the bytes that
// it signs.
// Source: RFC 6376 3.5 (tags), 3.7 (what is hashed), 5.4.2 (which of several fields), 6.1.1;
//         8301 (no SHA-1), 8463 (ed25519), 8617 4.1.2 (i= instead of v= and identity).
// Layer:  core/mail, pure: hashing and keys are the caller's.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/mail/dkim_signature.h"
#include "core/mail/header_fields.h"

namespace barid::dkim {

enum class SignatureKind : uint8_t { kDkim, kArcMessage };

struct ReceivedSignature {
  Algorithm algorithm = Algorithm::kRsaSha256;
  Canonical header = Canonical::kSimple;
  Canonical body = Canonical::kSimple;
  unsigned instance = 0;           ///< i= of an ARC-Message-Signature
  std::string domain;              ///< d=, as written in lower case, perhaps with U-labels
  std::string selector;            ///< s=
  std::string identity_domain;     ///< of i=, lower case; d= if there is no i=
  std::vector<std::string> names;  ///< h=, lower case
  std::string body_hash;           ///< bh=, 32 bytes
  std::string signature;           ///< b=
  bool partial_body = false;       ///< has l=: what follows the signed part is anybody's
  int64_t expires_at = 0;          ///< x=, Unix time; 0 = never
  std::string problem;             ///< not empty: it cannot be verified, and why
};

/// `body` is a field's, behind the colon.
[[nodiscard]] ReceivedSignature parse_signature(std::string_view body, SignatureKind kind);

/// Appends what the signature `field` of `header` is made of: the fields that `names` says, from
/// the bottom up within a name, and the field itself without the value of b=.
void append_verified_data(std::string& out, std::span<const HeaderField> header,
                          std::span<const std::string> names, const HeaderField& field,
                          Canonical form);

/// The field with an empty b=.
[[nodiscard]] std::string without_signature(std::string_view field);

/// "rsa-sha256", "ed25519-sha256" in any case. False: something else.
[[nodiscard]] bool parse_algorithm(std::string_view text, Algorithm* algorithm);
/// A domain or selector of a tag, in lower case; empty if it holds what no name has.
[[nodiscard]] std::string parse_tag_name(std::string_view text);
/// At most 12 digits (RFC 6376 3.5); -1: no such number.
[[nodiscard]] int64_t parse_tag_number(std::string_view text);

}  // namespace barid::dkim
