// The DKIM-Signature field: which fields it covers, what is hashed, and how it is written.
// Source: RFC 6376 3.5 (tags), 3.7 (what is hashed), 5.4 (fields to sign), 8301 (rsa-sha256 only),
//         8463 (ed25519-sha256), 8617 4.1.2 (ARC-Message-Signature).
// Layer:  core/mail, pure: hashing and signing are the caller's.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/mail/dkim_canonical.h"
#include "core/mail/header_fields.h"

namespace barid::dkim {

enum class Algorithm : uint8_t { kRsaSha256, kEd25519Sha256 };
/// "rsa-sha256", "ed25519-sha256".
[[nodiscard]] std::string_view algorithm_name(Algorithm algorithm) noexcept;

/// What a signature says besides its hashes.
struct SignatureTags {
  Algorithm algorithm = Algorithm::kRsaSha256;
  Canonical header = Canonical::kRelaxed;
  Canonical body = Canonical::kRelaxed;
  std::string_view domain;    ///< d=, A-labels
  std::string_view selector;  ///< s=
  std::string_view identity;  ///< i=, empty = none is said
  int64_t signed_at = 0;      ///< t=, Unix time
  int64_t expires_at = 0;     ///< x=, 0 = none is said
  unsigned arc_instance = 0;  ///< not 0: an ARC-Message-Signature, and its i= (RFC 8617 4.1.2)
};

/// Names of fields that are signed where they are present, in lower case.
struct FieldChoice {
  std::vector<std::string> oversigned;  ///< and may not be added either
  std::vector<std::string> others;
};

/// One place in h=.
struct SignedField {
  std::string_view name;               ///< lower case, of the FieldChoice
  const HeaderField* field = nullptr;  ///< null: that there is no further one
};

/// Of one name at most so many fields are covered, the last ones: a header that repeats a field
/// hundreds of times does not make a signature of hundreds of names.
inline constexpr size_t kFieldsOfOneNameMax = 20;

/// The places of h=, by name, from the bottom up within a name (RFC 6376 5.4.2).
[[nodiscard]] std::vector<SignedField> choose_fields(std::span<const HeaderField> header,
                                                     const FieldChoice& choice);

/// The field up to and with "b=", folded, without CRLF. `body_hash` is 32 bytes.
[[nodiscard]] std::string unsigned_field(const SignatureTags& tags,
                                         std::span<const SignedField> fields,
                                         std::string_view body_hash);

/// Appends what is hashed for the signature: the covered fields and the field itself.
void append_signed_data(std::string& out, std::span<const SignedField> fields,
                        std::string_view unsigned_field, Canonical form);

/// The complete field with its CRLF.
[[nodiscard]] std::string finished_field(std::string_view unsigned_field,
                                         std::string_view signature);

}  // namespace barid::dkim
