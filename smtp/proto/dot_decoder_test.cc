// Goal: only CRLF "." CRLF ends data; everything else is content, byte for byte, however the input
// is cut. Method: rows, each in every two-way split and byte by byte; then every short string over
// the four bytes that matter against a plain reference.
#include "smtp/proto/dot_decoder.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace barid::smtp {
namespace {

using namespace std::string_view_literals;

struct Decoded {
  std::string content;
  size_t used = 0;
  bool finished = false;
  bool bare_newline = false;
  bool operator==(const Decoded&) const = default;
};

Decoded decode(const std::vector<std::string_view>& pieces) {
  DotDecoder decoder;
  Decoded out;
  for (const std::string_view piece : pieces) {
    if (decoder.finished()) break;
    // A copy of exact size, so that a sanitizer sees any read beyond the piece.
    const std::vector<char> exact(piece.begin(), piece.end());
    out.used += decoder.feed({exact.data(), exact.size()},
                             [&out](std::string_view span) { out.content.append(span); });
  }
  out.finished = decoder.finished();
  out.bare_newline = decoder.bare_newline();
  return out;
}

std::vector<std::string_view> bytes_of(std::string_view text) {
  std::vector<std::string_view> pieces;
  for (size_t i = 0; i < text.size(); ++i) pieces.push_back(text.substr(i, 1));
  return pieces;
}

/// The rule of RFC 5321 4.5.2 in its plainest form, over the whole text at once.
Decoded reference(std::string_view text) {
  Decoded out;
  size_t line = 0;
  while (line < text.size()) {
    size_t end = text.find("\r\n", line);
    const bool complete = end != std::string_view::npos;
    std::string_view content = text.substr(line, complete ? end + 2 - line : end);
    if (content == ".\r\n") {
      out.finished = true;
      out.used = line + 3;
      break;
    }
    // A lone "." or ".\r" at the end of the input is still held back.
    if (!complete && (content == "." || content == ".\r")) {
      out.used = text.size();
      break;
    }
    if (content.starts_with('.')) content.remove_prefix(1);
    out.content.append(content);
    line = complete ? end + 2 : text.size();
    out.used = line;
  }
  for (size_t i = 0; i < out.content.size(); ++i) {
    if (out.content[i] == '\n' && (i == 0 || out.content[i - 1] != '\r')) out.bare_newline = true;
  }
  return out;
}

TEST(DotDecoder, Rows) {
  struct Case {
    std::string_view in;
    std::string_view content;
    bool finished;
    bool bare = false;
  };
  const Case kCases[] = {
      {"", "", false},
      {".\r\n", "", true},
      {"a\r\n.\r\n", "a\r\n", true},
      {"a\r\n..\r\n.\r\n", "a\r\n.\r\n", true},
      {"..\r\n.\r\n", ".\r\n", true},
      {".a\r\n.\r\n", "a\r\n", true},
      {"a.\r\n.\r\n", "a.\r\n", true},
      // none of these ends the data
      {"a\n.\n", "a\n.\n", false, true},
      {"a\n.\r\n", "a\n.\r\n", false, true},
      {"a\r\n.\n", "a\r\n\n", false, true},
      {"a\r.\r", "a\r.\r", false},
      {"a\r\n.\r", "a\r\n", false},
      {"a\r\n.\rb", "a\r\n\rb", false},
      {"a\r\n.\r\r\n", "a\r\n\r\r\n", false},
      {"a\r.\r\n", "a\r.\r\n", false},
      {"a\n\r\n.\n\r\n", "a\n\r\n\n\r\n", false, true},
      {"\n.\r\n", "\n.\r\n", false, true},
      {"\r.\r\n", "\r.\r\n", false},
      {"a\r\n\0.\r\n"sv, "a\r\n\0.\r\n"sv, false},
      {"a\r\0\n.\r\n"sv, "a\r\0\n.\r\n"sv, false, true},
      // bytes pass as they are
      {"\0\x80\xff\r\n.\r\n"sv, "\0\x80\xff\r\n"sv, true},
      {"a\rb\r\r\n.\r\n", "a\rb\r\r\n", true},
      {"a\nb\r\n.\r\n", "a\nb\r\n", true, true},
      {".\n\r\n.\r\n", "\n\r\n", true, true},
  };
  for (const Case& c : kCases) {
    SCOPED_TRACE(testing::PrintToString(std::string(c.in)));
    const Decoded whole = decode({c.in});
    EXPECT_EQ(whole.content, c.content);
    EXPECT_EQ(whole.finished, c.finished);
    EXPECT_EQ(whole.bare_newline, c.bare);
    EXPECT_EQ(whole.used, c.in.size());
    EXPECT_EQ(decode(bytes_of(c.in)), whole);
    for (size_t cut = 0; cut <= c.in.size(); ++cut) {
      EXPECT_EQ(decode({c.in.substr(0, cut), c.in.substr(cut)}), whole) << cut;
    }
  }
}

TEST(DotDecoder, LeavesWhatFollows) {
  DotDecoder decoder;
  std::string content;
  const std::string_view input = "x\r\n.\r\nMAIL FROM:<a>\r\n.\r\n";
  EXPECT_EQ(decoder.feed(input, [&](std::string_view span) { content += span; }), 6u);
  EXPECT_EQ(content, "x\r\n");
  decoder.reset();
  EXPECT_FALSE(decoder.finished());
}

TEST(DotDecoder, EveryShortStringAgreesWithReference) {
  constexpr std::string_view kAlphabet = "\r\n.x";
  constexpr size_t kLengthMax = 8;
  for (size_t length = 0; length <= kLengthMax; ++length) {
    size_t combinations = 1;
    for (size_t i = 0; i < length; ++i) combinations *= kAlphabet.size();
    for (size_t n = 0; n < combinations; ++n) {
      std::string text;
      for (size_t i = 0, rest = n; i < length; ++i, rest /= 4) text += kAlphabet[rest % 4];
      const Decoded expected = reference(text);
      ASSERT_EQ(decode({text}), expected) << testing::PrintToString(text);
      ASSERT_EQ(decode(bytes_of(text)), expected) << testing::PrintToString(text);
    }
  }
}

}  // namespace
}  // namespace barid::smtp
