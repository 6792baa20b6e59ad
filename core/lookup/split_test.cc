// Goal: lists, groups, name = value and logical lines split exactly as main.cf needs.
// Method: rows of input and expected pieces.
#include "core/lookup/split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/lookup/logical_lines.h"

namespace barid::lookup {
namespace {

TEST(SplitList, GroupsProtectBlanksAndCommas) {
  struct Case {
    std::string_view in;
    std::vector<std::string_view> items;
  };
  const Case cases[] = {
      {"", {}},
      {" , ,\t", {}},
      {"a,b c\td", {"a", "b", "c", "d"}},
      {"{ a b }, c", {"a b", "c"}},
      {"inline:{ {k=a b}, x=y } z", {"inline:{ {k=a b}, x=y }", "z"}},
      {"{a}{b}", {"{a}{b}"}},
      {"{ open, to the end", {"{ open, to the end"}},
      {"a} b", {"a}", "b"}},
      {"{}", {""}},
      {"{{a b}} c", {"{a b}", "c"}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.in);
    EXPECT_EQ(split_list(c.in), c.items);
  }
}

TEST(SplitList, BlankSeparatorKeepsCommas) {
  EXPECT_EQ(split_list("-o a=b,c {x y}", Separators::kBlank),
            (std::vector<std::string_view>{"-o", "a=b,c", "x y"}));
}

TEST(SplitNameValue, EveryError) {
  struct Case {
    std::string_view in, name, value, error;
  };
  const Case cases[] = {
      {"a = b", "a", "b", ""},
      {"a=b", "a", "b", ""},
      {" a\t=\t b c \r", "a", "b c", ""},
      {"a =", "a", "", ""},
      {"a = b = c # d", "a", "b = c # d", ""},
      {"a", "", "", "missing '=' after attribute name"},
      {"my destination = x", "", "", "missing '=' after attribute name"},
      {"= x", "", "", "missing attribute name"},
      {"", "", "", "missing attribute name"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.in);
    const NameValue got = split_name_value(c.in);
    EXPECT_EQ(got.name, c.name);
    EXPECT_EQ(got.value, c.value);
    EXPECT_EQ(got.error == nullptr ? "" : std::string_view(got.error), c.error);
  }
}

struct Line {
  std::string text;
  int line;
  bool operator==(const Line&) const = default;
};
void PrintTo(const Line& line, std::ostream* out) { *out << line.line << ": " << line.text; }

std::vector<Line> lines_of(std::string_view contents) {
  std::vector<Line> out;
  LogicalLineReader reader(contents);
  LogicalLine line;
  while (reader.next(line)) out.push_back({line.text, line.line});
  return out;
}

TEST(LogicalLines, CommentsNeverEndALine) {
  struct Case {
    std::string_view in;
    std::vector<Line> out;
  };
  const Case cases[] = {
      {"", {}},
      {"\n\n# x\n  # y\n", {}},
      {"a = b\nc = d\n", {{"a = b", 1}, {"c = d", 2}}},
      {"a = b\n  c\n\td", {{"a = b  c\td", 1}}},
      {"a = b\n# note\n\n   # note\n  c\nd = e", {{"a = b  c", 1}, {"d = e", 6}}},
      {"# first\n\na = #b", {{"a = #b", 3}}},
      {"  orphan\na = b", {{"  orphan", 1}, {"a = b", 2}}},
      {"  orphan\n more\na = b", {{"  orphan more", 1}, {"a = b", 3}}},
      {"a = b\r\n\r\n c\r\n", {{"a = b\r c\r", 1}}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.in);
    EXPECT_EQ(lines_of(c.in), c.out);
  }
}

TEST(LogicalLines, OrphanWarningQuotesThirtyCharacters) {
  EXPECT_EQ(orphan_warning(" x"), "logical line must not start with whitespace: \" x\"");
  EXPECT_EQ(orphan_warning(" 234567890123456789012345678901"),
            "logical line must not start with whitespace: \" 23456789012345678901234567890...\"");
}

TEST(FoldedKey, FoldsShortAndLongKeys) {
  EXPECT_EQ(FoldedKey("AbC@\xc3\x84").view(), "abc@\xc3\x84");
  EXPECT_EQ(FoldedKey(std::string(1000, 'A')).view(), std::string(1000, 'a'));
}

}  // namespace
}  // namespace barid::lookup
