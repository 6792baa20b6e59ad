// Goal: both versions are read, whatever the segmentation, and everything else is refused.
// Method: rows of headers, each also byte by byte.
#include "shard/net/proxy_header.h"

#include <gtest/gtest.h>

namespace barid::net {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

constexpr std::string_view kSignature = "\r\n\r\n\0\r\nQUIT\n"sv;

std::string binary(char command, char family, std::string_view body) {
  std::string header(kSignature);
  header +=
      {command, family, static_cast<char>(body.size() >> 8), static_cast<char>(body.size() & 255)};
  return header.append(body);
}

struct Row {
  std::string_view name;
  std::string header;
  std::string source;  ///< with port; "local"; empty: malformed
};

std::vector<Row> rows() {
  const std::string v4 = "\xc0\x00\x02\x01\xc6\x33\x64\x01\xdc\x04\x00\x19"s;
  const std::string v6 = std::string("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16) +
                         std::string(16, '\0') + std::string("\x30\x39\x00\x19", 4);
  return {
      {"v1 TCP4", "PROXY TCP4 192.0.2.1 198.51.100.1 56324 25\r\n", "[192.0.2.1]:56324"},
      {"v1 TCP6", "PROXY TCP6 2001:db8::1 2001:db8::2 12345 25\r\n", "[2001:db8::1]:12345"},
      {"v1 unknown", "PROXY UNKNOWN\r\n", "local"},
      {"v1 unknown with words", "PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", "local"},
      {"v1 LF before the end", "PROXY UNKNOWN 1\n\r\n", ""},
      {"v1 CR before the end", "PROXY UNKNOWN 1\r1\r\n", "local"},
      {"v1 wrong family", "PROXY TCP6 192.0.2.1 198.51.100.1 1 2\r\n", ""},
      {"v1 no port", "PROXY TCP4 192.0.2.1 198.51.100.1 1\r\n", ""},
      {"v1 large port", "PROXY TCP4 192.0.2.1 198.51.100.1 65536 25\r\n", ""},
      {"v1 zeros", "PROXY TCP4 192.0.2.1 198.51.100.1 01 25\r\n", ""},
      {"v1 more words", "PROXY TCP4 192.0.2.1 198.51.100.1 1 2 3\r\n", ""},
      {"v1 two blanks", "PROXY TCP4  192.0.2.1 198.51.100.1 1 2\r\n", ""},
      {"v1 bare LF", "PROXY TCP4 192.0.2.1 198.51.100.1 1 2\n", ""},
      {"v1 endless", "PROXY UNKNOWN " + std::string(200, 'x'), ""},
      {"v1 no address", "PROXY TCP4 mx.example 198.51.100.1 1 2\r\n", ""},
      {"v2 TCP4", binary('\x21', '\x11', v4), "[192.0.2.1]:56324"},
      {"v2 TCP4 with extensions", binary('\x21', '\x11', v4 + "\x04\x00\x01x"s),
       "[192.0.2.1]:56324"},
      {"v2 TCP6", binary('\x21', '\x21', v6), "[2001:db8::1]:12345"},
      {"v2 local", binary('\x20', '\x00', ""), "local"},
      {"v2 unspecified", binary('\x21', '\x00', ""), "local"},
      {"v2 UDP", binary('\x21', '\x12', v4), ""},
      {"v2 short addresses", binary('\x21', '\x11', v4.substr(0, 11)), ""},
      {"v2 version 3", binary('\x31', '\x11', v4), ""},
      {"v2 command 2", binary('\x22', '\x11', v4), ""},
      {"v2 too long", binary('\x21', '\x11', v4 + std::string(5000, 'x')), ""},
      {"SMTP", "EHLO client.example\r\n", ""},
      {"HTTP", "GET / HTTP/1.1\r\n", ""},
  };
}

TEST(ProxyHeader, Rows) {
  for (const Row& row : rows()) {
    SCOPED_TRACE(row.name);
    const std::string input = row.header + "EHLO behind\r\n";
    ProxyHeader header;
    size_t consumed = 0;
    const ProxyParse parsed = parse_proxy_header(input, &header, &consumed);
    if (row.source.empty()) {
      EXPECT_EQ(parsed, ProxyParse::kMalformed);
      continue;
    }
    ASSERT_EQ(parsed, ProxyParse::kDone);
    EXPECT_EQ(consumed, row.header.size());
    EXPECT_EQ(header.is_local, row.source == "local");
    if (!header.is_local) {
      EXPECT_EQ("[" + header.source.ip_text() + "]:" + std::to_string(header.source.port()),
                row.source);
    }
    for (size_t length = 0; length < row.header.size(); ++length) {
      EXPECT_EQ(parse_proxy_header(std::string_view(input).substr(0, length), &header, &consumed),
                ProxyParse::kNeedMore)
          << length;
    }
  }
}

}  // namespace
}  // namespace barid::net
