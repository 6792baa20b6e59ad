// Goal: canonical forms are those of RFC 6376, however a body is cut. Method: its examples, rows of
// odd endings and blanks, each cut at every place and byte by byte.
#include "core/mail/dkim_canonical.h"

#include <gtest/gtest.h>

namespace barid::dkim {
namespace {

class Collector final : public ByteSink {
 public:
  void take(std::string_view bytes) override { text.append(bytes); }
  std::string text;
};

std::string canonical_body(std::initializer_list<std::string_view> pieces, Canonical form) {
  Collector sink;
  BodyCanonicalizer body(form, sink);
  for (const std::string_view piece : pieces) body.add(piece);
  body.finish();
  return sink.text;
}

std::string canonical_field(std::string_view field, Canonical form) {
  std::string out;
  append_canonical_field(out, field, form);
  return out;
}

TEST(DkimCanonical, Bodies) {
  const struct {
    std::string_view body;
    std::string_view simple;
    std::string_view relaxed;
  } kRows[] = {
      {"", "\r\n", ""},
      {"\r\n", "\r\n", ""},
      {"\r\n\r\n\r\n", "\r\n", ""},
      {" \t\r\n \r\n", " \t\r\n \r\n", ""},
      {"a", "a\r\n", "a\r\n"},
      {"a\r\n", "a\r\n", "a\r\n"},
      {"a\r\n\r\n\r\n", "a\r\n", "a\r\n"},
      {"a \r\n", "a \r\n", "a\r\n"},
      {"a \t b\r\n", "a \t b\r\n", "a b\r\n"},
      {"a\tb\r\n", "a\tb\r\n", "a b\r\n"},
      {"\ta\r\n", "\ta\r\n", " a\r\n"},
      {"a\r\n \r\nb\r\n", "a\r\n \r\nb\r\n", "a\r\n\r\nb\r\n"},
      {" C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n", " C\r\nD E\r\n"},  // RFC 6376 3.4.5
      {"a\r", "a\r\r\n", "a\r\r\n"},
      {"a\rb\nc\r\n", "a\rb\nc\r\n", "a\rb\nc\r\n"},
      {"a \rb\r\n", "a \rb\r\n", "a \rb\r\n"},
      {"a \r\rb \n\r\n", "a \r\rb \n\r\n", "a \r\rb \n\r\n"},
      {"a\n\n", "a\n\n\r\n", "a\n\n\r\n"},
      {"a\r\n\r", "a\r\n\r\r\n", "a\r\n\r\r\n"},
      {"a \r", "a \r\r\n", "a \r\r\n"},
      {"a  ", "a  \r\n", "a\r\n"},
      {"\xc3\xa4  \xff\r\n", "\xc3\xa4  \xff\r\n", "\xc3\xa4 \xff\r\n"},
      {"one two three four five six seven eight  nine\tten\r\n",
       "one two three four five six seven eight  nine\tten\r\n",
       "one two three four five six seven eight nine ten\r\n"},
  };
  for (const auto& row : kRows) {
    for (const Canonical form : {Canonical::kSimple, Canonical::kRelaxed}) {
      const std::string_view wanted = form == Canonical::kSimple ? row.simple : row.relaxed;
      EXPECT_EQ(canonical_body({row.body}, form), wanted) << row.body;
      for (size_t cut = 0; cut <= row.body.size(); ++cut) {
        EXPECT_EQ(canonical_body({row.body.substr(0, cut), "", row.body.substr(cut)}, form), wanted)
            << row.body << " cut at " << cut;
      }
      Collector sink;
      BodyCanonicalizer body(form, sink);
      for (size_t i = 0; i < row.body.size(); ++i) body.add(row.body.substr(i, 1));
      body.finish();
      EXPECT_EQ(sink.text, wanted) << row.body;
    }
  }
}

TEST(DkimCanonical, LongBodiesGoThroughUnchanged) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "word" + std::to_string(i) + (i % 9 == 0 ? "\r\n" : " ");
  text += "end\r\n";
  std::string wanted = text;
  EXPECT_EQ(canonical_body({text}, Canonical::kSimple), wanted);
  // A blank before a CRLF would go; there is none here.
  EXPECT_EQ(canonical_body({text}, Canonical::kRelaxed), wanted);
}

TEST(DkimCanonical, LongBodiesWithBlanksAreAsByteByByte) {
  // Single bytes take the way that knows nothing of what follows; whole bodies that of lanes.
  constexpr std::string_view kAlphabets[] = {" \t\r\nab", "\r\n ", "ab c", "  \tabcdefgh\r\n"};
  uint32_t random = 1;
  for (const std::string_view alphabet : kAlphabets) {
    for (size_t bytes = 1020; bytes < 5000; bytes += 97) {
      std::string text;
      while (text.size() < bytes) {
        random = random * 1'664'525 + 1'013'904'223;
        const char c = alphabet[(random >> 16) % alphabet.size()];
        text.append(1 + (random >> 28) % 3, c);
        if (c == '\r' && (random >> 27) % 2 == 0) text += '\n';
      }
      Collector sink;
      BodyCanonicalizer body(Canonical::kRelaxed, sink);
      for (const char& c : text) body.add({&c, 1});
      body.finish();
      ASSERT_EQ(canonical_body({text}, Canonical::kRelaxed), sink.text) << bytes;
    }
  }
}

TEST(DkimCanonical, Fields) {
  const struct {
    std::string_view field;
    std::string_view relaxed;
  } kRows[] = {
      {"A: X\r\n", "a:X\r\n"},                // RFC 6376 3.4.5
      {"B : Y\t\r\n\tZ  \r\n", "b:Y Z\r\n"},  // RFC 6376 3.4.5
      {"Subject:\r\n", "subject:\r\n"},
      {"Subject:  \r\n \r\n x\r\n", "subject:x\r\n"},
      {"SubJect\t: a\tb  c", "subject:a b c\r\n"},
      {"X: a\rb\nc\r\n", "x:a\rb\nc\r\n"},
      {"X: a:b:C\r\n", "x:a:b:C\r\n"},
      {"no colon here \r\n", "no colon here\r\n"},
  };
  for (const auto& row : kRows) {
    EXPECT_EQ(canonical_field(row.field, Canonical::kRelaxed), row.relaxed) << row.field;
    const std::string simple = canonical_field(row.field, Canonical::kSimple);
    EXPECT_EQ(simple, row.field.ends_with("\r\n") ? std::string(row.field)
                                                  : std::string(row.field) + "\r\n");
  }
}

}  // namespace
}  // namespace barid::dkim
