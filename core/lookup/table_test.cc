// Goal: each table type answers found, not found and "cannot tell" as documented, and complains
// well. Method: tables opened over files that are strings.
#include "core/lookup/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <map>

namespace barid::lookup {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

struct Files {
  std::map<std::string, std::string> contents;
  std::vector<std::string> warnings;

  OpenContext context() {
    return {.read_file = [this](const std::string& path) -> Result<std::string> {
              const auto it = contents.find(path);
              if (it == contents.end()) return error_from_errno(ENOENT);
              return it->second;
            },
            .warnings = &warnings};
  }
};

std::string answer(const Table& table, std::string_view key) {
  const LookupResult result = table.find(key);
  if (result.is_temporary()) return "!" + std::string(result.value());
  return result.is_found() ? "=" + std::string(result.value()) : "-";
}

TEST(OpenTable, UsersAndGroupsOfThisMachine) {
  Files files;
  files.contents["/etc/passwd"] = "root:x:0:0:root:/root:/bin/sh\nAnna:x:7:7::/:\n\nbroken\n:x\n";
  files.contents["/etc/group"] = "mail:x:8:";
  const auto users = open_table("proxy:unix:passwd.byname", files.context());
  EXPECT_EQ(answer(*users, "root"), "=root:x:0:0:root:/root:/bin/sh");
  EXPECT_EQ(answer(*users, "anna"), "=Anna:x:7:7::/:");
  for (const std::string_view key : {"broken", "", "x", "mail", "root@a.example"}) {
    EXPECT_EQ(answer(*users, key), "-") << key;
  }
  EXPECT_EQ(answer(*open_table("unix:group.byname", files.context()), "mail"), "=mail:x:8:");
  EXPECT_THAT(files.warnings, IsEmpty());
  EXPECT_EQ(answer(*open_table("unix:hosts", files.context()), "root"),
            "!unix:hosts is unavailable. need \"unix:passwd.byname\" or \"unix:group.byname\"");
}

TEST(OpenTable, WhatASpecItselfHoldsIsNotShownOfSecrets) {
  const struct {
    const char* spec;
    const char* name;
    const char* warning;  // how it begins; null: there is none
  } kRows[] = {
      {"static:me:secret", "static:(hidden)", nullptr},
      {"inline:{ mx=me:secret }", "inline:(hidden)", nullptr},
      {"inline:{ mx=me:secret, secret }", "inline:(hidden)", "inline:(hidden) is unavailable. "},
      {"inline:{ mx=me:secret", "inline:(hidden)", "inline:(hidden) is unavailable. bad syntax"},
      {"inlin:{ mx=me:secret }", "inlin:(hidden)", "inlin:(hidden) is unavailable. unsupported"},
      {"me:secret", "me:(hidden)", "me:(hidden) is unavailable. unsupported"},
      {"unionmap:{ static:secret, inline:{ secret } }", "unionmap:(hidden)",
       "inline:(hidden) is unavailable. "},
      {"pcre:{ {/secret/ } }", "pcre:(hidden)", "pcre:(hidden): a rule cannot be used"},
      {"proxy:static:secret", "static:(hidden)", nullptr},
      {"texthash:/none", "texthash:/none", "texthash:/none is unavailable. open /none: "},
  };
  for (const auto& row : kRows) {
    Files files;
    OpenContext context = files.context();
    context.secret_values = true;
    const auto table = open_table(row.spec, context);
    EXPECT_EQ(table->name(), row.name);
    std::string said = answer(*table, "other");
    if (said.starts_with("=")) said.clear();  // found
    for (const std::string& warning : files.warnings) said += warning;
    EXPECT_EQ(said.find("secret"), std::string::npos) << said;
    ASSERT_EQ(files.warnings.empty(), row.warning == nullptr) << row.spec;
    if (row.warning != nullptr) EXPECT_THAT(files.warnings.front(), StartsWith(row.warning));
  }
}

TEST(OpenTable, AliasFiles) {
  Files files;
  files.contents["/a"] =
      "# comment\npostmaster: root\nroot:a@b.example,\n  c@d.example\n"
      "spaced :  x\n\"two words\": \"|cmd a:b\"\nnocolon x\nempty:\n";
  const auto table = open_table("aliases:/a", files.context());
  EXPECT_EQ(answer(*table, "Postmaster"), "=root");
  EXPECT_EQ(answer(*table, "root"), "=a@b.example,  c@d.example");
  EXPECT_EQ(answer(*table, "spaced"), "=x");
  EXPECT_EQ(answer(*table, "two words"), "=\"|cmd a:b\"");
  EXPECT_EQ(answer(*table, "nocolon"), "-");
  EXPECT_THAT(files.warnings, ElementsAre("/a, line 7: expected format: key: value",
                                          "/a, line 8: expected format: key: value"));
}

TEST(OpenTable, TypesAndAnswers) {
  struct Case {
    std::string_view spec, key, answer;
  };
  const Case cases[] = {
      {"inline:{ a=1, { B = two words } }", "A", "=1"},
      {"inline:{ a=1, { B = two words } }", "b", "=two words"},
      {"inline:{a=1}", "c", "-"},
      {"inline:{a=1, a=2}", "a", "=2"},
      {"proxy:inline:{a=1}", "a", "=1"},
      {"static:x", "anything", "=x"},
      {"static:{ two words }", "", "=two words"},
      {"fail:x", "k", "!fail:x lookup error"},
      {"dbm:/etc/x", "k", "!dbm:/etc/x is unavailable. unsupported dictionary type: dbm"},
      {"hash:/etc/x", "k",
       "!hash:/etc/x is unavailable. open /etc/x.db: No such file or directory"},
      {"texthash:/no", "k", "!texthash:/no is unavailable. open /no: No such file or directory"},
      {"cidr:/no", "k", "!cidr:/no is unavailable. open /no: No such file or directory"},
      {"inline:x", "k",
       "!inline:x is unavailable. bad syntax: \"inline:x\"; need "
       "\"inline:{name=value...}\""},
      {"inline:{}", "k", "!inline:{} is unavailable. empty inline table"},
      {"inline:{a}", "k", "!inline:{a} is unavailable. missing '=' after attribute name: \"a\""},
      {"plain", "k", "!plain is unavailable. need \"type:name\""},
      {"unionmap:{inline:{a=1},inline:{a=2,b=3}}", "a", "=1,2"},
      {"unionmap:{inline:{a=1},inline:{a=2,b=3}}", "b", "=3"},
      {"unionmap:{inline:{a=1},inline:{a=2,b=3}}", "c", "-"},
      {"unionmap:{inline:{a=1},fail:y}", "a", "!fail:y lookup error"},
      {"unionmap:{}", "a",
       "!unionmap:{} is unavailable. bad syntax: \"unionmap:{}\"; need "
       "\"unionmap:{type:name...}\""},
      {"cidr:{ {10.0.0.0/8 private}, {::/0 six} }", "10.1.1.1", "=private"},
      {"cidr:{ {10.0.0.0/8 private}, {::/0 six} }", "2001:db8::1", "=six"},
      {"cidr:{ {10.0.0.0/8 private}, {::/0 six} }", "11.0.0.1", "-"},
      {"cidr:{ {10.0.0.0/8 private} }", "host.example", "-"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.spec);
    Files files;
    EXPECT_EQ(answer(*open_table(c.spec, files.context()), c.key), c.answer);
    if (c.answer.find("unavailable") != std::string_view::npos) {
      std::string told(c.answer.substr(1));
      if (told.find("unsupported") != std::string::npos) {
        told +=
            " (there are aliases, btree, cdb, cidr, fail, hash, inline, lmdb, pcre, regexp, "
            "static, texthash, unionmap, "
            "unix)";
      }
      EXPECT_THAT(files.warnings, ElementsAre(told));
    } else {
      EXPECT_THAT(files.warnings, IsEmpty());
    }
  }
}

TEST(OpenTable, DeepNestingIsRefusedNotFollowed) {
  std::string spec = "static:x";
  for (int i = 0; i < 1000; ++i) spec = "unionmap:{" + spec + "}";
  Files files;
  EXPECT_TRUE(open_table(spec, files.context())->find("k").is_temporary());
}

TEST(OpenTable, KeyStyle) {
  Files files;
  const auto style = [&](std::string_view spec) {
    return open_table(spec, files.context())->key_style();
  };
  EXPECT_EQ(style("inline:{a=b}"), KeyStyle::kFixed);
  EXPECT_EQ(style("static:x"), KeyStyle::kFixed);
  EXPECT_EQ(style("cidr:{ {::/0 x} }"), KeyStyle::kPattern);
  EXPECT_EQ(style("fail:x"), KeyStyle::kPattern);
  EXPECT_EQ(style("unionmap:{static:x}"), KeyStyle::kFixed);
  EXPECT_EQ(style("unionmap:{static:x,fail:y}"), KeyStyle::kPattern);
}

TEST(TextHash, SourceFormat) {
  Files files;
  files.contents["/t"] =
      "# comment\n"
      "Example.COM  smtp:[10.0.0.1]:25 \n"
      "long one\n"
      "# in between\n"
      "   two\n"
      "\"quoted \\\" key\"@x value\n"
      "lonely\n"
      "alias: x\n"
      "long again\n";
  const auto table = open_table("texthash:/t", files.context());
  EXPECT_EQ(answer(*table, "example.com"), "=smtp:[10.0.0.1]:25");
  EXPECT_EQ(answer(*table, "LONG"), "=one   two");
  EXPECT_EQ(answer(*table, "\"quoted \\\" key\"@X"), "=value");
  EXPECT_EQ(answer(*table, "lonely"), "-");
  EXPECT_EQ(answer(*table, "alias:"), "=x");
  EXPECT_THAT(files.warnings,
              ElementsAre("/t, line 7: expected format: key whitespace value",
                          "/t, line 8: record is in \"key: value\" format; is this an alias file?",
                          "/t, line 9: duplicate entry: \"long\""));
}

TEST(Cidr, RulesIfAndErrors) {
  Files files;
  files.contents["/c"] =
      "192.0.2.1 exact\n"
      "if 192.0.2.0/24\n"
      "!192.0.2.128/25 low\n"
      "192.0.2.0/24 high\n"
      "endif\n"
      "10.0.0.1/8 bad\n"
      "10.0.0.0/8\n"
      "if !198.51.100.0/24\n"
      "[2001:db8::]/32 doc\n"
      "0.0.0.0/0 other\n"
      "endif\n"
      "endif\n"
      "if junk\n"
      "0.0.0.0/0 never\n";
  const auto table = open_table("cidr:/c", files.context());
  struct Case {
    std::string_view key, answer;
  };
  const Case cases[] = {
      {"192.0.2.1", "=exact"}, {"192.0.2.2", "=low"}, {"192.0.2.200", "=high"},
      {"10.9.9.9", "=other"},  {"198.51.100.1", "-"}, {"2001:db8::5", "-"},
      {"2001:db9::5", "-"},    {"name.example", "-"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.key);
    EXPECT_EQ(answer(*table, c.key), c.answer);
  }
  EXPECT_THAT(
      files.warnings,
      ElementsAre("cidr map /c, line 6: non-null host address bits in \"10.0.0.1/8\", perhaps you "
                  "should use \"10.0.0.0/8\" instead: skipping this rule",
                  "cidr map /c, line 7: no replacement text: skipping this rule",
                  "cidr map /c, line 12: ignoring ENDIF without matching IF",
                  "cidr map /c, line 13: bad address pattern: \"junk\": skipping this rule",
                  "cidr map /c, line 13: IF has no matching ENDIF"));
}

TEST(TableTypes, Sorted) {
  EXPECT_THAT(table_types(),
              ElementsAre("aliases", "btree", "cdb", "cidr", "fail", "hash", "inline", "lmdb",
                          "pcre", "regexp", "static", "texthash", "unionmap", "unix"));
}

}  // namespace
}  // namespace barid::lookup
