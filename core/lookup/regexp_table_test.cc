// Goal: regexp and pcre tables mean what pcre_table(5) says; bad rules are named and left out.
// Method: rows of rules, keys and results, over files that are strings.
#include <gtest/gtest.h>

#include "core/lookup/table_list.h"

namespace barid::lookup {
namespace {

struct Opened {
  std::unique_ptr<Table> table;
  std::vector<std::string> warnings;
};

Opened open(std::string_view type, const std::string& file, bool literal = false) {
  Opened opened;
  const OpenContext context{
      .read_file = [&file](const std::string&) -> Result<std::string> { return file; },
      .warnings = &opened.warnings,
      .literal_results = literal};
  opened.table = open_table(std::string(type) + ":/etc/t", context);
  return opened;
}

std::string ask(const Table& table, std::string_view key) {
  const LookupResult result = table.find(key);
  if (result.is_temporary()) return "?";
  return result.is_found() ? std::string(result.value()) : "-";
}

struct Row {
  std::string_view type;
  std::string file;
  std::string_view key;
  std::string_view expected;
};

TEST(RegexpTable, Rows) {
  const std::string nested = "if /^a/\nif !/z/\n/b/ inner\nendif\n/z$/ outer $$\nendif\n/./ rest\n";
  const Row rows[] = {
      {"pcre", "/^X-Message-(.*)$/ Information $1", "X-Message-Result: 79461",
       "Information Result: 79461"},
      {"regexp", "/^X-Message-(.*)$/ Information ${1}!", "x-message-a", "Information a!"},
      {"pcre", "/^a/i yes", "A", "-"},
      {"pcre", "/^a/ one\n/^a/ two", "abc", "one"},
      {"pcre", "!/^a/ no a", "b", "no a"},
      {"pcre", "!!/^a/ yes", "a", "yes"},
      {"pcre", "! /^a/ blank", "b", "blank"},
      {"pcre", "|^/a| other delimiter", "/a", "other delimiter"},
      {"pcre", "/a\\/b/ escaped", "a/b", "escaped"},
      {"pcre", "/a.b/ dot", "a\nb", "dot"},
      {"pcre", "/a.b/s dot", "a\nb", "-"},
      {"regexp", "/a.b/ dot", "a\nb", "-"},
      {"pcre", "/a b/x extended", "ab", "extended"},
      {"pcre", "/^b/m multi", "a\nb", "multi"},
      {"pcre", "/(a)|(b)/ <$1|$2>", "b", "<|b>"},
      {"pcre", "/(.)(.)/ $(2)$1$$", "xy", "yx$"},
      {"pcre", "/x/", "x", ""},
      {"pcre", nested, "ab", "inner"},
      {"pcre", nested, "abz", "outer $"},
      {"pcre", nested, "c", "rest"},
      {"pcre", "# comment\n/a/\n  continued", "a", "continued"},
  };
  for (const Row& row : rows) {
    const Opened opened = open(row.type, row.file);
    EXPECT_EQ(ask(*opened.table, row.key), row.expected) << row.file << " of " << row.key;
  }
}

TEST(RegexpTable, BadRulesAreNamedAndLeftOut) {
  const std::pair<std::string, std::string_view> rows[] = {
      {"/(/ x",
       "pcre map /etc/t, line 1: error in regex at offset 1: missing closing parenthesis: "
       "skipping this rule"},
      {"/a x", "pcre map /etc/t, line 1: no closing regexp delimiter \"/\": skipping this rule"},
      {"/a\\", "pcre map /etc/t, line 1: no closing regexp delimiter \"/\": skipping this rule"},
      {"/a/q x", "pcre map /etc/t, line 1: unknown regexp option \"q\": skipping this rule"},
      {"/a/ $1",
       "pcre map /etc/t, line 1: bad $number: no such group in the regular expression: "
       "skipping this rule"},
      {"/(a)/ $0",
       "pcre map /etc/t, line 1: bad $number: no such group in the regular "
       "expression: skipping this rule"},
      {"!/(a)/ $1",
       "pcre map /etc/t, line 1: $number substitution with a negated pattern: skipping this rule"},
      {"a x",
       "pcre map /etc/t, line 1: no regular expression, or one without delimiters: skipping "
       "this rule"},
      {"endif", "pcre map /etc/t, line 1: ignoring ENDIF without matching IF"},
      {"if /b/", "pcre map /etc/t, line 1: IF has no matching ENDIF"},
      {"/z/", "pcre map /etc/t, line 1: no replacement text: using empty string"},
  };
  for (const auto& [file, warning] : rows) {
    const Opened opened = open("pcre", file + "\n/never/ x\n");
    ASSERT_EQ(opened.warnings.size(), 1u) << file;
    EXPECT_EQ(opened.warnings[0], warning);
    EXPECT_EQ(ask(*opened.table, "a"), "-") << file;
  }
}

TEST(RegexpTable, ABadConditionGuardsItsBlock) {
  const Opened opened = open("pcre", "if /(/\n/./ inside\nendif\n/./ outside\n");
  EXPECT_EQ(ask(*opened.table, "a"), "outside");
}

TEST(RegexpTable, EndlessMatchesAreATemporaryFailure) {
  const Opened opened = open("pcre", "/^(a+)+$/ x");
  EXPECT_EQ(ask(*opened.table, std::string(40, 'a') + "b"), "?");
}

TEST(RegexpTable, InlineAndComplete) {
  std::vector<std::string> warnings;
  const OpenContext context{.warnings = &warnings};
  const TableList list("x", "regexp:{{/^[^A-Z]/ Bogus}, {!/B/ no b}}", context);
  EXPECT_EQ(list.find("\x16\x03").value(), "Bogus");
  EXPECT_EQ(list.find("CONNECT").value(), "no b");
  EXPECT_FALSE(list.find("BDAT").is_found());
  EXPECT_FALSE(list.find("\x16", KeyExtent::kPartial).is_found());
  EXPECT_TRUE(open_table("pcre:{ {/a/ b}", context)->find("a").is_temporary());
  EXPECT_TRUE(open_table("pcre:/nosuch", context)->find("a").is_temporary());
}

/// What the sender of a message chooses must not decide where it goes or which program runs.
TEST(RegexpTable, SomeParametersTakeNoGroups) {
  const Opened opened = open("pcre", "/^(.*)@x$/ smtp:$1\n/y/ smtp:fixed\n", /*literal=*/true);
  EXPECT_EQ(ask(*opened.table, "a@x"), "-");
  EXPECT_EQ(ask(*opened.table, "y"), "smtp:fixed");
  EXPECT_EQ(opened.warnings.at(0),
            "pcre map /etc/t, line 1: $number substitution is not allowed "
            "here: skipping this rule");
  std::vector<std::string> warnings;
  const OpenContext context{.warnings = &warnings};
  EXPECT_FALSE(
      TableList("transport_maps", "pcre:{{/^(.*)$/ smtp:$1}}", context).find("a").is_found());
  EXPECT_TRUE(
      TableList("virtual_alias_maps", "pcre:{{/^(.*)$/ $1}}", context).find("a").is_found());
}

}  // namespace
}  // namespace barid::lookup
