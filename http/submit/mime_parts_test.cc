// Goal: parts come out as they went in, whatever their coding; hostile messages stay within bounds.
// Method: messages of our own composer, and hand-made ones.
#include "http/submit/mime_parts.h"

#include <gtest/gtest.h>

#include "core/mail/compose.h"
#include "core/mem/content.h"

namespace barid::http {
namespace {

std::string composed(const Composition& composition) {
  const ContentRef content = ContentRef::make();
  compose(composition, *content);
  std::string out;
  for (const std::string_view span : content->spans()) out += span;
  return out;
}

TEST(MimeParts, OfOurOwnMessages) {
  Composition composition;
  composition.from = {.local = "a", .domain = "b.example"};
  composition.to = {{.local = "c", .domain = "d.example"}};
  composition.subject = "s";
  composition.message_id = "i@b.example";
  composition.boundary = "boundary";
  composition.text =
      "p\xc3\xa4"
      "ckchen\n.\n..x";
  composition.html = "<p>" + std::string(2000, 'x') + "\xe2\x9c\x93</p>";
  composition.files.push_back({.filename = "f.bin", .bytes = std::string("\0\xff\r\n", 4)});
  const auto parts = read_mime_parts(composed(composition));
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_EQ(parts[0].type, "text/plain");
  EXPECT_EQ(parts[0].content, *composition.text);
  EXPECT_EQ(parts[1].type, "text/html");
  EXPECT_EQ(parts[1].content.substr(0, composition.html->size()), *composition.html);
  EXPECT_TRUE(parts[2].attached);
  EXPECT_EQ(parts[2].content, composition.files[0].bytes);
}

TEST(MimeParts, CharsetsAndEmbeddedMessages) {
  const auto parts = read_mime_parts(
      "Content-Type: multipart/report; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain; "
      "charset=iso-8859-1\r\n\r\ncaf\xe9\r\n--x\r\nContent-Type: message/delivery-status\r\n\r\n"
      "Reporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: rfc822; a@b.example\r\n--x\r\n"
      "Content-Type: message/rfc822\r\n\r\nMessage-ID: <i@b.example>\r\nSubject: s\r\n\r\nbody\r\n"
      "--x--\r\n");
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_EQ(parts[0].content.substr(0, 5), "caf\xc3\xa9");
  EXPECT_EQ(parts[1].type, "message/delivery-status");
  EXPECT_NE(parts[1].content.find("Final-Recipient: rfc822; a@b.example"), std::string::npos);
  EXPECT_EQ(parts[2].type, "message/rfc822");
  EXPECT_NE(parts[2].content.find("Message-ID: <i@b.example>"), std::string::npos);
  EXPECT_EQ(parts[2].content.find("body"), std::string::npos);
}

TEST(MimeParts, HostileOnesStayWithinBounds) {
  std::string many = "Content-Type: multipart/mixed; boundary=x\r\n\r\n";
  for (int i = 0; i < 1000; ++i) many += "--x\r\n\r\nt\r\n";
  EXPECT_EQ(read_mime_parts(many).size(), kMimePartsMax);
  std::string deep;
  for (int i = 0; i < 1000; ++i) {
    deep += "Content-Type: multipart/mixed; boundary=b" + std::to_string(i) + "\r\n\r\n--b" +
            std::to_string(i) + "\r\n";
  }
  EXPECT_LE(read_mime_parts(deep).size(), kMimePartsMax);
  for (const std::string_view text :
       {"", "\r\n", "no header", "Content-Type: multipart/mixed\r\n"}) {
    EXPECT_LE(read_mime_parts(text).size(), 1u);
  }
  std::string large = "Content-Transfer-Encoding: base64\r\nContent-Type: application/x\r\n\r\n";
  for (size_t i = 0; i < 120'000; ++i)
    large += "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=\r\n";
  const auto parts = read_mime_parts(large);
  ASSERT_EQ(parts.size(), 1u);
  EXPECT_LE(parts[0].content.size(), kMimePartBytesMax);
}

}  // namespace
}  // namespace barid::http
