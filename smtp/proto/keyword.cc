#include "smtp/proto/keyword.h"

#include <array>

#include "core/text/ascii.h"

namespace barid::smtp {
namespace {

struct NamedKeyword {
  Keyword keyword;
  std::string_view name;
};

constexpr std::array kNamedKeywords = {
    NamedKeyword{kKeywordPipelining, "PIPELINING"},
    NamedKeyword{kKeywordSize, "SIZE"},
    NamedKeyword{kKeywordVrfy, "VRFY"},
    NamedKeyword{kKeywordEtrn, "ETRN"},
    NamedKeyword{kKeywordStarttls, "STARTTLS"},
    NamedKeyword{kKeywordAuth, "AUTH"},
    NamedKeyword{kKeywordXverp, "XVERP"},
    NamedKeyword{kKeywordXclient, "XCLIENT"},
    NamedKeyword{kKeywordXforward, "XFORWARD"},
    NamedKeyword{kKeywordEnhancedStatusCodes, "ENHANCEDSTATUSCODES"},
    NamedKeyword{kKeyword8BitMime, "8BITMIME"},
    NamedKeyword{kKeywordDsn, "DSN"},
    NamedKeyword{kKeywordSmtpUtf8, "SMTPUTF8"},
    NamedKeyword{kKeywordChunking, "CHUNKING"},
    NamedKeyword{kKeywordRequireTls, "REQUIRETLS"},
    NamedKeyword{kKeywordBinaryMime, "BINARYMIME"},
    NamedKeyword{kKeywordMtPriority, "MT-PRIORITY"},
    NamedKeyword{kKeywordSilentDiscard, "silent-discard"},
};

constexpr bool is_separator(char c) noexcept {
  return c == ',' || c == '\n' || c == '\r' || text::is_blank(c);
}

KeywordSet find_keyword(std::string_view word) noexcept {
  if (text::equals_ignore_case(word, "verp")) return kKeywordXverp;
  for (const NamedKeyword& known : kNamedKeywords) {
    if (text::equals_ignore_case(word, known.name)) return known.keyword;
  }
  return 0;
}

}  // namespace

Result<KeywordSet> parse_keyword_list(std::string_view list) noexcept {
  KeywordSet set = 0;
  size_t position = 0;
  while (position < list.size()) {
    if (is_separator(list[position])) {
      ++position;
      continue;
    }
    size_t end = position;
    while (end < list.size() && !is_separator(list[end])) ++end;
    const KeywordSet found = find_keyword(list.substr(position, end - position));
    if (found == 0) {
      return Error{.code = Code::kMalformed,
                   .detail = static_cast<uint16_t>(position),
                   .text = "unknown EHLO keyword"};
    }
    set |= found;
    position = end;
  }
  return set;
}

std::string keyword_list(KeywordSet set) {
  static constexpr std::array kOrder = {kKeyword8BitMime,
                                        kKeywordAuth,
                                        kKeywordEtrn,
                                        kKeywordPipelining,
                                        kKeywordSize,
                                        kKeywordXverp,
                                        kKeywordVrfy,
                                        kKeywordXclient,
                                        kKeywordXforward,
                                        kKeywordStarttls,
                                        kKeywordEnhancedStatusCodes,
                                        kKeywordDsn,
                                        kKeywordSmtpUtf8,
                                        kKeywordChunking,
                                        kKeywordRequireTls,
                                        kKeywordBinaryMime,
                                        kKeywordMtPriority};
  std::string list;
  for (const Keyword keyword : kOrder) {
    if ((set & keyword) == 0) continue;
    if (!list.empty()) list += ' ';
    list += keyword == kKeywordXverp ? "VERP" : keyword_name(keyword);
  }
  return list;
}

std::string_view keyword_name(Keyword keyword) noexcept {
  for (const NamedKeyword& known : kNamedKeywords) {
    if (known.keyword == keyword) return known.name;
  }
  return {};
}

}  // namespace barid::smtp
