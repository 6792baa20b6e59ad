// Goal: the DATA encoding is exact: dots, line breaks, the end, and the report of contents that a
// lenient receiver would cut. Method: rows, each with the content cut into spans at every place.
#include "smtp/proto/dot_stuffer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace barid::smtp {
namespace {

std::string encode(const std::vector<std::string_view>& content, uint32_t limit,
                   size_t pieces_max) {
  DotStuffer stuffer(content, scan_content(content, limit), limit);
  std::string out;
  std::vector<iovec> pieces(pieces_max);
  while (!stuffer.done()) {
    const size_t count = stuffer.next(pieces);
    for (size_t i = 0; i < count; ++i) {
      EXPECT_GT(pieces[i].iov_len, 0u);
      out.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
    }
  }
  EXPECT_EQ(stuffer.next(pieces), 0u);
  return out;
}

/// Every way to cut the content into three spans, some of them empty.
void expect_encoding(std::string_view content, uint32_t limit, std::string_view want) {
  for (size_t a = 0; a <= content.size(); ++a) {
    for (size_t b = a; b <= content.size(); ++b) {
      const std::vector<std::string_view> spans = {content.substr(0, a), content.substr(a, b - a),
                                                   content.substr(b)};
      ASSERT_EQ(encode(spans, limit, 5), want) << "cut at " << a << ", " << b;
    }
  }
  EXPECT_EQ(encode({content}, limit, 1), want);
}

TEST(DotStuffer, Rfc5321_4_5_2) {
  struct Case {
    std::string_view content;
    std::string_view want;
  };
  constexpr Case kCases[] = {
      {"", ".\r\n"},
      {"a\r\n", "a\r\n.\r\n"},
      {"a", "a\r\n.\r\n"},
      {".", "..\r\n.\r\n"},
      {".\r\n", "..\r\n.\r\n"},
      {"..\r\n", "...\r\n.\r\n"},
      {"a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n.\r\n"},
      {"a\r\n.b\r\n.c", "a\r\n..b\r\n..c\r\n.\r\n"},
      {"a.b\r\n", "a.b\r\n.\r\n"},
      {"\r\n.\r\n.\r\n", "\r\n..\r\n..\r\n.\r\n"},
      // Bare CR and LF are content: unchanged, no line start behind them, no line end before the
      // end.
      {"a\n.b\r\n", "a\n.b\r\n.\r\n"},
      {"a\r.b\r\n", "a\r.b\r\n.\r\n"},
      {"a\n", "a\n\r\n.\r\n"},
      {"a\r", "a\r\r\n.\r\n"},
      {"a\n\r\n", "a\n\r\n.\r\n"},
      {"a\r\r\n.b\r\n", "a\r\r\n..b\r\n.\r\n"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(testing::PrintToString(c.content));
    expect_encoding(c.content, 0, c.want);
    expect_encoding(c.content, 998, c.want);
  }
}

TEST(DotStuffer, BreaksLongLines) {
  struct Case {
    std::string_view content;
    uint32_t limit;
    std::string_view want;
  };
  constexpr Case kCases[] = {
      {"12345\r\n", 5, "12345\r\n.\r\n"},
      {"123456\r\n", 5, "12345\r\n 6\r\n.\r\n"},
      {"1234567890abc\r\nx\r\n", 5, "12345\r\n 6789\r\n 0abc\r\nx\r\n.\r\n"},
      {"123456789\r\n", 5, "12345\r\n 6789\r\n.\r\n"},
      {"12345", 5, "12345\r\n.\r\n"},
      {"123456", 5, "12345\r\n 6\r\n.\r\n"},
      {".2345\r\n", 5, "..2345\r\n.\r\n"},
      {".23456\r\n", 5, "..2345\r\n 6\r\n.\r\n"},
      {"12345.\r\n", 5, "12345\r\n .\r\n.\r\n"},
      {"1234\n67\r\n", 5, "1234\n\r\n 67\r\n.\r\n"},
      {"12345\r", 5, "12345\r\n \r\r\n.\r\n"},
      {"12345\n", 5, "12345\r\n \n\r\n.\r\n"},
      {"1234\r\r\n", 5, "1234\r\r\n.\r\n"},
      {"123\r\n123456\r\n", 5, "123\r\n12345\r\n 6\r\n.\r\n"},
      {"123\r\n", 1, "12\r\n 3\r\n.\r\n"},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(testing::PrintToString(c.content));
    expect_encoding(c.content, c.limit, c.want);
  }
}

TEST(ScanContent, SeesWhatNeedsCare) {
  struct Case {
    std::string_view content;
    bool dots;
    bool lenient;
    bool lines;  // longer than 5
  };
  constexpr Case kCases[] = {
      {"", false, false, false},
      {"abc\r\nde.f\r\n", false, false, false},
      {".", true, false, false},
      {"a\r\n.b", true, false, false},
      {"12345\r\n", false, false, false},
      {"123456\r\n", false, false, true},
      {"a\r\n123456", false, false, true},
      {"12345\r", false, false, true},
      {"a\n.\nb\r\n", false, true, false},
      {"a\n.\r\nb\r\n", false, true, false},
      {"a\r.\r\n", false, true, false},
      {"a\r.\rb", false, true, false},
      {"a\n.", false, true, false},
      {"\n.\n", false, true, false},
      {"a\n.b", false, false, false},
      {"a\n..\n", false, false, false},
      {"a\r\n.\nb", true, false, false},
      {"a\r\n\r.\r", false, true, false},
      {"123\n.67\r\n", false, true, true},
      {"12\n.x\r\n123456\r\n", false, true, true},
      {"1\n.x\r\n12345\r\n", false, false, false},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(testing::PrintToString(c.content));
    for (size_t a = 0; a <= c.content.size(); ++a) {
      for (size_t b = a; b <= c.content.size(); ++b) {
        const std::vector<std::string_view> spans = {
            c.content.substr(0, a), c.content.substr(a, b - a), c.content.substr(b)};
        const ContentScan scan = scan_content(spans, 5);
        ASSERT_EQ(scan.dot_lines, c.dots) << a << ' ' << b;
        ASSERT_EQ(scan.lenient_end, c.lenient) << a << ' ' << b;
        ASSERT_EQ(scan.long_lines, c.lines) << a << ' ' << b;
        ASSERT_FALSE(scan_content(spans, 0).long_lines);
      }
    }
  }
}

TEST(ScanContent, FindsOneDotAnywhereInALongText) {
  std::string content;
  while (content.size() < 300) content += "0123456789abcdef\r\n";
  for (size_t at = 18; at < 288; at += 18) {
    std::string dotted = content;
    dotted[at] = '.';
    const std::string_view view = dotted;
    const std::vector<std::string_view> spans = {view};
    EXPECT_TRUE(scan_content(spans, 998).dot_lines) << at;
    dotted[at - 2] = 'x';
    dotted[at + 1] = '\r';
    EXPECT_TRUE(scan_content(spans, 998).lenient_end) << at;
  }
}

TEST(DotStuffer, PlainContentGoesOutInItsOwnSpans) {
  const std::vector<std::string_view> content = {"Subject: x\r\n", "\r\n", "body\r\n"};
  DotStuffer stuffer(content, scan_content(content, 998), 998);
  std::vector<iovec> pieces(8);
  ASSERT_EQ(stuffer.next(pieces), 4u);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(pieces[i].iov_base, content[i].data());
}

}  // namespace
}  // namespace barid::smtp
