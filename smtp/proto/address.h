// Mailboxes and paths of SMTP: parsing, canonical form, splitting.
// Source: RFC 5321 4.1.2 (Path, Mailbox, Local-part), 4.1.3 (address literals), 4.5.3.1 (sizes),
//         RFC 6531 3.3 (UTF-8 in both parts).
// Layer:  smtp/proto, pure. Parsed addresses borrow the parsed text.
//
// Strict parsing (strict_rfc821_envelopes) takes exactly the RFC's grammar and sizes. Otherwise
// these are taken too, because deployed senders need them: a missing "<>", blanks just inside it, a
// name without domain, dots at odd places of a local part ("a..b", "a."), "_" in a domain, a dot at
// its end, and local parts and paths longer than the sizes of RFC 5321 4.5.3.1, which are what a
// server must at least take, not limits. Comments, phrases and control characters are never taken.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace barid::smtp {

inline constexpr size_t kLocalPartBytesStrict = 64;  ///< RFC 5321 4.5.3.1.1
inline constexpr size_t kDomainBytesMax = 255;       ///< RFC 5321 4.5.3.1.2
inline constexpr size_t kLabelBytesMax = 63;         ///< RFC 1035 2.3.4
inline constexpr size_t kPathBytesStrict = 256;      ///< RFC 5321 4.5.3.1.3, with "<" and ">"
inline constexpr size_t kPathBytesMax = 1000;        ///< the bound when not strict

struct Address {
  std::string_view local;   ///< as written, quotes included
  std::string_view domain;  ///< as written without final dot; "[…]" for a literal; empty = none
  bool quoted = false;      ///< `local` is a quoted string
  bool utf8 = false;        ///< a part holds non-ASCII characters

  [[nodiscard]] bool is_null() const noexcept { return local.empty(); }
  [[nodiscard]] bool is_literal() const noexcept { return domain.starts_with('['); }
};

struct PathOptions {
  bool strict = false;
  bool utf8 = false;        ///< take non-ASCII characters
  bool allow_null = false;  ///< take "<>"
};

struct Path {
  Address address;        ///< the source route, if any, is checked and dropped (RFC 5321 4.1.1.3)
  std::string_view rest;  ///< what follows the path, without leading blanks
};

/// Parses the path at the start of `text`; it ends at the end or at a blank.
/// Errors: kMalformed (grammar, or non-ASCII without `utf8`), kTooLong; `text` says which part.
[[nodiscard]] Result<Path> parse_path(std::string_view text, PathOptions options) noexcept;

/// Parses `text`, all of it, as a Mailbox without brackets, or as a bare local part if not strict.
/// Errors: as parse_path.
[[nodiscard]] Result<Address> parse_mailbox(std::string_view text, PathOptions options) noexcept;

/// True if `domain` is a host name of the grammar above or an address literal with its brackets.
[[nodiscard]] bool is_valid_domain(std::string_view domain, PathOptions options) noexcept;

/// Appends the external canonical form: the local part quoted if, and only if, it must be.
/// Nothing for the null address; no "@" if there is no domain.
void append_address(std::string& out, const Address& address);

/// Appends the local part without quotes and backslashes, as table lookups want it.
void append_unquoted(std::string& out, std::string_view local);

struct AddressParts {
  std::string_view local;   ///< quotes included
  std::string_view domain;  ///< empty = none
};

/// Splits an address in external form at the "@" that is not inside quotes.
[[nodiscard]] AddressParts split_address(std::string_view address) noexcept;

}  // namespace barid::smtp
