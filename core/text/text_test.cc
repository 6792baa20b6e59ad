// Goal: each helper of core/text does what its RFC says, at the edges too. Method: rows.
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "core/text/ascii.h"
#include "core/text/cursor.h"
#include "core/text/date.h"
#include "core/text/html.h"
#include "core/text/utf8.h"
#include "core/text/xtext.h"

namespace barid::text {
namespace {

using namespace std::string_view_literals;

TEST(Ascii, FoldsOnlyLetters) {
  for (int c = 0; c < 256; ++c) {
    const char byte = static_cast<char>(c);
    EXPECT_EQ(to_lower(byte) != byte, c >= 'A' && c <= 'Z') << c;
    EXPECT_EQ(to_upper(byte) != byte, c >= 'a' && c <= 'z') << c;
  }
  EXPECT_TRUE(equals_ignore_case("Mail", "mAIL"));
  EXPECT_FALSE(equals_ignore_case("Mail", "Mails"));
  EXPECT_FALSE(equals_ignore_case("@", "`"));
  EXPECT_FALSE(equals_ignore_case("[", "{"));
  EXPECT_TRUE(starts_with_ignore_case("from:<a>", "FROM:"));
  EXPECT_FALSE(starts_with_ignore_case("fro", "FROM:"));
}

TEST(Ascii, WordsAndBlanks) {
  std::string_view rest = " \tone  two\tthree ";
  EXPECT_EQ(take_word(rest), "one");
  EXPECT_EQ(take_word(rest), "two");
  EXPECT_EQ(take_word(rest), "three");
  EXPECT_EQ(take_word(rest), "");
  EXPECT_EQ(trim(" \t a b \t"), "a b");
  EXPECT_EQ(trim(" \t "), "");
}

TEST(Ascii, IsAsciiSeesEveryByte) {
  std::string value(37, 'a');
  EXPECT_TRUE(is_ascii(value));
  for (size_t i = 0; i < value.size(); ++i) {
    value[i] = '\x80';
    EXPECT_FALSE(is_ascii(value)) << i;
    value[i] = '\x7f';
  }
  EXPECT_TRUE(is_ascii(""));
}

TEST(Cursor, FailureIsSticky) {
  Cursor in("12a34");
  EXPECT_EQ(in.digit(), 1u);
  EXPECT_EQ(in.digit(), 2u);
  EXPECT_EQ(in.digit(), 0u);
  EXPECT_TRUE(in.failed());
  EXPECT_EQ(in.position(), 2u);
  EXPECT_EQ(in.take(), '\0');
  EXPECT_FALSE(in.take_if('a'));
  EXPECT_EQ(in.take_while(kAlnum), "");
  EXPECT_EQ(in.rest(), "");
}

TEST(Cursor, Numbers) {
  struct Case {
    std::string_view in;
    uint64_t max;
    bool ok;
    uint64_t value;
  };
  constexpr Case kCases[] = {
      {"0", 255, true, 0},
      {"255", 255, true, 255},
      {"256", 255, false, 0},
      {"999", 255, false, 0},
      {"", 255, false, 0},
      {"x", 255, false, 0},
      {"7", 5, false, 0},
      {"18446744073709551615", ~uint64_t{0}, true, ~uint64_t{0}},
      {"18446744073709551616", ~uint64_t{0}, false, 0},
      {"99999999999999999999999", ~uint64_t{0}, false, 0},
      {"9223372036854775807", (uint64_t{1} << 63) - 1, true, (uint64_t{1} << 63) - 1},
      {"9223372036854775808", (uint64_t{1} << 63) - 1, false, 0},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.in);
    Cursor in(c.in);
    EXPECT_EQ(in.number(c.max), c.value);
    EXPECT_EQ(!in.failed(), c.ok);
  }
}

TEST(Utf8, Rfc3629) {
  struct Case {
    std::string_view in;
    bool valid;
    std::string_view printable;
  };
  constexpr Case kCases[] = {
      {"", true, ""},
      {"plain", true, "plain"},
      {"na\xc3\xafve", true, "na\xc3\xafve"},
      {"\xe2\x82\xac \xf0\x9f\x98\x80", true, "\xe2\x82\xac \xf0\x9f\x98\x80"},
      {"\xc0\x80", false, "??"},            // overlong NUL
      {"\xc1\xbf", false, "??"},            // overlong
      {"\xe0\x9f\xbf", false, "???"},       // overlong
      {"\xf0\x8f\xbf\xbf", false, "????"},  // overlong
      {"\xed\xa0\x80", false, "???"},       // surrogate
      {"\xed\x9f\xbf", true, "\xed\x9f\xbf"},
      {"\xf4\x8f\xbf\xbf", true, "\xf4\x8f\xbf\xbf"},
      {"\xf4\x90\x80\x80", false, "????"},  // above U+10FFFF
      {"\xf5\x80\x80\x80", false, "????"},
      {"\x80", false, "?"},
      {"ab\xc3", false, "ab?"},  // cut short
      {"\xe2\x82", false, "??"},
      {"\xe2\x28\xa1", false, "?(?"},
      {"a\nb\rc\td\x1b[0m\x7f", true, "a?b?c?d?[0m?"},
      {"\xc2\x9b"
       "31m",
       true, "?31m"},  // C1 control sequence introducer
      {"\xc2\xa0", true, "\xc2\xa0"},
      {"nul\0x"sv, true, "nul?x"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(testing::PrintToString(std::string(c.in)));
    EXPECT_EQ(is_valid_utf8(c.in), c.valid);
    std::string out;
    append_printable(out, c.in);
    EXPECT_EQ(out, c.printable);
  }
  std::string ascii;
  append_printable_ascii(ascii, "na\xc3\xafve\n");
  EXPECT_EQ(ascii, "na??ve?");
}

TEST(Xtext, Rfc3461_4) {
  struct Case {
    std::string_view in;
    bool utf8;
    bool valid;
    std::string_view decoded;
  };
  constexpr Case kCases[] = {
      {"", false, true, ""},
      {"QQ314159", false, true, "QQ314159"},
      {"a+2Bb+3Dc", false, true, "a+b=c"},
      {"a+2bb", false, true, "a+b"},
      {"two+20words", false, true, "two words"},
      {"a+b", false, false, ""},  // "+b" is cut short
      {"a+", false, false, ""},
      {"a+2", false, false, ""},
      {"a+ZZ", false, false, ""},
      {"a=b", false, false, ""},
      {"a b", false, false, ""},
      {"a+0Ab", false, false, ""},  // a line feed must not come out of it
      {"a+00b", false, false, ""},
      {"a+7Fb", false, false, ""},
      {"a+C3+A9", false, false, ""},  // not ASCII when decoded
      {"\xc3\xa9", false, false, ""},
      {"\xc3\xa9", true, true, "\xc3\xa9"},
      {"\xc3", true, false, ""},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.in);
    EXPECT_EQ(is_xtext(c.in, {.utf8 = c.utf8}), c.valid);
    if (!c.valid) continue;
    std::string out = "prefix";
    append_xtext_decoded(out, c.in);
    EXPECT_EQ(out, "prefix" + std::string(c.decoded));
  }
}

TEST(Xtext, EncodingRoundTrips) {
  std::string all;
  for (int c = 0; c < 256; ++c) all.push_back(static_cast<char>(c));
  std::string encoded;
  append_xtext(encoded, all);
  EXPECT_EQ(encoded.find('='), std::string::npos);
  std::string decoded;
  append_xtext_decoded(decoded, encoded);
  EXPECT_EQ(decoded, all);
  std::string plus;
  append_xtext(plus, "a+b=c d");
  EXPECT_EQ(plus, "a+2Bb+3Dc+20d");
}

TEST(Html, TextHasNoMarkup) {
  EXPECT_EQ(html_text("a<b>&amp;\"'\n\xc3\xa9"), "a&lt;b&gt;&amp;amp;&quot;&#39;\n\xc3\xa9");
  std::string out = "x";
  append_html(out, "");
  EXPECT_EQ(out, "x");
}

TEST(Date, Rfc5322_3_3) {
  struct Case {
    int64_t seconds;
    ZoneOffset zone;
    std::string_view text;
  };
  const Case kCases[] = {
      {0, {}, "Thu, 1 Jan 1970 00:00:00 +0000"},
      {-1, {}, "Wed, 31 Dec 1969 23:59:59 +0000"},
      {951782400, {}, "Tue, 29 Feb 2000 00:00:00 +0000"},
      {4107542400, {}, "Mon, 1 Mar 2100 00:00:00 +0000"},  // 2100 has no 29 February
      {1795497900, {60, "CET"}, "Tue, 24 Nov 2026 06:25:00 +0100 (CET)"},
      {1795497900, {-570, ""}, "Mon, 23 Nov 2026 19:55:00 -0930"},
      {1795497900, {0, "UTC"}, "Tue, 24 Nov 2026 05:25:00 +0000 (UTC)"},
      {1893456000, {345, ""}, "Tue, 1 Jan 2030 05:45:00 +0545"},
      {253402300799, {}, "Fri, 31 Dec 9999 23:59:59 +0000"},
      {-62167219200, {}, "Sat, 1 Jan 0000 00:00:00 +0000"},
  };
  for (const Case& c : kCases) {
    std::string out;
    append_date(out, c.seconds, c.zone);
    EXPECT_EQ(out, c.text);
  }
}

}  // namespace
}  // namespace barid::text
