// Goal: tags are found whatever folds stand between them; what is no list is named. Method: rows.
#include "core/mail/tag_list.h"

#include <gtest/gtest.h>

#include <string>

namespace barid::dkim {
namespace {

TEST(TagList, Rows) {
  struct Case {
    std::string_view text;
    std::string_view tags;  // name[value], one after the other
    std::string_view problem = {};
  };
  constexpr Case kCases[] = {
      {"", ""},
      {" ; ", "", "it is not a list of name=value"},
      {"v=1", "v[1]"},
      {" v = 1 ;\r\n\tb=ab\r\n cd==; ", "v[1]b[ab\r\n cd==]"},
      {"p=", "p[]"},
      {"a=1;b", "a[1]", "it is not a list of name=value"},
      {"a=1; =2", "a[1]", "it has a tag without a name"},
      {"_=1", "", "it has a tag without a name"},
      {"a_1=1; b-2=3", "a_1[1]b-2[3]"},
      {"a=1; A=2; a=3", "a[1]A[2]", "a tag is there twice"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.text);
    const ParsedTags parsed = parse_tags(c.text);
    std::string text;
    for (const Tag& tag : parsed.tags) {
      text += std::string(tag.name) + "[" + std::string(tag.value) + "]";
    }
    EXPECT_EQ(text, c.tags);
    EXPECT_EQ(parsed.problem, c.problem);
  }
}

TEST(TagList, Bounded) {
  std::string text;
  for (size_t i = 0; i <= kTagsMax; ++i) text += "t" + std::to_string(i) + "=;";
  EXPECT_EQ(parse_tags(text).problem, "it has too many tags");
}

}  // namespace
}  // namespace barid::dkim
