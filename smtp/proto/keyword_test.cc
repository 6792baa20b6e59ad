// Goal: lists of EHLO keywords parse as documented; verbs are recognised in any case and only as
// wholes. Method: rows.
#include "smtp/proto/keyword.h"

#include <gtest/gtest.h>

#include <string>

#include "smtp/proto/verb.h"

namespace barid::smtp {
namespace {

TEST(KeywordList, ParsesAndRefuses) {
  struct Case {
    std::string_view in;
    bool ok;
    KeywordSet set;
    uint16_t offset;
  };
  constexpr Case kCases[] = {
      {"", true, 0, 0},
      {" , ", true, 0, 0},
      {"dsn", true, kKeywordDsn, 0},
      {"DSN, silent-discard", true, kKeywordDsn | kKeywordSilentDiscard, 0},
      {"8bitmime,chunking\tsmtputf8", true, kKeyword8BitMime | kKeywordChunking | kKeywordSmtpUtf8,
       0},
      {"verp xverp", true, kKeywordXverp, 0},
      {"dsn nonsense", false, 0, 4},
      {"ds", false, 0, 0},
      {"dsn;etrn", false, 0, 0},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.in);
    const auto got = parse_keyword_list(c.in);
    ASSERT_EQ(got.ok(), c.ok);
    if (c.ok) {
      EXPECT_EQ(*got, c.set);
    } else {
      EXPECT_EQ(got.error().code, Code::kMalformed);
      EXPECT_EQ(got.error().detail, c.offset);
    }
  }
}

TEST(KeywordName, EachOneParsesBack) {
  for (uint32_t bit = 0; bit <= 17; ++bit) {
    const auto keyword = static_cast<Keyword>(1u << bit);
    const std::string_view name = keyword_name(keyword);
    ASSERT_FALSE(name.empty()) << bit;
    EXPECT_EQ(*parse_keyword_list(name), keyword);
  }
  EXPECT_EQ(keyword_name(static_cast<Keyword>(kKeywordDsn | kKeywordSize)), "");
}

TEST(Verb, FoundByWholeNameInAnyCase) {
  for (size_t i = 0; i + 1 < kVerbCount; ++i) {
    const auto verb = static_cast<Verb>(i);
    std::string name(verb_name(verb));
    EXPECT_EQ(find_verb(name), verb);
    for (size_t j = 0; j < name.size(); j += 2) name[j] = static_cast<char>(name[j] | 0x20);
    EXPECT_EQ(find_verb(name), verb) << name;
    EXPECT_EQ(find_verb(name + "x"), Verb::kUnknown);
    EXPECT_EQ(find_verb(name.substr(1)), Verb::kUnknown);
  }
  for (const std::string_view word : {"", "MAI", "MAILFROM", "UNKNOWN", "STARTTLSX", "M\xc1IL"}) {
    EXPECT_EQ(find_verb(word), Verb::kUnknown) << word;
  }
}

TEST(Keyword, ListAsLogged) {
  EXPECT_EQ(keyword_list(*parse_keyword_list("dsn, etrn verp chunking silent-discard")),
            "ETRN VERP DSN CHUNKING");
  EXPECT_EQ(keyword_list(0), "");
}

}  // namespace
}  // namespace barid::smtp
