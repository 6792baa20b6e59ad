// Goal: content and end of a message are found whatever the segmentation, and only CRLF.CRLF ends
// it.
#include "bench/dot_decoder.h"

#include <gtest/gtest.h>

#include <string>

namespace barid::bench {
namespace {

struct Decoded {
  std::string content;
  size_t taken = 0;
  bool done = false;
};

Decoded decode(std::string_view in, size_t step) {
  DotDecoder decoder;
  decoder.reset();
  Decoded out;
  while (out.taken < in.size() && !decoder.done()) {
    const std::string_view piece = in.substr(out.taken, step);
    out.taken += decoder.decode(piece, [&](std::string_view part) { out.content += part; });
  }
  out.done = decoder.done();
  return out;
}

TEST(DotDecoder, Rfc5321_4_5_2_AnySegmentation) {
  struct Row {
    std::string_view in;
    std::string_view content;
    bool done;
    std::string_view rest;
  };
  for (const Row& row :
       {Row{"a\r\n.\r\n", "a\r\n", true, ""}, Row{".\r\n", "", true, ""},
        Row{"..\r\n.\r\nQUIT\r\n", ".\r\n", true, "QUIT\r\n"},
        Row{"a\r\n..b\r\n.c\r\n.\r\n", "a\r\n.b\r\nc\r\n", true, ""},
        Row{"a.b\r\n.\r\n", "a.b\r\n", true, ""}, Row{"\r\n.\r\n", "\r\n", true, ""},
        Row{"a\n.\nb\r\n.\r\n", "a\n.\nb\r\n", true, ""},  // bare LF ends nothing
        Row{"a\n.\r\nb\r\n.\r\n", "a\n.\r\nb\r\n", true, ""},
        Row{"a\r\n.\nb\r\n.\r\n", "a\r\n\nb\r\n", true, ""},  // a stuffed dot before LF
        Row{"a\r\n.\r\r\n.\r\n", "a\r\n\r\r\n", true, ""},    // dot CR CR is not the end
        Row{"a\r\n.\rb\r\n.\r\n", "a\r\n\rb\r\n", true, ""},
        Row{"a\r.\r\n.\r\n", "a\r.\r\n", true, ""},  // bare CR ends nothing
        Row{"a\r\n.", "a\r\n", false, ""}, Row{"a\r\n", "a\r\n", false, ""}}) {
    for (size_t step = 1; step <= row.in.size(); ++step) {
      SCOPED_TRACE(testing::Message() << testing::PrintToString(row.in) << " by " << step);
      const Decoded got = decode(row.in, step);
      EXPECT_EQ(got.content, row.content);
      EXPECT_EQ(got.done, row.done);
      EXPECT_EQ(row.in.substr(got.taken), row.rest);
    }
  }
}

}  // namespace
}  // namespace barid::bench
