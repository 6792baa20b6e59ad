// The EHLO keywords this server knows, as a set of bits: what is announced, what a listener or a
// client address has discarded (smtpd_discard_ehlo_keywords and its address maps).
// Source: RFC 5321 4.1.1.1, 2920, 1870, 1985, 3207, 4954, 2034, 6152, 3461, 6531, 3030, 8689, 6710.
// Layer:  smtp/proto, pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace barid::smtp {

enum Keyword : uint32_t {
  kKeywordPipelining = 1u << 0,
  kKeywordSize = 1u << 1,
  kKeywordVrfy = 1u << 2,
  kKeywordEtrn = 1u << 3,
  kKeywordStarttls = 1u << 4,
  kKeywordAuth = 1u << 5,
  kKeywordXverp = 1u << 6,
  kKeywordXclient = 1u << 7,
  kKeywordXforward = 1u << 8,
  kKeywordEnhancedStatusCodes = 1u << 9,
  kKeyword8BitMime = 1u << 10,
  kKeywordDsn = 1u << 11,
  kKeywordSmtpUtf8 = 1u << 12,
  kKeywordChunking = 1u << 13,
  kKeywordRequireTls = 1u << 14,
  kKeywordBinaryMime = 1u << 15,     ///< announced only where the queue may hold binary content
  kKeywordSilentDiscard = 1u << 16,  ///< not a keyword: "do not log what was discarded"
  kKeywordMtPriority = 1u << 17,
  kKeywordOnce = 1u << 18,  ///< never announced: MAIL's XONCE=key, of this host's programs
};

/// A union of Keyword bits.
using KeywordSet = uint32_t;

/// What every SMTP server of today announces.
inline constexpr KeywordSet kKeywordsDefault =
    kKeywordPipelining | kKeywordSize | kKeywordVrfy | kKeywordEtrn | kKeywordEnhancedStatusCodes |
    kKeyword8BitMime | kKeywordDsn | kKeywordSmtpUtf8 | kKeywordChunking;
/// What a listener announces unless told otherwise.
inline constexpr KeywordSet kKeywordsServed =
    kKeywordsDefault | kKeywordBinaryMime | kKeywordMtPriority;

/// Parses a list separated by blanks or commas, e.g. "dsn, silent-discard"; case does not matter.
/// Errors: kMalformed for an unknown word; `detail` is the word's offset in `list`.
[[nodiscard]] Result<KeywordSet> parse_keyword_list(std::string_view list) noexcept;

/// The names of `set` as Postfix logs those that it discards, e.g. "ETRN VERP DSN".
[[nodiscard]] std::string keyword_list(KeywordSet set);

/// The name as announced, e.g. "8BITMIME"; empty for anything that is not exactly one keyword.
[[nodiscard]] std::string_view keyword_name(Keyword keyword) noexcept;

}  // namespace barid::smtp
