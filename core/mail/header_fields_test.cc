// Goal: a header is found and taken apart whatever spans it lies in; the From domain is read from
// every form of address. Method: rows; each message cut at every place.
#include "core/mail/header_fields.h"

#include <gtest/gtest.h>

namespace barid {
namespace {

TEST(HeaderFields, SplitMessage) {
  const struct {
    std::string_view message;
    std::string_view header;
    uint64_t body_offset;
  } kRows[] = {
      {"A: b\r\n\r\nbody", "A: b\r\n", 8},
      {"A: b\r\n c\r\nD: e\r\n\r\n\r\nbody", "A: b\r\n c\r\nD: e\r\n", 18},
      {"\r\nbody", "", 2},
      {"A: b\r\n", "A: b\r\n", 6},
      {"A: b", "A: b", 4},
      {"A: b\n\nno end\r\n", "A: b\n\nno end\r\n", 14},
      {"", "", 0},
  };
  for (const auto& row : kRows) {
    for (size_t cut = 0; cut <= row.message.size(); ++cut) {
      const std::string_view spans[] = {row.message.substr(0, cut), row.message.substr(cut)};
      std::string scratch;
      const MessageParts parts = split_message(spans, &scratch);
      EXPECT_EQ(parts.header, row.header) << cut;
      EXPECT_EQ(parts.body_offset, row.body_offset) << cut;
    }
  }
  std::string scratch;
  EXPECT_EQ(split_message({}, &scratch).body_offset, 0u);
}

TEST(HeaderFields, SplitHeader) {
  const auto fields = split_header("A: b\r\n\tc\r\nNo colon\r\nX y: z\r\nLast : q");
  ASSERT_EQ(fields.size(), 4u);
  EXPECT_EQ(fields[0].whole, "A: b\r\n\tc\r\n");
  EXPECT_EQ(fields[0].name, "A");
  EXPECT_EQ(fields[0].body(), " b\r\n\tc\r\n");
  EXPECT_EQ(fields[1].name, "");
  EXPECT_EQ(fields[1].body(), "");
  EXPECT_EQ(fields[2].name, "");
  EXPECT_EQ(fields[3].name, "Last");
  EXPECT_TRUE(split_header("").empty());
}

TEST(HeaderFields, FirstDomain) {
  const struct {
    std::string_view body;
    std::string_view domain;
  } kRows[] = {
      {" user@example.org\r\n", "example.org"},
      {" Name <user@EXAMPLE.org>\r\n", "example.org"},
      {" \"a@b.example\" <user@example.org>", "example.org"},
      {" a@b.example (c@d.example (nested)) ", "b.example"},
      {" user@(odd)example(er).org", "example.org"},
      {" user@example\r\n .org", "example.org"},
      {" x@y.example <user@example.org>", "example.org"},
      {" Many <a@one.example>, b@two.example", "one.example"},
      {" a@one.example, b@two.example", "one.example"},
      {" one, two@example.org", "example.org"},
      {" Group: a@one.example, b@two.example;", "one.example"},
      {" Empty:;", ""},
      {" <@route.example,@second.example:user@example.org>", "example.org"},
      {" \"quoted @ local\"@example.org.", "example.org"},
      {" user@[192.0.2.1]", ""},
      {" user", ""},
      {" \"unclosed", ""},
      {" (unclosed a@b.example", ""},
      {"", ""},
      {" пример@пример.example", "пример.example"},
  };
  for (const auto& row : kRows) EXPECT_EQ(first_domain(row.body), row.domain) << row.body;
}

}  // namespace
}  // namespace barid
