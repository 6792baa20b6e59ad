#include "dns/rdata.h"

#include <gtest/gtest.h>

namespace barid::dns {
namespace {

using namespace std::string_literals;

TEST(Rdata, Names) {
  struct Case {
    std::string wire;
    std::optional<std::string> name;
  };
  const std::string full = "\x3f" + std::string(63, 'a');
  const Case cases[] = {
      {"\0"s, ""},
      {"\2mx\7Example\0"s, "mx.Example"},
      {"\3a.b\1c\0"s, "a\\.b.c"},
      {"\3a\\b\0"s, "a\\\\b"},
      {"\3a b\0"s, "a\\032b"},
      {"\2\xc3\xbc\0"s, "\\195\\188"},
      {""s, std::nullopt},                                // nothing at all
      {"\2mx"s, std::nullopt},                            // no root label
      {"\3mx"s, std::nullopt},                            // label longer than what is there
      {"\2mx\0x"s, std::nullopt},                         // bytes after the root
      {"\xc0\x0c"s, std::nullopt},                        // compression pointer
      {full + full + full + full + "\0"s, std::nullopt},  // 257 bytes
      {full + full + full + "\x3d"s + std::string(61, 'b') + "\0"s,
       std::string(63, 'a') + "." + std::string(63, 'a') + "." + std::string(63, 'a') + "." +
           std::string(61, 'b')},
  };
  for (const Case& c : cases)
    EXPECT_EQ(decode_name(c.wire), c.name) << testing::PrintToString(c.wire);
}

TEST(Rdata, Mx) {
  EXPECT_EQ(decode_mx("\1\2\2mx\0"s), (MxRecord{258, "mx"}));
  EXPECT_EQ(decode_mx("\0\0\0"s), (MxRecord{0, ""}));
  for (const std::string& bad : {""s, "\0"s, "\0\12"s, "\0\12\2mx"s}) EXPECT_FALSE(decode_mx(bad));
}

TEST(Rdata, Addresses) {
  EXPECT_EQ(decode_address("\xc0\0\2\1"s, RecordType::kA)->text(), "192.0.2.1:0");
  const std::string v6 = "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"s;
  EXPECT_EQ(decode_address(v6, RecordType::kAaaa), net::SocketAddress::from_ip("2001:db8::1", 0));
  EXPECT_FALSE(decode_address(v6, RecordType::kA));
  EXPECT_FALSE(decode_address("\xc0\0\2\1"s, RecordType::kAaaa));
  EXPECT_FALSE(decode_address("", RecordType::kA));
}

TEST(Rdata, Text) {
  EXPECT_EQ(decode_text("\0"s), "");
  EXPECT_EQ(decode_text("\2ab\0\3cde"s), "abcde");
  for (const std::string& bad : {""s, "\2a"s, "\1a\2b"s}) EXPECT_FALSE(decode_text(bad));
}

TEST(Rdata, Tlsa) {
  EXPECT_EQ(decode_tlsa("\3\1\2\xaa\xbb"s), (TlsaRecord{3, 1, 2, "\xaa\xbb"}));
  EXPECT_FALSE(decode_tlsa("\3\1\2"s));  // RFC 6698 2.1: the data is not empty
}

TEST(Rdata, AppendGoesToTheFieldOfTheType) {
  Answer answer;
  EXPECT_TRUE(append_record(answer, RecordType::kMx, "\0\1\1m\0"s));
  EXPECT_TRUE(append_record(answer, RecordType::kA, "\xc0\0\2\1"s));
  EXPECT_TRUE(append_record(answer, RecordType::kPtr, "\1p\0"s));
  EXPECT_TRUE(append_record(answer, RecordType::kTxt, "\1t"s));
  EXPECT_TRUE(append_record(answer, RecordType::kTlsa, "\3\1\1x"s));
  EXPECT_FALSE(append_record(answer, RecordType::kMx, ""));
  EXPECT_EQ(answer.mx.size() + answer.addresses.size() + answer.names.size() + answer.texts.size() +
                answer.tlsa.size(),
            5u);
}

}  // namespace
}  // namespace barid::dns
