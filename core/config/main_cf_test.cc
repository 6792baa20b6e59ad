// Goal: main.cf's lexical rules, with the file and line of every complaint.
// Method: golden text in, settings and diagnostics out.
#include "core/config/main_cf.h"

#include <gtest/gtest.h>

namespace barid::config {
namespace {

struct Parsed {
  std::string settings;  // name@line=value, one a line
  std::string messages;  // E or W, then the text
};

Parsed parse(std::string_view contents) {
  Settings settings;
  Diagnostics diagnostics;
  parse_main_cf(contents, "main.cf", settings, diagnostics);
  Parsed out;
  for (const auto& [name, setting] : settings) {
    out.settings += name + "@" + std::to_string(setting.line) + "=" + setting.value + "\n";
  }
  for (const Diagnostic& error : diagnostics.errors) out.messages += "E " + error.str() + "\n";
  for (const Diagnostic& warning : diagnostics.warnings)
    out.messages += "W " + warning.str() + "\n";
  return out;
}

TEST(MainCf, OddSyntax) {
  struct Case {
    std::string_view in, settings, messages;
  };
  const Case cases[] = {
      {"", "", ""},
      {"a = b\n", "a@1=b\n", ""},
      {"a=b", "a@1=b\n", ""},
      {"a =\n", "a@1=\n", ""},
      {"a = b = c\n", "a@1=b = c\n", ""},
      {"a = b # not a comment\n", "a@1=b # not a comment\n", ""},
      {"# c\n\na = 1,\n# inside\n\n   # and here\n  2\nb = 3\n", "a@3=1,  2\nb@8=3\n", ""},
      {"a =\n  b\n", "a@1=b\n", ""},
      {"A = 1\na = 2\n", "A@1=1\na@2=2\n", ""},
      {"a = 1\r\nb = 2\r\n", "a@1=1\nb@2=2\n", ""},
      {"a = 1\na = 2\n", "a@2=2\n", "W main.cf, line 2: overriding earlier entry: a=1\n"},
      {"a = 1\na = 1\n", "a@2=1\n", ""},
      {"  x = 1\na = 2\n", "a@2=2\n",
       "W main.cf: logical line must not start with whitespace: \"  x = 1\"\n"},
      {"my destination = x\n", "",
       "E main.cf, line 1: missing '=' after attribute name: \"my destination = x\"\n"},
      {"a = 1\n= 2\n", "a@1=1\n", "E main.cf, line 2: missing attribute name: \"= 2\"\n"},
      {"a\n  = 1\n", "a@1=1\n", ""},
      {std::string_view("a = 1\0x\n", 8), "", "E main.cf, line 1: null byte in text\n"},
      {"slow-lane_destination_rate_delay = 1s", "slow-lane_destination_rate_delay@1=1s\n", ""},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.in);
    const Parsed got = parse(c.in);
    EXPECT_EQ(got.settings, c.settings);
    EXPECT_EQ(got.messages, c.messages);
  }
}

}  // namespace
}  // namespace barid::config
