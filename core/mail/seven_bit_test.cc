// Goal: each rule of the conversion, exactly. Method: rows of a message and its 7-bit form, run at
// several places of a block's end; "null" stands for a message that cannot be converted.
#include "core/mail/seven_bit.h"

#include <gtest/gtest.h>

#include <string>

namespace barid {
namespace {

std::string convert(std::string_view bytes) {
  const ContentRef content = ContentRef::make();
  content->append(bytes);
  const ContentRef converted = to_seven_bit(*content);
  if (!converted) return "null";
  std::string out;
  for (const std::string_view span : converted->spans()) out += span;
  return out;
}

#define V "MIME-Version: 1.0\r\n"
#define Q "Content-Transfer-Encoding: quoted-printable\r\n"
#define E8 "Content-Transfer-Encoding: 8bit\r\n"
#define E7 "Content-Transfer-Encoding: 7bit\r\n"
#define U "Content-Type: text/plain; charset=unknown-8bit\r\n"
#define M "Content-Type: multipart/mixed; boundary=b\r\n"
#define R "Content-Type: message/rfc822\r\n"

struct Case {
  std::string_view name;
  std::string_view in;
  std::string_view out;  // empty: kept as it is
};

constexpr Case kCases[] = {
    {"7-bit", V "\r\nx=y \r\n", ""},
    {"empty", "", ""},
    {"not MIME", "To: a\r\n\r\n\xe9\r\n", "To: a\r\n" V U Q "\r\n=E9\r\n"},
    {"no type", V "\r\n\xe9\r\n", V Q "\r\n=E9\r\n"},
    {"no version", "Content-Type: text/html\r\n\r\n\xe9",
     "Content-Type: text/html\r\n" V Q "\r\n=E9"},
    {"no header", "h\xe9\r\n", V U Q "\r\nh=E9\r\n"},
    {"label replaced", V E8 "To: a\r\n\r\nx=\r\n", V Q "To: a\r\n\r\nx=3D\r\n"},
    {"label folded", V "content-transfer-encoding :\r\n (c) Binary\r\nTo: a\r\n\r\nx",
     V Q "To: a\r\n\r\nx"},
    {"label 7bit is wrong", V E7 "\r\n\xe9", V Q "\r\n=E9"},
    {"first label counts", V E8 "To: a\r\n" E7 "\r\nx", V Q "To: a\r\n\r\nx"},
    {"encoded", V Q "\r\n=e9  \r\n", ""},
    {"encoded, 8-bit", V Q "\r\n\xe9", "null"},
    {"unknown encoding, 8-bit", V "Content-Transfer-Encoding: x-uu\r\n\r\n\xe9", "null"},
    {"bare line ends", V "\r\n\xe9\n\r\r\n\r", V Q "\r\n=E9=0A=0D\r\n=0D"},
    {"blanks at the end", V "\r\n\xe9 \r\na b\t\r\n ", V Q "\r\n=E9=20\r\na b=09\r\n=20"},
    {"header", "Subject: \xe9\r\n\r\nx", "null"},
    {"part header", V M "\r\n--b\r\nX: \xe9\r\n\r\nx\r\n--b--\r\n", "null"},
    {"From line", "From a b:c\r\n" V "\r\n\xe9", "From a b:c\r\n" V Q "\r\n=E9"},
    {"parts", V M E8 "\r\n--b\r\n\r\n\xe9\r\n--b\r\n" E7 "\r\nx \r\n--b--\r\n",
     V M E7 "\r\n--b\r\n" Q "\r\n=E9\r\n--b\r\n" E7 "\r\nx \r\n--b--\r\n"},
    {"parts, no version", M "\r\n--b\r\n\r\n\xe9\r\n--b--", M V "\r\n--b\r\n" Q "\r\n=E9\r\n--b--"},
    {"boundary prefixes",
     V M "\r\n--b\r\n\r\n--bb\r\n--b-\r\n--b--x\r\n --b\r\n\xe9\r\n--b \t\r\n\r\nx",
     V M "\r\n--b\r\n" Q "\r\n=2D-bb\r\n=2D-b-\r\n=2D-b--x\r\n --b\r\n=E9\r\n--b \t\r\n\r\nx"},
    {"boundary that an escape makes",
     V "Content-Type: multipart/a; boundary=\"=E9\"\r\n\r\n--=E9\r\n\r\n--\xe9\r\n--=E9--",
     V "Content-Type: multipart/a; boundary=\"=E9\"\r\n\r\n--=E9\r\n" Q "\r\n=2D-=E9\r\n--=E9--"},
    {"inner b ends at outer a",
     V "Content-Type: multipart/x; boundary=a\r\n\r\n--a\r\n" M
       "\r\n--b\r\n\r\nx\r\n--a\r\n\r\n\xe9",
     V "Content-Type: multipart/x; boundary=a\r\n\r\n--a\r\n" M "\r\n--b\r\n\r\nx\r\n--a\r\n" Q
       "\r\n=E9"},
    {"no blank line in a part", V M "\r\n--b\r\n\xe9\r\n--b--",
     V M "\r\n--b\r\n" Q "\r\n=E9\r\n--b--"},
    {"empty part", V M "\r\n--b\r\n" E8 "\r\n--b\r\n--b--", V M "\r\n--b\r\n" Q "\r\n--b\r\n--b--"},
    {"around the parts", V M "\r\n\xe9\r\n--\xe9\r\n--b\r\n\r\nx\r\n--b--\r\n\xe9y\r\n--b\r\n",
     V M "\r\n?\r\n?-?\r\n--b\r\n\r\nx\r\n--b--\r\n?y\r\n--b\r\n"},
    {"no delimiter", V M "\r\n\xe9\r\n", "null"},
    {"closed at once", V M "\r\n\xe9\r\n--b--\r\n", "null"},
    {"no boundary", V "Content-Type: multipart/mixed\r\n\r\n\xe9\r\n", "null"},
    {"message", V R E8 "\r\n" V "\r\n\xe9", V R E7 "\r\n" V Q "\r\n=E9"},
    {"message, not MIME", V R "\r\nTo: a\r\n\r\n\xe9", V R "\r\nTo: a\r\n" V U Q "\r\n=E9"},
    {"message header", V R "\r\nTo: \xe9\r\n\r\nx", "null"},
    {"digest",
     V "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\n" V "\r\n\xe9\r\n--b--",
     V "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\n" V Q "\r\n=E9\r\n--b--"},
    {"status", V "Content-Type: message/delivery-status\r\n" E8 "\r\nx",
     V "Content-Type: message/delivery-status\r\n" E7 "\r\nx"},
    {"status, 8-bit", V "Content-Type: message/delivery-status\r\n\r\n\xe9", "null"},
    {"global", V "Content-Type: message/global-headers\r\n" E8 "\r\nX: \xe9",
     V "Content-Type: message/global-headers\r\n" Q "\r\nX: =E9"},
    {"global, 7-bit", V "Content-Type: message/global\r\n" E8 "\r\nX: y",
     V "Content-Type: message/global\r\n" E7 "\r\nX: y"},
};

TEST(SevenBit, Rfc2045And2046) {
  for (const Case& c : kCases) {
    EXPECT_EQ(convert(c.in), c.out.empty() ? c.in : c.out) << c.name;
  }
}

TEST(SevenBit, BlockEndsAnywhere) {
  for (const Case& c : kCases) {
    if (c.in.starts_with("From ") || c.name == "no header") continue;
    for (size_t at = 0; at <= c.in.size(); ++at) {
      const std::string filler =
          "X: " + std::string(Content::kFirstBlockBytes - 5 - at, 'x') + "\r\n";
      const std::string want = filler + std::string(c.out.empty() ? c.in : c.out);
      EXPECT_EQ(convert(filler + std::string(c.in)), c.out == "null" ? "null" : want)
          << c.name << " at " << at;
    }
  }
}

TEST(SevenBit, LinesOfAtMost76) {
  const std::string header = V Q "\r\n";
  const auto body = [&](const std::string& line) {
    const std::string out = convert(V E8 "\r\n" + line + "\r\n");
    return out.starts_with(header) ? out.substr(header.size()) : out;
  };
  const std::string x73(73, 'x');
  EXPECT_EQ(body(x73 + "xxx"), x73 + "xxx\r\n");
  EXPECT_EQ(body(x73 + "xxxx"), x73 + "xx=\r\nxx\r\n");
  EXPECT_EQ(body(x73 + "\xe9"), x73 + "=E9\r\n");
  EXPECT_EQ(body(x73 + "\xe9y"), x73 + "=\r\n=E9y\r\n");
  EXPECT_EQ(body(x73 + "x\xe9"), x73 + "x=\r\n=E9\r\n");
  EXPECT_EQ(body(x73 + "xx--b"), x73 + "xx=\r\n=2D-b\r\n");
}

TEST(SevenBit, Depth) {
  const auto nested = [](size_t depth) {
    std::string message;
    for (size_t i = 0; i < depth; ++i) message += V R "\r\n";
    return message + V;
  };
  EXPECT_EQ(convert(nested(kMimeDepthMax) + "\r\n\xe9"), nested(kMimeDepthMax) + Q "\r\n=E9");
  EXPECT_EQ(convert(nested(kMimeDepthMax + 1) + "\r\n\xe9"), "null");
}

}  // namespace
}  // namespace barid
