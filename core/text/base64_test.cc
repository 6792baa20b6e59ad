// Goal: RFC 4648's vectors, and every malformation told. Method: rows.
#include "core/text/base64.h"

#include <gtest/gtest.h>

namespace barid::text {
namespace {

TEST(Base64, Rfc4648_10) {
  struct Case {
    std::string_view plain, encoded;
  };
  for (const Case& c : {Case{"", ""}, Case{"f", "Zg=="}, Case{"fo", "Zm8="}, Case{"foo", "Zm9v"},
                        Case{"foob", "Zm9vYg=="}, Case{"fooba", "Zm9vYmE="},
                        Case{"foobar", "Zm9vYmFy"}, Case{"\xff\xfe\xfd", "//79"}}) {
    std::string encoded;
    append_base64(encoded, c.plain);
    EXPECT_EQ(encoded, c.encoded);
    EXPECT_EQ(decode_base64(c.encoded), c.plain);
  }
}

TEST(Base64, Tolerated) {
  EXPECT_EQ(decode_base64("Zm9v\r\nYmFy\n"), "foobar");
  EXPECT_EQ(decode_base64("Zg"), "f");
  EXPECT_EQ(decode_base64("Zm8"), "fo");
  EXPECT_EQ(decode_base64("Z g = ="), "f");
}

TEST(Base64, Refused) {
  for (const std::string_view text : {"Z", "Zm9vY", "Zg=", "=", "====", "Zg==Zg==", "Zm9v=", "Zm-v",
                                      "Zm_v", "Zm9v\x01", "data:,x", "Zg===", "\xc3\xa9"}) {
    EXPECT_EQ(decode_base64(text), std::nullopt) << text;
  }
}

TEST(Base64, Hex) {
  std::string out;
  append_hex(out, std::string_view("\x00\xff\x10", 3));
  EXPECT_EQ(out, "00ff10");
}

}  // namespace
}  // namespace barid::text
